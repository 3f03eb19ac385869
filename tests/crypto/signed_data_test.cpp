#include "crypto/signed_data.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "tests/crypto/corpus.h"
#include "tests/crypto/foreign_certificate.h"

namespace ringfence::crypto {
namespace {

using test::ForeignWish;
using test::key;
using test::LittleCa;
using test::make_foreign;
using test::run;
using test::TemporaryFolder;

constexpr std::string_view rsa_key = "-newkey rsa:2048";

// Bytes that a text mode would change.
std::string file_content() {
    using namespace std::string_literals;
    return "NAME value\nline\r\n\0\xff\r.\n1"s;
}

class Signature : public testing::Test {
protected:
    void SetUp() override { folder.put("f", file_content()); }

    Signer make_signer(const ForeignWish& wish) { return make_foreign(folder, ca.issuing_signer(), wish); }

    Signer make_signer(std::string_view key_option = rsa_key) {
        return make_signer({.extensions = test::file_signer_extensions, .key = std::string(key_option)});
    }

    // By `openssl <command>` with the certificate and key that make_signer left in the folder.
    std::string openssl_signs(const std::string& command, const std::string& key_options = "") {
        const auto ran = run("openssl " + command + " -in " + folder / "f" + " -signer " + folder / "c.pem" +
                             " -inkey " + folder / "k.pem" + key_options + " -outform PEM -out " + folder / "s");
        EXPECT_EQ(ran.status, 0) << ran.output;
        return folder.get("s");
    }

    FaultCode refusal(std::string_view content, std::string_view pem, Strength floor = Strength::modern) {
        const auto checked = verify_detached(content, pem, floor);
        if (checked) {
            ADD_FAILURE() << "it was taken";
            return FaultCode::internal;
        }
        sentence = checked.error().message;
        return checked.error().code;
    }

