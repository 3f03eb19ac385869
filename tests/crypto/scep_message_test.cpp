#include "crypto/scep_message.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/crypto/dear_key.h"
#include "tests/crypto/foreign_scep.h"
#include "tests/crypto/scep_party.h"

namespace ringfence::crypto {
namespace {

using test::ra_extensions;

const std::string nonce(scep_nonce_size, 'n');
const std::string other_nonce(scep_nonce_size, 'o');
constexpr ScepAlgorithms modern{ScepCipher::aes128, ScepDigest::sha256};

TEST(ScepCapabilities, UnknownKeywordsCaseAndLineEndsDoNotMatter) {
    const auto found = parse_scep_capabilities("aes\r\nPOSTPKIOperation\nSHA-3\n\n renewal \nSHA-512");
    EXPECT_TRUE(found.aes && found.post && found.renewal && found.sha512);
    EXPECT_FALSE(found.sha256);
    const auto standard = parse_scep_capabilities("SCEPStandard\n");
    EXPECT_TRUE(standard.aes && standard.post && standard.sha256);
    EXPECT_FALSE(standard.renewal);
    const auto nothing = parse_scep_capabilities("<html>AES SHA-256</html>");
    EXPECT_FALSE(nothing.aes || nothing.post || nothing.sha256 || nothing.renewal);
}

TEST(ScepCapabilities, TheStrongestThatTheServerKnowsIsSentAndNeverSingleDesOrMd5) {
    EXPECT_EQ(choose_algorithms(parse_scep_capabilities("AES\nSHA-256\nSHA-512\nDES3")).digest, ScepDigest::sha256);
    EXPECT_EQ(choose_algorithms(parse_scep_capabilities("AES\nSHA-512")).digest, ScepDigest::sha512);
    const auto weakest = choose_algorithms(parse_scep_capabilities("DES\nMD5"));
    EXPECT_EQ(weakest.cipher, ScepCipher::triple_des);
    EXPECT_EQ(weakest.digest, ScepDigest::sha1);
}

class Scep : public ::testing::Test {
protected:
    static test::ScepParty& party() {
        static test::ScepParty one;
        return one;
    }
    static PrivateKey phone_key() { return test::key("scep phone", KeyType::rsa2048); }
    static const CertificationRequest& request() {
        static const auto made = CertificationRequest::make({"NTIPP0102AB", "", {}, {}}, Secret("s3cret"), phone_key());
        return *made;
    }
    static const Signer& phone() {
        static SeededRandom random(1);
        static const Signer signer{*make_scep_signer(request(), phone_key(), test::test_now, random), phone_key()};
        return signer;
    }
    static ScepAttributes ask(ScepMessageType type = ScepMessageType::pkcs_request) {
        return {type, "id/+=1", nonce, "", {}, {}, {}};
    }
    static ScepAttributes answer(ScepStatus status) {
        return {ScepMessageType::certificate_reply, "id/+=1", other_nonce, nonce, status, {}, {}};
    }
    static ScepExpectation expectation() {
        return {"id/+=1", nonce, {party().ra().certificate, party().ca().issuing()}, phone(), SingleDes::refused};
    }
    static std::string sent(ScepAlgorithms algorithms = modern) {
        return *format_scep_request({ask(), request().to_der()}, phone(), party().ra().certificate, algorithms);
    }
    static Certificate issued() { return party().issue(request(), phone_key()); }
    static std::string granted(ScepAlgorithms algorithms = modern) {
        return *format_scep_reply(answer(ScepStatus::success), IssuedCertificates{{issued()}, phone().certificate},
                                  party().ra(), algorithms);
    }
};

TEST_F(Scep, ARequestArrivesAsItWasSent) {
    for (const auto cipher : {ScepCipher::aes128, ScepCipher::triple_des})
        for (const auto digest : {ScepDigest::sha1, ScepDigest::sha256, ScepDigest::sha512}) {
            const auto message = parse_scep_message(sent({cipher, digest}));
            ASSERT_TRUE(message.has_value()) << message.error().message;
            EXPECT_EQ(message->attributes.type, ScepMessageType::pkcs_request);
            EXPECT_EQ(message->attributes.transaction_id, "id/+=1");
            EXPECT_EQ(message->attributes.sender_nonce, nonce);
            EXPECT_EQ(message->signer, phone().certificate);
            EXPECT_EQ(message->digest, digest);
            const auto opened = open_scep_request(*message, party().ra(), SingleDes::refused);
            ASSERT_TRUE(opened.has_value()) << opened.error().message;
            EXPECT_EQ(find_cipher(*message), cipher);
            EXPECT_EQ(opened->to_der(), request().to_der());
        }
}

TEST_F(Scep, TransactionIdsAreOpaqueBytes) {
    for (const std::string& id :
         {std::string("1"), std::string("Zm9v/+="), std::string("a_b\xff\x01"), std::string(256, 'f')}) {
        ScepAttributes attributes = ask();
        attributes.transaction_id = id;
        const auto message =
            parse_scep_message(*format_scep_request({attributes, "x"}, phone(), party().ra().certificate, modern));
        ASSERT_TRUE(message.has_value()) << message.error().message;
        EXPECT_EQ(message->attributes.transaction_id, id);
    }
    for (const std::string& id : {std::string(), std::string(257, 'f')}) {
        ScepAttributes attributes = ask();
        attributes.transaction_id = id;
        EXPECT_FALSE(format_scep_request({attributes, "x"}, phone(), party().ra().certificate, modern).has_value());
    }
}

TEST_F(Scep, OpensslVerifiesAndDecryptsARequest) {
    const test::TemporaryFolder folder;
    folder.put("message", sent());
    folder.put("ra", party().ra().certificate.to_pem());
    folder.put("rakey", party().ra().key.to_pem().reveal());
    const auto done =
        test::run("cd " + folder.path() +
                  " && openssl cms -verify -noverify -binary -inform DER -in message -out envelope"
                  " && openssl cms -decrypt -binary -inform DER -in envelope -recip ra -inkey rakey -out csr"
                  " && openssl cms -cmsout -print -noout -inform DER -in message"
                  " && openssl cms -cmsout -print -noout -inform DER -in envelope");
    EXPECT_EQ(done.status, 0) << done.output;
    EXPECT_EQ(folder.get("csr"), request().to_der());
    for (const char* part : {"PRINTABLESTRING:19", "PRINTABLESTRING:id/+=1", "algorithm: sha256", "aes-128-cbc",
                             "algorithm: rsaEncryption"})
        EXPECT_NE(done.output.find(part), std::string::npos) << part << "\n" << done.output;
}

TEST_F(Scep, TheFirstRequestIsSignedByACertificateOfItsOwnKeyAndName) {
    const Certificate& certificate = phone().certificate;
    EXPECT_EQ(certificate.subject(), request().subject());
    EXPECT_TRUE(certificate.is_self_issued());
    EXPECT_FALSE(certificate.is_ca());
    EXPECT_EQ(certificate.public_key_der(), request().public_key_der());
    EXPECT_LT(certificate.not_before(), test::test_now);
    EXPECT_GT(certificate.not_after(), test::test_now);
}

TEST_F(Scep, APollNamesIssuerAndSubject) {
    const auto content = format_issuer_and_subject(party().ca().issuing(), request());
    ASSERT_TRUE(content.has_value());
    const auto message = parse_scep_message(*format_scep_request({ask(ScepMessageType::certificate_poll), *content},
                                                                 phone(), party().ra().certificate, modern));
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(open_scep_request(*message, party().ra(), SingleDes::refused).error().code, FaultCode::malformed);
    const test::TemporaryFolder folder;
    folder.put("envelope", message->envelope);
    folder.put("key", party().ra().key.to_pem().reveal());
    const auto opened = test::run("openssl cms -decrypt -binary -inform DER -in " + (folder / "envelope") + " -inkey " +
                                  (folder / "key") + " -out " + (folder / "names"));
    ASSERT_EQ(opened.status, 0) << opened.output;
    EXPECT_EQ(folder.get("names"), *content);
    const auto shown = test::run("openssl asn1parse -inform DER -in " + (folder / "names"));
    EXPECT_EQ(shown.status, 0) << shown.output;
    EXPECT_NE(shown.output.find("NTIPP0102AB"), std::string::npos);
    EXPECT_NE(shown.output.find("scep issuing"), std::string::npos);
}

TEST_F(Scep, AGrantedReplyBringsTheCertificate) {
    const auto reply = open_scep_reply(granted(), expectation());
    ASSERT_TRUE(reply.has_value()) << reply.error().message;
    EXPECT_EQ(reply->status, ScepStatus::success);
    ASSERT_EQ(reply->certificates.size(), 1U);
    EXPECT_TRUE(phone_key().matches(reply->certificates.front()));
}

TEST_F(Scep, FailureAndPendingCarryNothing) {
    ScepAttributes refused = answer(ScepStatus::failure);
    refused.failure = ScepFailure::bad_request;
    refused.failure_text = "the challenge is not this phone's";
    const auto failure =
        open_scep_reply(*format_scep_reply(refused, std::nullopt, party().ra(), modern), expectation());
    ASSERT_TRUE(failure.has_value()) << failure.error().message;
    EXPECT_EQ(failure->status, ScepStatus::failure);
    EXPECT_EQ(failure->failure, ScepFailure::bad_request);
    EXPECT_EQ(failure->failure_text, "the challenge is not this phone's");
    EXPECT_EQ(to_string(*failure->failure), "badRequest");
    const auto pending = open_scep_reply(
        *format_scep_reply(answer(ScepStatus::pending), std::nullopt, party().ra(), modern), expectation());
    ASSERT_TRUE(pending.has_value()) << pending.error().message;
    EXPECT_EQ(pending->status, ScepStatus::pending);
}

// A content of no bytes, not an absent one: [0] EXPLICIT OCTET STRING of length 0.
TEST_F(Scep, ARefusalsContentIsThereForWhoeverMustHashIt) {
    ScepAttributes refused = answer(ScepStatus::failure);
    refused.failure = ScepFailure::bad_request;
    const auto reply = format_scep_reply(refused, std::nullopt, party().ra(), modern);
    ASSERT_TRUE(reply.has_value()) << reply.error().message;
    EXPECT_NE(reply->find(std::string("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x02\x04\x00", 13)), std::string::npos);
}

TEST_F(Scep, ARepliesSignerMustBeTheAuthority) {
    const Signer stranger{test::openssl_certificate("stranger", party().ca().issuing_signer(), ra_extensions),
                          test::key("stranger", KeyType::rsa2048)};
    const auto reply = format_scep_reply(answer(ScepStatus::success),
                                         IssuedCertificates{{issued()}, phone().certificate}, stranger, modern);
    EXPECT_EQ(open_scep_reply(*reply, expectation()).error().code, FaultCode::untrusted);
    EXPECT_EQ(open_scep_reply(sent(), expectation()).error().code, FaultCode::untrusted) << "our own message";
}

TEST_F(Scep, AReplyToSomethingElseIsRefused) {
    auto expected = expectation();
    expected.sender_nonce = other_nonce;
    EXPECT_EQ(open_scep_reply(granted(), expected).error().code, FaultCode::conflict);
    expected = expectation();
    expected.transaction_id = "id/+=2";
    EXPECT_EQ(open_scep_reply(granted(), expected).error().code, FaultCode::conflict);
}

TEST_F(Scep, AReplyForAnotherRecipientIsRefused) {
    SeededRandom random(2);
    auto expected = expectation();
    expected.recipient.certificate = *make_scep_signer(request(), phone_key(), test::test_now, random);
    const auto reply = open_scep_reply(granted(), expected);
    ASSERT_FALSE(reply.has_value()) << "the key fits, but another serial number is named";
    EXPECT_EQ(reply.error().code, FaultCode::malformed);
}

TEST_F(Scep, NothingThatWasChangedIsTaken) {
    const std::string good = granted();
    const auto good_certificate = open_scep_reply(good, expectation())->certificates.front();
    for (std::size_t at = 0; at < good.size(); at += 7) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 0x20);
        const auto reply = open_scep_reply(bad, expectation());
        // Only what nothing signs may differ: the embedded certificates, which are not used.
        if (reply) {
            EXPECT_EQ(reply->certificates, std::vector<Certificate>{good_certificate}) << at;
        }
    }
    for (std::size_t size = 0; size < good.size(); size += 11)
        EXPECT_FALSE(open_scep_reply(good.substr(0, size), expectation()).has_value()) << size;
    EXPECT_FALSE(open_scep_reply(good + "x", expectation()).has_value());
    EXPECT_EQ(open_scep_reply(std::string(max_scep_message + 1, 'x'), expectation()).error().code,
              FaultCode::too_large);
}

