#include "crypto/certificate.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "tests/crypto/corpus.h"
#include "tests/crypto/little_ca.h"
#include "tests/crypto/program.h"

namespace ringfence::crypto {
namespace {

using test::run;
using test::TemporaryFolder;

// Made by OpenSSL's own program, with everything that we read.
TEST(Certificate, ReadsWhatOpensslWrote) {
    const TemporaryFolder folder;
    const auto made =
        run("openssl req -x509 -newkey rsa:2048 -nodes -keyout " + folder / "k.pem" + " -out " + folder / "c.pem" +
            " -subj '/C=DE/O=Ex\xc3\xa4mple, Ltd/CN=prov.example' -utf8 -days 30 -set_serial 0x00ab12cd "
            "-addext 'subjectAltName=DNS:prov.example,DNS:*.prov.example,IP:192.0.2.1,IP:2001:db8::1,"
            "email:a@b.example'");
    ASSERT_EQ(made.status, 0) << made.output;
    const auto certificate = Certificate::parse_pem(folder.get("c.pem"));
    ASSERT_TRUE(certificate.has_value()) << certificate.error().message;

    EXPECT_EQ(certificate->subject(), "CN=prov.example,O=Ex\xc3\xa4mple\\, Ltd,C=DE");
    EXPECT_EQ(certificate->issuer(), certificate->subject());
    EXPECT_EQ(certificate->common_name(), "prov.example");
    EXPECT_EQ(certificate->serial(), "ab12cd");
    EXPECT_EQ(certificate->dns_names(), (std::vector<std::string>{"prov.example", "*.prov.example"}));
    ASSERT_EQ(certificate->addresses().size(), 2u);
    EXPECT_EQ(certificate->addresses()[0].to_string(), "192.0.2.1");
    EXPECT_EQ(certificate->addresses()[1].to_string(), "2001:db8::1");
    EXPECT_TRUE(certificate->is_ca());
    EXPECT_TRUE(certificate->is_self_issued());
    EXPECT_EQ(certificate->key_kind(), KeyKind::rsa);
    EXPECT_EQ(certificate->key_bits(), 2048u);
    EXPECT_EQ(certificate->not_after() - certificate->not_before(), std::chrono::days(30));

    const auto fingerprint = [&folder](const std::string& hash) {
        const auto seen = run("openssl x509 -noout -fingerprint -" + hash + " -in " + folder / "c.pem").output;
        return replace_all(to_lower(trim(seen.substr(seen.find('=') + 1))), ":", "");
    };
    EXPECT_EQ(certificate->fingerprint_sha256(), fingerprint("sha256"));
    EXPECT_EQ(certificate->fingerprint_sha1(), fingerprint("sha1"));
    const auto key_hash = run("openssl x509 -noout -pubkey -in " + folder / "c.pem" +
                              " | openssl pkey -pubin -outform DER | openssl dgst -sha1 -r");
    EXPECT_EQ(key_hash.output.substr(0, 40), certificate->public_key_sha1());

    const auto key = PrivateKey::parse_pem(Secret(folder.get("k.pem")));
    ASSERT_TRUE(key.has_value());
    EXPECT_TRUE(key->matches(*certificate));
    EXPECT_FALSE(test::key("another", KeyType::rsa2048).matches(*certificate));
}

TEST(Certificate, PemAndDerAreTheSameCertificate) {
    test::LittleCa ca("forms");
    const auto from_der = Certificate::parse_der(ca.root().to_der());
    const auto from_pem = Certificate::parse_pem(ca.root().to_pem());
    ASSERT_TRUE(from_der && from_pem);
    EXPECT_EQ(*from_der, ca.root());
    EXPECT_EQ(*from_pem, ca.root());
    EXPECT_EQ(ca.root().fingerprint_sha256(), to_hex(sha256(ca.root().to_der())));
    EXPECT_FALSE(Certificate::parse_der(ca.root().to_der() + "x").has_value());
    EXPECT_FALSE(*from_der == ca.issuing());
}

TEST(Certificate, ABundleKeepsItsOrderAndPassesOverCrlsAndText) {
    const TemporaryFolder folder;
    test::LittleCa ca("bundle");
    folder.put("ca.pem", ca.root().to_pem());
    folder.put("ca.key", ca.root_signer().key.to_pem().reveal());
    folder.put("ca.cnf",
               "[ca]\ndefault_ca=c\n[c]\ndatabase=" + folder / "index" + "\ndefault_md=sha256\ndefault_crl_days=9\n");
    folder.put("index", "");
    const auto crl = run("openssl ca -gencrl -config " + folder / "ca.cnf" + " -cert " + folder / "ca.pem" +
                         " -keyfile " + folder / "ca.key" + " -out " + folder / "ca.crl");
    ASSERT_EQ(crl.status, 0) << crl.output;
    const std::string file = "The root:\n" + ca.root().to_pem() + "\n" + folder.get("ca.crl") + "\nAnd below it\n" +
                             ca.issuing().to_pem() + "that is all\n";
    const auto bundle = Certificate::parse_bundle(file);
    ASSERT_TRUE(bundle.has_value()) << bundle.error().message;
    EXPECT_EQ(*bundle, (std::vector<Certificate>{ca.root(), ca.issuing()}));
    EXPECT_EQ(Certificate::parse_bundle(format_bundle(*bundle)), *bundle);
    EXPECT_NE(format_bundle(*bundle).find("-----END CERTIFICATE-----\n\n-----BEGIN"), std::string::npos);
}

TEST(Certificate, ABundleIsBounded) {
    test::LittleCa ca("bounds");
    const std::string one = ca.root().to_pem();
    std::string many;
    for (std::size_t i = 0; i < Certificate::max_in_bundle; ++i) many += one;
    EXPECT_EQ(Certificate::parse_bundle(many)->size(), Certificate::max_in_bundle);
    EXPECT_EQ(Certificate::parse_bundle(many + one).error().code, FaultCode::too_large);
    EXPECT_EQ(Certificate::parse_bundle(std::string(Certificate::max_bundle_size + 1, '\n')).error().code,
              FaultCode::too_large);
    EXPECT_EQ(Certificate::parse_der(std::string(Certificate::max_size + 1, '0')).error().code, FaultCode::too_large);
}

TEST(Certificate, WhatIsNoCertificateIsRefused) {
    test::LittleCa ca("refused");
    const std::string pem = ca.root().to_pem();
    EXPECT_EQ(Certificate::parse_bundle("").error().code, FaultCode::malformed);
    EXPECT_EQ(Certificate::parse_bundle("no PEM here").error().code, FaultCode::malformed);
    EXPECT_EQ(Certificate::parse_bundle(pem.substr(0, pem.size() / 2)).error().code, FaultCode::malformed);
    EXPECT_EQ(Certificate::parse_bundle(pem + pem.substr(0, pem.size() / 2)).error().code, FaultCode::malformed);
    EXPECT_EQ(Certificate::parse_pem(pem + pem).error().code, FaultCode::malformed);

    const auto with_key = Certificate::parse_bundle(pem + std::string(test::key("k").to_pem().reveal()));
    ASSERT_FALSE(with_key.has_value());
    EXPECT_NE(with_key.error().message.find("PRIVATE KEY"), std::string::npos);
}

TEST(Certificate, TheCorpusGetsItsVerdicts) {
    test::expect_verdicts("certificate_bundle", 8,
                          [](const std::string& bytes) { return Certificate::parse_bundle(bytes).has_value(); });
}

TEST(PrivateKey, SurvivesPemAndRefusesWhatIsNone) {
    for (const KeyType type : {KeyType::rsa2048, KeyType::p256}) {
        const PrivateKey made = test::key("survives", type);
        const auto parsed = PrivateKey::parse_pem(made.to_pem());
        ASSERT_TRUE(parsed.has_value());
        EXPECT_EQ(parsed->to_pem(), made.to_pem());
        EXPECT_EQ(parsed->bits(), type == KeyType::rsa2048 ? 2048u : 256u);
        EXPECT_EQ(parsed->kind(), type == KeyType::rsa2048 ? KeyKind::rsa : KeyKind::ec);
        EXPECT_EQ(parse_key_type(to_string(type)), type);
    }
    EXPECT_FALSE(parse_key_type("rsa1024").has_value());
    EXPECT_EQ(PrivateKey::parse_pem(Secret("nothing")).error().code, FaultCode::malformed);
    EXPECT_EQ(PrivateKey::parse_pem(Secret(std::string(PrivateKey::max_pem_size + 1, ' '))).error().code,
              FaultCode::too_large);
}

TEST(PrivateKey, AKeyUnderAPasswordIsRefusedWithoutAskingForIt) {
    const TemporaryFolder folder;
    const auto made = run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes128 -pass pass:x -out " +
                          folder / "k.pem");
    ASSERT_EQ(made.status, 0) << made.output;
    EXPECT_EQ(PrivateKey::parse_pem(Secret(folder.get("k.pem"))).error().code, FaultCode::malformed);
}

}  // namespace
}  // namespace ringfence::crypto
