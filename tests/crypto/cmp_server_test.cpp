#include "crypto/cmp_server.h"

#include <gtest/gtest.h>

#include "crypto/cmp_openssl.h"
#include "tests/crypto/cmp_door.h"
#include "tests/crypto/cmp_party.h"
#include "tests/crypto/dear_key.h"
#include "tests/crypto/program.h"

namespace ringfence::crypto {
namespace {

using test::cmp_reference;
using test::cmp_secret;

const CmpToken token{cmp_reference, cmp_secret};
const std::string pbm_oid = "\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0d";

class CmpServerTest : public ::testing::Test {
protected:
    static CmpClient::Subject subject() { return {"NTIPP0102AB", test::key("cmp phone")}; }

    // What a client says first.
    std::string first_request(const CmpCredential& credential) {
        std::string request;
        CmpClient client({credential, {party_.clock.wall_now()}, {}},
                         [&](std::string_view bytes) -> Result<std::string> {
                             request = bytes;
                             return fail(FaultCode::unavailable, "kept");
                         });
        EXPECT_FALSE(client.enrol(subject()).has_value());
        return request;
    }
    CmpHolder holder() { return party_.holder(test::key("cmp phone")); }

    struct Reply {
        CmpBody body;
        CmpProtection protection;
        std::string content;
        std::size_t size;
        friend bool operator==(const Reply&, const Reply&) = default;
    };
    Reply ask(const std::string& request) {
        const auto reply = party_.server.answer(request);
        EXPECT_TRUE(reply.has_value()) << reply.error().message;
        const auto outline = outline_cmp_message(*reply);
        EXPECT_TRUE(outline.has_value());
        return {outline->body, outline->protection, std::string(outline->body_content), reply->size()};
    }