TEST_F(Scep, WhateverGoesWrongInsideTheEnvelopeLooksTheSame) {
    const auto fault_of = [](const std::string& content, const Certificate& recipient) {
        const auto message = parse_scep_message(*format_scep_request({ask(), content}, phone(), recipient, modern));
        return open_scep_request(*message, party().ra(), SingleDes::refused).error();
    };
    const Fault no_request = fault_of("nonsense", party().ra().certificate);
    const Fault no_recipient = fault_of(request().to_der(), phone().certificate);
    std::string forged = request().to_der();
    forged[forged.find("NTIPP")] = 'M';
    const Fault no_proof = fault_of(forged, party().ra().certificate);
    // The recipient's name is right, its key is not: decryption itself fails.
    const auto message = parse_scep_message(sent());
    const Fault no_key =
        open_scep_request(*message, {party().ra().certificate, phone_key()}, SingleDes::refused).error();
    ScepMessage empty = *message;
    empty.envelope.clear();
    const Fault no_envelope = open_scep_request(empty, party().ra(), SingleDes::refused).error();
    for (const Fault& fault : {no_request, no_recipient, no_proof, no_key, no_envelope}) {
        EXPECT_EQ(fault.code, FaultCode::malformed);
        EXPECT_EQ(fault.message, "the SCEP message could not be opened");
    }
}