    TemporaryFolder folder;
    LittleCa ca{"signatures", KeyType::rsa2048};
    std::string sentence;
};

TEST_F(Signature, TheManualsRecipeIsTaken) {
    for (const std::string_view option : {rsa_key, std::string_view("-newkey ec -pkeyopt ec_paramgen_curve:P-256")}) {
        const Signer signer = make_signer(option);
        const auto before = SystemClock().wall_now() - std::chrono::seconds(2);
        const auto checked = verify_detached(file_content(), openssl_signs("smime -sign -binary"));
        ASSERT_TRUE(checked.has_value()) << checked.error().message;
        EXPECT_EQ(checked->signer, signer.certificate);
        EXPECT_TRUE(checked->certificates.empty());
        ASSERT_TRUE(checked->signed_at.has_value());
        EXPECT_GE(*checked->signed_at, before);
        EXPECT_LE(*checked->signed_at, SystemClock().wall_now());
    }
}

TEST_F(Signature, CmsFormAndTheOtherHashesAndPaddingsAreTaken) {
    make_signer();
    for (const char* options : {"", " -md sha384", " -md sha512", " -keyid", " -keyopt rsa_padding_mode:pss"}) {
        const std::string pem = openssl_signs("cms -sign -binary", options);
        EXPECT_EQ(pem.rfind("-----BEGIN CMS-----", 0), 0u);
        const auto checked = verify_detached(file_content(), pem);
        EXPECT_TRUE(checked.has_value()) << options << ": " << checked.error().message;
        EXPECT_TRUE(verify_detached(file_content(), replace_all(pem, "\n", "\r\n")).has_value()) << options;
    }
}

TEST_F(Signature, WithoutSignedAttributesThereIsNoTime) {
    make_signer();
    const auto checked = verify_detached(file_content(), openssl_signs("smime -sign -binary -noattr"));
    ASSERT_TRUE(checked.has_value()) << checked.error().message;
    EXPECT_FALSE(checked->signed_at.has_value());
    EXPECT_EQ(refusal("other", folder.get("s")), FaultCode::unauthenticated);
}

TEST_F(Signature, TheChainThatCameAlongIsHandedOut) {
    const Signer signer = make_signer();
    const std::string pem = openssl_signs("smime -sign -binary -certfile " + folder / "ca.pem");
    const auto checked = verify_detached(file_content(), pem);
    ASSERT_TRUE(checked.has_value()) << checked.error().message;
    EXPECT_EQ(checked->signer, signer.certificate);
    EXPECT_EQ(checked->certificates, std::vector<Certificate>{ca.issuing()});
}

TEST_F(Signature, Sha1IsTakenAtTheLegacyFloorOnlyAndMd5Never) {
    make_signer();
    const std::string sha1 = openssl_signs("smime -sign -binary -md sha1");
    EXPECT_EQ(refusal(file_content(), sha1), FaultCode::untrusted);
    EXPECT_EQ(sentence.rfind("weak signature: ", 0), 0u) << sentence;
    EXPECT_TRUE(verify_detached(file_content(), sha1, Strength::legacy).has_value());
    const std::string md5 = openssl_signs("smime -sign -binary -md md5");
    EXPECT_EQ(refusal(file_content(), md5, Strength::legacy), FaultCode::untrusted);
}

TEST_F(Signature, AnyOtherByteOfTheContentIsRefused) {
    make_signer();
    const std::string pem = openssl_signs("smime -sign -binary");
    const std::string good = file_content();
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string changed = good;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        EXPECT_EQ(refusal(changed, pem), FaultCode::unauthenticated) << i;
    }
    EXPECT_EQ(refusal("", pem), FaultCode::unauthenticated);
    EXPECT_EQ(refusal(good + "\n", pem), FaultCode::unauthenticated);
    EXPECT_EQ(refusal(good.substr(1), pem), FaultCode::unauthenticated);
    EXPECT_EQ(refusal(replace_all(good, "\r\n", "\n"), pem), FaultCode::unauthenticated);
}

// One bit at a time in the last bytes, which are the signature's value.
TEST_F(Signature, AChangedSignatureIsRefused) {
    make_signer();
    openssl_signs("smime -sign -binary");
    ASSERT_EQ(run("openssl pkcs7 -in " + folder / "s" + " -outform DER -out " + folder / "der").status, 0);
    const std::string der = folder.get("der");
    for (std::size_t back = 1; back <= 256; back += 51) {
        std::string changed = der;
        changed[der.size() - back] = static_cast<char>(changed[der.size() - back] ^ 1);
        const std::string pem = "-----BEGIN PKCS7-----\n" + to_base64(changed) + "\n-----END PKCS7-----\n";
        EXPECT_EQ(refusal(file_content(), pem), FaultCode::unauthenticated) << back;
    }
    EXPECT_TRUE(
        verify_detached(file_content(), "-----BEGIN PKCS7-----\n" + to_base64(der) + "\n-----END PKCS7-----\n"));
}

// A certificate that claims the signer's issuer and serial number but has another key.
TEST_F(Signature, ASignatureByAnotherKeyIsRefused) {
    const Signer signer = make_signer();
    const auto pem = sign_detached({file_content()}, signer, {}, test::test_now);
    ASSERT_TRUE(pem.has_value());
    const Signer other = make_signer();
    folder.put("p", *pem);
    ASSERT_EQ(run("openssl pkcs7 -outform DER -in " + folder / "p" + " -out " + folder / "der").status, 0);
    const std::string changed = replace_all(folder.get("der"), signer.certificate.to_der(), other.certificate.to_der());
    EXPECT_NE(changed, folder.get("der"));
    EXPECT_EQ(refusal(file_content(), "-----BEGIN CMS-----\n" + to_base64(changed) + "\n-----END CMS-----\n"),
              FaultCode::unauthenticated);
}

TEST_F(Signature, OtherFormsAreRefused) {
    make_signer();
    EXPECT_EQ(refusal(file_content(), openssl_signs("smime -sign -binary -nodetach")), FaultCode::malformed);
    EXPECT_NE(sentence.find("content of its own"), std::string::npos) << sentence;
    EXPECT_EQ(refusal(file_content(), openssl_signs("smime -sign -binary -nocerts")), FaultCode::malformed);
    EXPECT_NE(sentence.find("signer's certificate"), std::string::npos) << sentence;
    EXPECT_EQ(refusal(file_content(), openssl_signs("cms -sign -binary -econtent_type 1.2.840.113549.1.9.16.1.4")),
              FaultCode::malformed);

    folder.put("c1.pem", folder.get("c.pem"));
    folder.put("k1.pem", folder.get("k.pem"));
    make_signer();
    const std::string two =
        openssl_signs("smime -sign -binary -signer " + folder / "c1.pem" + " -inkey " + folder / "k1.pem");
    EXPECT_EQ(refusal(file_content(), two), FaultCode::malformed);
    EXPECT_NE(sentence.find("more than one signer"), std::string::npos) << sentence;

    ASSERT_EQ(run("openssl crl2pkcs7 -nocrl -certfile " + folder / "c.pem" + " -out " + folder / "certs").status, 0);
    EXPECT_EQ(refusal(file_content(), folder.get("certs")), FaultCode::malformed) << "nobody signed";
    ASSERT_EQ(
        run("openssl cms -encrypt -in " + folder / "f" + " -outform PEM -out " + folder / "e" + " " + folder / "c.pem")
            .status,
        0);
    EXPECT_EQ(refusal(file_content(), folder.get("e")), FaultCode::malformed) << "encrypted, not signed";
    EXPECT_EQ(refusal(file_content(), folder.get("c.pem")), FaultCode::malformed) << "a certificate";
}

TEST_F(Signature, DamageIsRefused) {
    make_signer();
    const std::string pem = openssl_signs("smime -sign -binary");
    for (std::size_t size = 0; size + 1 < pem.size(); size += 97) {
        EXPECT_EQ(refusal(file_content(), pem.substr(0, size)), FaultCode::malformed) << size;
    }
    EXPECT_EQ(refusal(file_content(), {}), FaultCode::malformed);
    EXPECT_EQ(refusal(file_content(), "x" + pem), FaultCode::malformed);
    EXPECT_EQ(refusal(file_content(), pem + "more"), FaultCode::malformed);
    EXPECT_EQ(refusal(file_content(), pem + pem), FaultCode::malformed);
    EXPECT_EQ(refusal(file_content(), "-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n"), FaultCode::malformed);
    EXPECT_EQ(refusal(file_content(), pem + std::string(max_signature_size, '\n')), FaultCode::too_large);
}

TEST_F(Signature, TooManyCertificatesAreRefused) {
    make_signer();
    std::string many;
    for (std::size_t i = 0; i <= max_embedded_certificates; ++i) {
        many += ca.issue(test::request(CertificateRole::device, "d" + std::to_string(i)), key("many")).to_pem();
    }
    folder.put("many", many);
    EXPECT_EQ(refusal(file_content(), openssl_signs("smime -sign -binary -certfile " + folder / "many")),
              FaultCode::too_large);
    EXPECT_EQ(sign_detached({""}, make_signer(), std::vector<Certificate>(max_embedded_certificates, ca.root()), {})
                  .error()
                  .code,
              FaultCode::too_large);
}

TEST_F(Signature, OpensslTakesOurs) {
    folder.put("root.pem", ca.root().to_pem());
    for (const std::string_view option : {rsa_key, std::string_view("-newkey ec -pkeyopt ec_paramgen_curve:P-256")}) {
        const Signer signer = make_signer(option);
        const auto pem = sign_detached({file_content()}, signer, {ca.issuing(), signer.certificate}, test::test_now);
        ASSERT_TRUE(pem.has_value()) << pem.error().message;
        EXPECT_EQ(pem->rfind("-----BEGIN PKCS7-----\n", 0), 0u);
        folder.put("s", *pem);
        for (const std::string command : {"smime", "cms"}) {
            const std::string verify = "openssl " + command + " -verify -binary -inform PEM -in " + folder / "s" +
                                       " -CAfile " + folder / "root.pem" + " -out " + folder / "out" + " -content ";
            const auto good = run(verify + folder / "f");
            EXPECT_EQ(good.status, 0) << good.output;
            EXPECT_EQ(folder.get("out"), file_content());
            EXPECT_NE(run(verify + folder / "ext").status, 0) << "another file";
        }
        const auto ours = verify_detached(file_content(), *pem);
        ASSERT_TRUE(ours.has_value()) << ours.error().message;
        EXPECT_EQ(ours->signer, signer.certificate);
        EXPECT_EQ(ours->certificates, std::vector<Certificate>{ca.issuing()});
        EXPECT_EQ(ours->signed_at, test::test_now);
    }
}

TEST_F(Signature, GpgTakesOurs) {
    const Signer signer = make_signer();
    const auto pem = sign_detached({file_content()}, signer, {ca.issuing(), ca.root()}, test::test_now);
    ASSERT_TRUE(pem.has_value());
    folder.put("s", replace_all(*pem, "PKCS7", "CMS"));
    std::filesystem::create_directory(folder / "gpg");
    std::filesystem::permissions(folder / "gpg", std::filesystem::perms::owner_all);
    const std::string gpg = "gpgsm --homedir " + folder / "gpg" +
                            " --batch --disable-crl-checks --disable-dirmngr --assume-armor --verify " + folder / "s ";
    const auto good = run(gpg + folder / "f");
    EXPECT_NE(good.output.find("Signature made 2026-06-01 00:00:00"), std::string::npos) << good.output;
    EXPECT_EQ(good.output.find("BAD signature"), std::string::npos) << good.output;
    EXPECT_NE(run(gpg + folder / "ext").output.find("invalid signature"), std::string::npos);
}

TEST_F(Signature, SaysWhatItIsOver) {
    const Signer signer = make_signer();
    const auto pem = sign_detached({file_content(), "for one phone"}, signer, {}, test::test_now);
    ASSERT_TRUE(pem.has_value()) << pem.error().message;
    const auto checked = verify_detached(file_content(), *pem);
    ASSERT_TRUE(checked.has_value()) << checked.error().message;
    EXPECT_EQ(checked->description, "for one phone");
    folder.put("s", *pem);
    const auto printed = run("openssl cms -cmsout -print -noout -inform PEM -in " + folder / "s").output;
    EXPECT_NE(printed.find("id-smime-aa-contentHint"), std::string::npos) << printed;
    EXPECT_NE(printed.find(":for one phone"), std::string::npos) << printed;
    const auto plain = sign_detached({file_content()}, signer, {}, test::test_now);
    ASSERT_TRUE(plain.has_value());
    EXPECT_EQ(verify_detached(file_content(), *plain)->description, std::nullopt);
}

// The words stand under the signature: whoever changes them breaks it.
TEST_F(Signature, WhatItSaysCannotBeChanged) {
    const auto pem = sign_detached({file_content(), "for one phone"}, make_signer(), {}, test::test_now);
    ASSERT_TRUE(pem.has_value());
    folder.put("p", *pem);
    ASSERT_EQ(run("openssl pkcs7 -outform DER -in " + folder / "p" + " -out " + folder / "der").status, 0);
    const std::string changed = replace_all(folder.get("der"), "for one phone", "for all of us");
    ASSERT_NE(changed, folder.get("der"));
    EXPECT_EQ(refusal(file_content(), "-----BEGIN CMS-----\n" + to_base64(changed) + "\n-----END CMS-----\n"),
              FaultCode::unauthenticated);
}

TEST_F(Signature, KeyAndCertificateMustBelongTogether) {
    Signer mixed = make_signer();
    mixed.key = key("another");
    EXPECT_EQ(sign_detached({"x"}, mixed, {}, test::test_now).error().code, FaultCode::conflict);
}

TEST(SignatureCorpus, GetsItsVerdicts) {
    test::expect_verdicts("signed_data", 18, [](const std::string& bytes) {
        const std::size_t end = std::min(bytes.find("-----BEGIN "), bytes.size());
        return verify_detached(bytes.substr(0, end), bytes.substr(end), Strength::legacy).has_value();
    });
}

}  // namespace
}  // namespace ringfence::crypto