    test::CmpParty party_;
};

// Where it stands last: a name in the body rather than in the header.
std::string changed(std::string message, const std::string& from, const std::string& to) {
    EXPECT_NE(message.rfind(from), std::string::npos);
    EXPECT_EQ(from.size(), to.size());
    return message.replace(message.rfind(from), from.size(), to);
}

TEST_F(CmpServerTest, TheDeskHearsWhoAsksForWhat) {
    ASSERT_EQ(ask(first_request(token)).body, CmpBody::ip);
    ASSERT_EQ(party_.desk.requests.size(), 1U);
    const CmpRequest& request = party_.desk.requests[0];
    EXPECT_EQ(request.kind, CmpRequestKind::initial);
    ASSERT_TRUE(std::holds_alternative<CmpReference>(request.sender));
    EXPECT_EQ(std::get<CmpReference>(request.sender).text, cmp_reference);
    EXPECT_EQ(request.subject, "CN=NTIPP0102AB");
    EXPECT_EQ(request.transaction_id.size(), 16U);
    EXPECT_EQ(request.public_key_der, party_.issue("x", subject().key).public_key_der());
    EXPECT_EQ(party_.desk.asked, std::vector{cmp_reference});
    EXPECT_TRUE(party_.desk.wrong.empty());
}

TEST_F(CmpServerTest, ACertificateMayAskToo) {
    const auto present = holder();
    ASSERT_EQ(ask(first_request(present)).body, CmpBody::ip);
    ASSERT_EQ(party_.desk.requests.size(), 1U);
    const auto* chain = std::get_if<VerifiedChain>(&party_.desk.requests[0].sender);
    ASSERT_NE(chain, nullptr);
    EXPECT_EQ(chain->leaf(), present.present.certificate);
    EXPECT_TRUE(party_.desk.asked.empty());
}

TEST_F(CmpServerTest, WhateverIsWrongWithATokenTheRefusalIsTheSame) {
    const std::string good = first_request(token);
    const Reply wrong_secret = ask(first_request(CmpToken{cmp_reference, Secret("guessed")}));
    EXPECT_EQ(wrong_secret.body, CmpBody::error);
    EXPECT_EQ(wrong_secret.protection, CmpProtection::mac);
    EXPECT_NE(wrong_secret.content.find("request not accepted"), std::string::npos);

    const Reply unknown_reference = ask(first_request(CmpToken{"AAAAAAAA", Secret("guessed")}));
    const Reply wrong_body = ask(changed(good, "NTIPP0102AB", "NTIPP0102AC"));
    const Reply broken_body = ask(changed(good, "NTIPP0102AB", std::string(11, '\xff')));
    EXPECT_EQ(unknown_reference, wrong_secret);
    EXPECT_EQ(wrong_body, wrong_secret);
    EXPECT_EQ(broken_body, wrong_secret);
    EXPECT_EQ(ask(good).body, CmpBody::ip);
    EXPECT_EQ(ask(good), wrong_secret) << "a replay";

    EXPECT_EQ(party_.desk.requests.size(), 1U);
    EXPECT_EQ(party_.desk.wrong.size(), 3U) << "a body that nobody can read is no guess, nor is a replay";
}

TEST_F(CmpServerTest, WhateverIsWrongWithACertificateTheRefusalIsTheSame) {
    test::LittleCa other("cmp other");
    const auto key = test::key("cmp phone");
    const auto with = [&](const Certificate& certificate) {
        return first_request(CmpHolder{{certificate, key}, {party_.ca.issuing()}, {party_.ca.root()}});
    };
    auto late = test::present_request(CertificateRole::device, "late");
    late.not_before -= std::chrono::hours(48);
    late.not_after = late.not_before + std::chrono::hours(1);

    const Reply strange = ask(with(other.issue(test::present_request(CertificateRole::device, "00247F0102AB"), key)));
    EXPECT_EQ(strange.body, CmpBody::error);
    EXPECT_EQ(strange.protection, CmpProtection::signature);
    EXPECT_EQ(ask(with(party_.ca.issue(late, key))).content, strange.content);
    EXPECT_EQ(
        ask(with(party_.ca.issue(test::present_request(CertificateRole::file_signer, "00247F0102AB"), key))).content,
        strange.content);
    EXPECT_EQ(ask(changed(first_request(holder()), "NTIPP0102AB", "NTIPP0102AC")).content, strange.content);
    EXPECT_TRUE(party_.desk.requests.empty());
    EXPECT_TRUE(party_.desk.wrong.empty());
}

TEST_F(CmpServerTest, ProtectionThatIsNotTakenIsNeverComputed) {
    const std::string good = first_request(token);
    const std::string iterations = std::string("\x02\x02\x01\xf4", 4);  // 500
    for (const std::string& request : {
             changed(good, iterations, std::string("\x02\x02\x27\x11", 4)),   // one more than 10,000
             changed(good, iterations, std::string("\x02\x02\xff\xff", 4)),   // negative
             changed(good, iterations, std::string("\x02\x02\x00\x63", 4)),   // 99, badly written
             changed(good, pbm_oid, "\x2a\x86\x48\x86\xf6\x7d\x07\x42\x1e"),  // DH-based
             changed(good, "\x60\x86\x48\x01\x65\x03\x04\x02\x01", "\x60\x86\x48\x01\x65\x03\x04\x02\x09"),
             changed(good, "\x2a\x86\x48\x86\xf7\x0d\x02\x09", "\x2a\x86\x48\x86\xf7\x0d\x02\x05"),  // HMAC-MD5
         }) {
        const Reply reply = ask(request);
        EXPECT_EQ(reply.body, CmpBody::error);
        EXPECT_EQ(reply.protection, CmpProtection::signature);
    }
    EXPECT_TRUE(party_.desk.asked.empty());
}

TEST_F(CmpServerTest, NoRequestOfAnyLengthHurts) {
    for (const CmpCredential& credential : {CmpCredential(token), CmpCredential(holder())}) {
        const std::string good = first_request(credential);
        for (std::size_t length = 0; length < good.size(); ++length) {
            const auto reply = party_.server.answer(std::string_view(good).substr(0, length));
            ASSERT_FALSE(reply.has_value());
            EXPECT_EQ(reply.error().code, FaultCode::malformed);
        }
        EXPECT_FALSE(party_.server.answer(good + '\0').has_value());
    }
    EXPECT_EQ(party_.server.answer(std::string(max_cmp_message + 1, '0')).error().code, FaultCode::too_large);
}

TEST_F(CmpServerTest, NoChangedByteOfASignedRequestHurts) {
    const std::string good = first_request(holder());
    for (std::size_t at = 0; at < good.size(); at += 3) {
        std::string request = good;
        request[at] = static_cast<char>(request[at] ^ 0x55);
        static_cast<void>(party_.server.answer(request));
    }
    // What the protection does not cover is its own certificate chain.
    for (const CmpRequest& request : party_.desk.requests) EXPECT_EQ(request.subject, "CN=NTIPP0102AB");
}

TEST_F(CmpServerTest, AStrangerCannotDisturbATransaction) {
    party_.desk.polls_left = 3;
    auto client = party_.client(token);
    ASSERT_TRUE(std::holds_alternative<CmpWaiting>(*client.enrol(subject())));
    const std::string poll = party_.sent.back();
    const Reply of_another = ask(changed(poll, cmp_reference, "AAAAAAAA"));
    EXPECT_EQ(of_another.body, CmpBody::error);
    std::string touched = poll;
    touched.back() ^= 1;
    EXPECT_EQ(ask(touched).body, CmpBody::error);
    EXPECT_EQ(ask(party_.sent.front()).body, CmpBody::error) << "the transaction is open already";

    ASSERT_TRUE(std::holds_alternative<CmpWaiting>(*client.poll()));
    EXPECT_TRUE(std::holds_alternative<CmpIssued>(*client.poll()));
}

TEST_F(CmpServerTest, AnOldPollEndsTheTransactionOfItsOwnSenderOnly) {
    party_.desk.polls_left = 9;
    auto client = party_.client(token);
    ASSERT_TRUE(std::holds_alternative<CmpWaiting>(*client.enrol(subject())));
    const std::string poll = party_.sent.back();
    ASSERT_TRUE(std::holds_alternative<CmpWaiting>(*client.poll()));
    EXPECT_EQ(ask(poll).body, CmpBody::error) << "its nonce is the one before";
}

TEST_F(CmpServerTest, AWaitingTransactionEndsWithItsTime) {
    party_.desk.polls_left = 9;
    auto client = party_.client(token);
    ASSERT_TRUE(std::holds_alternative<CmpWaiting>(*client.enrol(subject())));
    party_.clock.advance(CmpServer::transaction_life - std::chrono::minutes(1));
    ASSERT_TRUE(std::holds_alternative<CmpWaiting>(*client.poll())) << "each poll renews it";
    party_.clock.advance(CmpServer::transaction_life - std::chrono::minutes(1));
    ASSERT_TRUE(std::holds_alternative<CmpWaiting>(*client.poll()));
    party_.clock.advance(CmpServer::transaction_life);
    const auto answer = client.poll();
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    EXPECT_TRUE(std::holds_alternative<CmpRefusal>(*answer));
}

TEST_F(CmpServerTest, WithoutTheDeskThereIsNoReply) {
    const std::string good = first_request(token);
    party_.desk.is_unavailable = true;
    const auto reply = party_.server.answer(good);
    ASSERT_FALSE(reply.has_value());
    EXPECT_EQ(reply.error().code, FaultCode::unavailable);
}

// --- what only libcrypto's own client can be made to say -----------------------------------------------------------

class OddClient {
public:
    OddClient(CmpServer& server, const SharedSecret& shared)
        : server_(server), context_(OSSL_CMP_CTX_new(nullptr, nullptr)), name_(X509_NAME_new()) {
        const PrivateKey key = test::key("cmp phone");
        EVP_PKEY_up_ref(key.native());
        silence(context_.get());
        EXPECT_TRUE(use_secret(context_.get(), shared));
        EXPECT_EQ(X509_NAME_add_entry_by_txt(name_.get(), "CN", MBSTRING_UTF8,
                                             reinterpret_cast<const unsigned char*>("odd"), -1, -1, 0),
                  1);
        EXPECT_EQ(OSSL_CMP_CTX_set1_subjectName(context_.get(), name_.get()), 1);
        EXPECT_EQ(OSSL_CMP_CTX_set0_newPkey(context_.get(), 1, key.native()), 1);
        EXPECT_EQ(OSSL_CMP_CTX_set_transfer_cb(context_.get(), on_transfer), 1);
        EXPECT_EQ(OSSL_CMP_CTX_set_transfer_cb_arg(context_.get(), this), 1);
    }