// Messages in forms that our own side does not write, put together by the openssl command.
class ForeignScep : public Scep {
protected:
    ForeignScep() {
        folder_.put("ra", party().ra().certificate.to_pem());
        folder_.put("phone", phone().certificate.to_pem());
        folder_.put("csr", request().to_der());
    }
    // With the request, encrypted by `openssl cms -encrypt` with these options.
    ScepMessage message(const std::string& options) {
        const auto made = test::run("cd " + folder_.path() + " && openssl cms -encrypt -binary -in csr -outform DER " +
                                    "-out envelope " + options);
        EXPECT_EQ(made.status, 0) << made.output;
        ScepMessage message = *parse_scep_message(sent());
        message.envelope = folder_.get("envelope");
        return message;
    }
    Result<CertificationRequest> open(const std::string& options, SingleDes single_des) {
        return open_scep_request(message(options), party().ra(), single_des);
    }
    test::TemporaryFolder folder_;
};

TEST_F(ForeignScep, SingleDesIsTakenOnlyWhereTheCallerSaysSo) {
    const std::string des = "-provider legacy -provider default -des ra";
    EXPECT_EQ(open(des, SingleDes::refused).error().code, FaultCode::forbidden);
    const auto opened = open(des, SingleDes::taken);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    EXPECT_EQ(opened->to_der(), request().to_der());
    EXPECT_EQ(open("-provider legacy -provider default -rc2-128 ra", SingleDes::taken).error().code,
              FaultCode::malformed);
}