    void use_transaction(const std::string& id) {
        const Owner<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> octets(ASN1_OCTET_STRING_new());
        ASN1_OCTET_STRING_set(octets.get(), reinterpret_cast<const unsigned char*>(id.data()),
                              static_cast<int>(id.size()));
        EXPECT_EQ(OSSL_CMP_CTX_set1_transactionID(context_.get(), octets.get()), 1);
    }
    // 1: done; -1: waiting; 0: refused.
    int enrol() { return proceed(OSSL_CMP_IR); }
    int abandon() { return proceed(-1); }

private:
    int proceed(int type) {
        int seconds = 0;
        const int done = OSSL_CMP_try_certreq(context_.get(), type, nullptr, &seconds);
        ERR_clear_error();
        return done;
    }
    static OSSL_CMP_MSG* on_transfer(OSSL_CMP_CTX* context, const OSSL_CMP_MSG* request) {
        auto& self = *static_cast<OddClient*>(OSSL_CMP_CTX_get_transfer_cb_arg(context));
        return parse_cmp(self.server_.answer(format_cmp(request)).value_or("")).release();
    }

    CmpServer& server_;
    const Owner<OSSL_CMP_CTX, OSSL_CMP_CTX_free> context_;
    const Owner<X509_NAME, X509_NAME_free> name_;
};

TEST_F(CmpServerTest, AnotherTokenHasNoPlaceInATransaction) {
    party_.desk.polls_left = 3;
    auto client = party_.client(token);
    ASSERT_TRUE(std::holds_alternative<CmpWaiting>(*client.enrol(subject())));
    OddClient other(party_.server, {test::other_cmp_reference, test::other_cmp_secret});
    other.use_transaction(party_.desk.requests[0].transaction_id);
    EXPECT_EQ(other.enrol(), 0);
    ASSERT_TRUE(std::holds_alternative<CmpWaiting>(*client.poll()));
    ASSERT_TRUE(std::holds_alternative<CmpIssued>(*client.poll()));
    EXPECT_EQ(other.enrol(), 0) << "nor after its end";

    for (const CmpRequest& request : party_.desk.requests)
        EXPECT_EQ(std::get<CmpReference>(request.sender).text, cmp_reference);
    OddClient alone(party_.server, {test::other_cmp_reference, test::other_cmp_secret});
    EXPECT_EQ(alone.enrol(), 1);
}

TEST_F(CmpServerTest, WhoeverWaitsMayGiveUp) {
    party_.desk.polls_left = 3;
    OddClient client(party_.server, {cmp_reference, cmp_secret});
    ASSERT_EQ(client.enrol(), -1);
    EXPECT_EQ(client.abandon(), 1);
    EXPECT_EQ(client.enrol(), 0) << "it would poll";
    EXPECT_EQ(party_.desk.requests.size(), 2U);
}

// --- judged by the openssl command ---------------------------------------------------------------------------------

class CmpOpenssl : public ::testing::Test {
protected:
    CmpOpenssl() : door_([this](std::string_view request) { return party_.server.answer(request).value_or(""); }) {
        folder_.put("key", test::key("cmp phone").to_pem().reveal());
        folder_.put("newkey", test::key("cmp phone renewed").to_pem().reveal());
        const auto rsa_key = test::key("cmp rsa phone", KeyType::rsa2048);
        folder_.put("rsakey", rsa_key.to_pem().reveal());
        party_.desk.keys.push_back(rsa_key);
        folder_.put("root", party_.ca.root().to_pem());
        folder_.put("issuing", party_.ca.issuing().to_pem());
    }

    test::ProgramResult cmp(const std::string& options) {
        return test::run("cd " + folder_.path() + " && openssl cmp -config '' -server 127.0.0.1:" +
                         std::to_string(door_.port()) + " -path /.well-known/cmp " + options);
    }
    test::ProgramResult with_token(const std::string& options, const Secret& secret = cmp_secret) {
        return cmp("-ref " + cmp_reference + " -secret pass:" + std::string(secret.reveal()) + " " + options);
    }
    test::ProgramResult with_certificate(const std::string& options) {
        return cmp("-cert cert -key key -untrusted issuing -trusted root " + options);
    }
    void enrol() {
        const auto done = with_token("-cmd ir -newkey key -subject /CN=NTIPP0102AB -certout cert -cacertsout ca");
        ASSERT_EQ(done.status, 0) << done.output;
    }
    Certificate certificate(const std::string& name) { return *Certificate::parse_pem(folder_.get(name)); }

    const test::TemporaryFolder folder_;
    test::CmpParty party_;
    test::CmpDoor door_;
};

TEST_F(CmpOpenssl, AKeyThatIsDearToComputeWithNeverReachesTheDesk) {
    folder_.put("dear", test::key_with_exponent(test::too_long_exponent));
    const auto made = test::run("cd " + folder_.path() + " && openssl req -new -key dear -subj /CN=x -out csr");
    ASSERT_EQ(made.status, 0) << made.output;
    EXPECT_NE(with_token("-cmd p10cr -csr csr -certout cert").status, 0);
    EXPECT_NE(with_token("-cmd ir -newkey dear -subject /CN=x -certout cert").status, 0);
    EXPECT_TRUE(party_.desk.requests.empty());
    EXPECT_EQ(party_.desk.asked.size(), 2U);
    EXPECT_TRUE(party_.desk.wrong.empty()) << "the token was right";
}

TEST_F(CmpOpenssl, ATokenBringsACertificateAndItsCa) {
    enrol();
    EXPECT_EQ(Certificate::parse_bundle(folder_.get("ca"))->front(), party_.ca.root());
    const auto verified = test::run("cd " + folder_.path() + " && openssl verify -CAfile ca -untrusted issuing cert");
    EXPECT_EQ(verified.status, 0) << verified.output;
    ASSERT_EQ(party_.desk.confirmations.size(), 1U);
    EXPECT_EQ(party_.desk.confirmations[0].fingerprint, certificate("cert").fingerprint_sha256());
    EXPECT_TRUE(party_.desk.confirmations[0].is_accepted);
}

TEST_F(CmpOpenssl, RsaKeysTheOtherRequestsAndImplicitConfirmation) {
    const auto made = test::run("cd " + folder_.path() + " && openssl req -new -key rsakey -subj /CN=asked" +
                                " -addext subjectAltName=DNS:phone.lab -out csr");
    ASSERT_EQ(made.status, 0) << made.output;
    const auto pkcs10 = with_token("-cmd p10cr -csr csr -certout cert -implicit_confirm");
    EXPECT_EQ(pkcs10.status, 0) << pkcs10.output;
    const auto certificate = with_token("-cmd cr -newkey rsakey -subject /CN=asked -sans phone.lab -certout cert");
    EXPECT_EQ(certificate.status, 0) << certificate.output;
    ASSERT_EQ(party_.desk.requests.size(), 2U);
    EXPECT_EQ(party_.desk.requests[0].kind, CmpRequestKind::pkcs10);
    EXPECT_EQ(party_.desk.requests[1].kind, CmpRequestKind::certificate);
    for (const CmpRequest& request : party_.desk.requests) {
        EXPECT_EQ(request.subject, "CN=asked");
        EXPECT_EQ(request.dns_names, std::vector<std::string>{"phone.lab"});
        EXPECT_EQ(request.public_key_der, this->certificate("cert").public_key_der());
    }
    EXPECT_EQ(party_.desk.confirmations.size(), 1U);
}

TEST_F(CmpOpenssl, APresentCertificateIsRenewedAndRevoked) {
    enrol();
    const auto renewed = with_certificate("-cmd kur -newkey newkey -certout new");
    ASSERT_EQ(renewed.status, 0) << renewed.output;
    EXPECT_TRUE(test::key("cmp phone renewed").matches(certificate("new")));
    const auto revoked = with_certificate("-cmd rr -oldcert cert -revreason 1");
    EXPECT_EQ(revoked.status, 0) << revoked.output;
    ASSERT_EQ(party_.desk.revocations.size(), 1U);
    EXPECT_EQ(party_.desk.revocations[0].holder.leaf(), certificate("cert"));
    EXPECT_EQ(party_.desk.revocations[0].reason, 1);
}

TEST_F(CmpOpenssl, AnRsaKeySignsToo) {
    const auto done = with_token("-cmd ir -newkey rsakey -subject /CN=NTIPP0102AB -certout cert");
    ASSERT_EQ(done.status, 0) << done.output;
    for (const std::string digest : {"sha256", "sha512"}) {
        const auto renewed =
            cmp("-cmd kur -cert cert -key rsakey -untrusted issuing -trusted root -newkey newkey "
                "-certout new -digest " +
                digest);
        EXPECT_EQ(renewed.status, 0) << renewed.output;
    }
    const auto old =
        cmp("-cmd kur -cert cert -key rsakey -untrusted issuing -trusted root -newkey newkey -certout x "
            "-digest sha1");
    EXPECT_NE(old.status, 0);
    EXPECT_NE(old.output.find("request not accepted"), std::string::npos) << old.output;
    EXPECT_EQ(party_.desk.requests.size(), 3U);
}

TEST_F(CmpOpenssl, AHolderRenewsAndRevokesNobodyElse) {
    enrol();
    folder_.put("other", party_.issue("00247F0102AC", test::key("cmp phone renewed")).to_pem());
    const auto renewed = with_certificate("-cmd kur -oldcert other -newkey newkey -certout new");
    EXPECT_NE(renewed.status, 0);
    EXPECT_NE(renewed.output.find("badCertId"), std::string::npos) << renewed.output;
    const auto revoked = with_certificate("-cmd rr -oldcert other");
    EXPECT_NE(revoked.status, 0);
    EXPECT_NE(revoked.output.find("badCertId"), std::string::npos) << revoked.output;
    EXPECT_EQ(party_.desk.requests.size(), 1U);
    EXPECT_TRUE(party_.desk.revocations.empty());
}

TEST_F(CmpOpenssl, ATokenNeitherRenewsNorRevokes) {
    enrol();
    const auto renewed = with_token("-cmd kur -oldcert cert -newkey newkey -certout new");
    EXPECT_NE(renewed.status, 0);
    EXPECT_NE(renewed.output.find("wrongIntegrity"), std::string::npos) << renewed.output;
    const auto revoked = with_token("-cmd rr -oldcert cert");
    EXPECT_NE(revoked.status, 0);
    EXPECT_NE(revoked.output.find("wrongIntegrity"), std::string::npos) << revoked.output;
    EXPECT_EQ(party_.desk.requests.size(), 1U);
    EXPECT_TRUE(party_.desk.revocations.empty());
}

TEST_F(CmpOpenssl, AWrongTokenGetsNothingAndTheNextClientIsServed) {
    const auto wrong = with_token("-cmd ir -newkey key -subject /CN=x -certout cert -cacertsout ca", Secret("guessed"));
    EXPECT_NE(wrong.status, 0);
    EXPECT_EQ(folder_.get("cert") + folder_.get("ca"), "");
    EXPECT_TRUE(party_.desk.requests.empty());
    EXPECT_EQ(party_.desk.wrong, std::vector{cmp_reference});
    enrol();
}

TEST_F(CmpOpenssl, WithoutProtectionOrProofThereIsNothing) {
    const auto bare = cmp("-cmd ir -newkey key -subject /CN=x -unprotected_requests -unprotected_errors -certout cert");
    EXPECT_NE(bare.status, 0);
    EXPECT_TRUE(party_.desk.requests.empty());
    for (const std::string proof : {"-1", "0"}) {  // none; "the registration authority has seen it"
        const auto done = with_token("-cmd ir -newkey key -subject /CN=x -certout cert -popo " + proof);
        EXPECT_NE(done.status, 0);
        EXPECT_NE(done.output.find("badPOP"), std::string::npos) << done.output;
    }
    EXPECT_TRUE(party_.desk.requests.empty());
}

TEST_F(CmpOpenssl, ItWaitsAndIsServed) {
    party_.desk.polls_left = 3;
    const auto done = with_token("-cmd ir -newkey key -subject /CN=x -certout cert");
    EXPECT_EQ(done.status, 0) << done.output;
    EXPECT_EQ(party_.desk.requests.size(), 4U);
}

TEST_F(CmpOpenssl, ARejectedCertificateIsTold) {
    // It trusts another CA for what it is to be issued.
    folder_.put("strange", test::LittleCa("cmp other").root().to_pem());
    const auto done = with_token("-cmd ir -newkey key -subject /CN=x -certout cert -out_trusted strange");
    EXPECT_NE(done.status, 0);
    ASSERT_EQ(party_.desk.confirmations.size(), 1U);
    EXPECT_FALSE(party_.desk.confirmations[0].is_accepted);
}

TEST_F(CmpOpenssl, TheCasAreToldWhenAsked) {
    const auto done = with_token("-cmd genm -infotype caCerts -rspout reply");
    EXPECT_EQ(done.status, 0) << done.output;
    const std::string reply = folder_.get("reply");
    EXPECT_NE(reply.find(party_.ca.root().to_der()), std::string::npos);
    EXPECT_NE(reply.find(party_.ca.issuing().to_der()), std::string::npos);
    const auto other = with_token("-cmd genm -infotype signKeyPairTypes");
    EXPECT_NE(other.status, 0);
    EXPECT_NE(other.output.find("request not accepted"), std::string::npos) << other.output;
}

}  // namespace
}  // namespace ringfence::crypto