TEST_F(ForeignScep, TheCipherIsToldWithoutOpening) {
    for (const char* cipher : {"-aes128", "-aes192", "-aes256"})
        EXPECT_EQ(find_cipher(message(std::string(cipher) + " phone")), ScepCipher::aes128) << cipher;
    EXPECT_EQ(find_cipher(message("-des3 phone")), ScepCipher::triple_des);
    EXPECT_EQ(find_cipher(message("-provider legacy -provider default -des ra")), ScepCipher::triple_des)
        << "nothing is answered in single DES";
    EXPECT_EQ(find_cipher(message("-provider legacy -provider default -rc2-128 ra")), std::nullopt);
    ScepMessage closed = message("-aes128 ra");
    for (const char* envelope : {"", "\x30\x00", "nonsense"}) {
        closed.envelope = envelope;
        EXPECT_EQ(find_cipher(closed), std::nullopt);
    }
}

TEST_F(ForeignScep, AesOfAnyLengthIsTaken) {
    for (const char* cipher : {"-aes128", "-aes192", "-aes256", "-des3"})
        EXPECT_TRUE(open(std::string(cipher) + " ra", SingleDes::refused).has_value()) << cipher;
}

TEST_F(ForeignScep, ExactlyOneRecipientByIssuerAndSerial) {
    EXPECT_FALSE(open("-aes128 ra phone", SingleDes::refused).has_value()) << "two recipients";
    EXPECT_FALSE(open("-aes128 phone", SingleDes::refused).has_value()) << "somebody else";
    EXPECT_FALSE(open("-aes128 -recip ra -keyopt rsa_padding_mode:oaep", SingleDes::refused).has_value());
    EXPECT_FALSE(open("-aes128 -pwri_password x", SingleDes::refused).has_value()) << "no key transport";
}

TEST_F(ForeignScep, SignaturesOverMd5AreNotTaken) {
    folder_.put("key", phone_key().to_pem().reveal());
    const auto made = test::run("cd " + folder_.path() +
                                " && openssl cms -sign -binary -nodetach -md md5 -signer phone -inkey key -in csr "
                                "-outform DER -out message");
    ASSERT_EQ(made.status, 0) << made.output;
    EXPECT_EQ(parse_scep_message(folder_.get("message")).error().code, FaultCode::untrusted);
}

TEST_F(ForeignScep, ASignersKeyThatIsDearToComputeWithIsRefused) {
    const auto parse_signed_with = [&](const std::string& exponent) {
        folder_.put("key", test::key_with_exponent(exponent));
        const auto made =
            test::run("cd " + folder_.path() + " && openssl req -x509 -new -key key -subj /CN=x -out own");
        EXPECT_EQ(made.status, 0) << made.output;
        const Signer signer{*Certificate::parse_pem(folder_.get("own")),
                            *PrivateKey::parse_pem(Secret(folder_.get("key")))};
        return parse_scep_message(test::sign_scep_envelope("x", ask(), signer));
    };
    EXPECT_TRUE(parse_signed_with(test::long_exponent).has_value());
    const auto refused = parse_signed_with(test::too_long_exponent);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().message, "this is no SCEP message: its signer's key is none that is taken");
}

TEST_F(ForeignScep, WithoutAttributesOrWithSeveralSignersItIsNoMessage) {
    folder_.put("key", phone_key().to_pem().reveal());
    folder_.put("rakey", party().ra().key.to_pem().reveal());
    for (const std::string& options :
         {std::string("-signer phone -inkey key"), std::string("-signer phone -inkey key -noattr"),
          std::string("-signer phone -inkey key -nocerts"),
          std::string("-signer phone -inkey key -signer ra -inkey rakey")}) {
        const auto made = test::run("cd " + folder_.path() + " && openssl cms -sign -binary -nodetach -in csr " +
                                    "-outform DER -out message " + options);
        ASSERT_EQ(made.status, 0) << made.output;
        EXPECT_EQ(parse_scep_message(folder_.get("message")).error().code, FaultCode::malformed) << options;
    }
}

TEST_F(Scep, CertificatesTravelAsPkcs7) {
    const std::string der = party().authority();
    const auto read = parse_certificates(der);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->size(), 3U);
    const test::TemporaryFolder folder;
    folder.put("p7", der);
    const auto shown = test::run("openssl pkcs7 -inform DER -print_certs -noout -in " + (folder / "p7"));
    EXPECT_EQ(shown.status, 0) << shown.output;
    EXPECT_NE(shown.output.find("CN = ra"), std::string::npos) << shown.output;
    EXPECT_EQ(parse_certificates(*format_certificates({})).error().code, FaultCode::malformed);
}

TEST_F(Scep, OneCertificateIsCaRecipientAndSigner) {
    const auto& root = party().ca().root();
    const auto authority = parse_scep_authority(root.to_der());
    ASSERT_TRUE(authority.has_value()) << authority.error().message;
    EXPECT_EQ(authority->ca, root);
    EXPECT_EQ(authority->encryption, root);
    EXPECT_EQ(authority->signers, std::vector<Certificate>{root});
}

TEST_F(Scep, ARegistrationAuthorityTakesRequestsAndSigns) {
    const auto authority = parse_scep_authority(party().authority());
    ASSERT_TRUE(authority.has_value()) << authority.error().message;
    EXPECT_EQ(authority->ca, party().ca().issuing());
    EXPECT_EQ(authority->encryption, party().ra().certificate);
    EXPECT_EQ(authority->signers, (std::vector<Certificate>{party().ra().certificate, party().ca().issuing()}));
}

TEST_F(Scep, TwoRegistrationAuthoritiesByKeyUsage) {
    const auto& issuer = party().ca().issuing_signer();
    const auto signs = test::openssl_certificate("ra signs", issuer, "keyUsage=digitalSignature\n");
    const auto opens = test::openssl_certificate("ra opens", issuer,
                                                 "keyUsage=keyEncipherment\nextendedKeyUsage=1.3.6.1.4.1.311.20.2.1\n");
    for (const auto& order :
         {std::vector{signs, opens, issuer.certificate}, std::vector{issuer.certificate, opens, signs}}) {
        const auto authority = parse_scep_authority(*format_certificates(order));
        ASSERT_TRUE(authority.has_value()) << authority.error().message;
        EXPECT_EQ(authority->encryption, opens);
        EXPECT_EQ(authority->signers, (std::vector<Certificate>{signs, issuer.certificate}));
    }
}

TEST_F(Scep, WithoutRegistrationAuthorityTheLowestCaIsTheOne) {
    const auto authority = parse_scep_authority(*format_certificates({party().ca().root(), party().ca().issuing()}));
    ASSERT_TRUE(authority.has_value()) << authority.error().message;
    EXPECT_EQ(authority->ca, party().ca().issuing());
    EXPECT_EQ(authority->encryption, party().ca().issuing());
}

TEST_F(Scep, AStrangersRegistrationAuthorityIsRefused) {
    test::LittleCa namesake("scep", KeyType::p256);  // the same names, other keys
    const auto forged = test::openssl_certificate("forged", namesake.issuing_signer(), ra_extensions);
    const auto fault = parse_scep_authority(*format_certificates({forged, party().ca().issuing()}));
    ASSERT_FALSE(fault.has_value()) << "only the name is its issuer's";
    EXPECT_EQ(fault.error().code, FaultCode::untrusted);
    const auto device = party().issue(request(), phone_key());
    const auto stolen = parse_scep_authority(*format_certificates({device, party().ca().issuing()}));
    ASSERT_FALSE(stolen.has_value()) << "a phone's certificate is no registration authority's";
    EXPECT_EQ(stolen.error().code, FaultCode::untrusted);
}

TEST_F(Scep, AnAuthorityMustBeACaWithAnRsaKey) {
    EXPECT_FALSE(parse_scep_authority("").has_value());
    EXPECT_FALSE(parse_scep_authority("<html>").has_value());
    EXPECT_FALSE(parse_scep_authority(party().ra().certificate.to_der()).has_value());
    EXPECT_FALSE(parse_scep_authority(test::LittleCa("scep ec").root().to_der()).has_value());
    EXPECT_EQ(parse_scep_authority(std::string(max_scep_message + 1, 'x')).error().code, FaultCode::too_large);
}

// Messages and authorities as other people's programs send them.
TEST(ScepCorpus, GetsItsVerdicts) {
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(RINGFENCE_SOURCE_DIR "/tests/corpus/scep_message")) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        const std::string name = entry.path().stem().string();
        const bool valid = name.find("-valid") != std::string::npos;
        const bool is_taken = name.starts_with("message") ? parse_scep_message(bytes).has_value()
                                                          : parse_scep_authority(bytes).has_value();
        EXPECT_EQ(is_taken, valid) << name;
        ++files;
    }
    EXPECT_GE(files, 4);
}

TEST_F(Scep, IssuedByMeansSignedByACaOverAHashOfToday) {
    const auto& ca = party().ca().issuing_signer();
    EXPECT_TRUE(check_issued_by(party().ra().certificate, ca.certificate).has_value());
    EXPECT_FALSE(check_issued_by(party().ra().certificate, party().ca().root()).has_value());
    EXPECT_FALSE(check_issued_by(party().ra().certificate, party().ra().certificate).has_value());
    const auto old = test::openssl_certificate("old hash", ca, ra_extensions, "-sha1");
    EXPECT_FALSE(check_issued_by(old, ca.certificate).has_value());
}

}  // namespace
}  // namespace ringfence::crypto
