#include "crypto/public_key.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "crypto/certificate_request.h"
#include "crypto/hash.h"
#include "tests/crypto/corpus.h"
#include "tests/crypto/little_ca.h"
#include "tests/crypto/program.h"

namespace ringfence::crypto {
namespace {

using test::key;
using test::run;
using test::TemporaryFolder;

// What OpenSSL's program makes as a public key.
std::string foreign_key(const std::string& wish) {
    const TemporaryFolder folder;
    const auto made = run("openssl genpkey " + wish + " -out " + folder / "k.pem" + " && openssl pkey -in " +
                          folder / "k.pem" + " -pubout -outform DER -out " + folder / "p.der");
    EXPECT_EQ(made.status, 0) << made.output;
    return folder.get("p.der");
}

// An RSA key by its numbers in hex.
std::string rsa_key(const std::string& modulus, const std::string& exponent) {
    const TemporaryFolder folder;
    folder.put("cnf",
               "asn1=SEQUENCE:spki\n[spki]\na=SEQUENCE:algorithm\nk=BITWRAP,SEQUENCE:key\n[algorithm]\n"
               "o=OID:rsaEncryption\nn=NULL\n[key]\nn=INTEGER:0x" +
                   modulus + "\ne=INTEGER:0x" + exponent + "\n");
    const auto made = run("openssl asn1parse -noout -genconf " + folder / "cnf" + " -out " + folder / "p.der");
    EXPECT_EQ(made.status, 0) << made.output;
    return folder.get("p.der");
}

std::string odd_modulus(std::size_t bits) { return "80" + std::string(bits / 4 - 4, '0') + "01"; }

std::string verdict(const std::string& der) {
    const auto parsed = PublicKey::parse_der(der);
    return parsed ? "taken" : std::string(to_string(parsed.error().code));
}

TEST(PublicKey, SaysWhatItIs) {
    const auto rsa = PublicKey::parse_der(foreign_key("-algorithm RSA -pkeyopt rsa_keygen_bits:2048"));
    ASSERT_TRUE(rsa.has_value());
    EXPECT_EQ(rsa->kind(), KeyKind::rsa);
    EXPECT_EQ(rsa->bits(), 2048u);
    EXPECT_FALSE(rsa->is_p256());
    const auto p256 = PublicKey::parse_der(foreign_key("-algorithm EC -pkeyopt ec_paramgen_curve:P-256"));
    ASSERT_TRUE(p256.has_value());
    EXPECT_EQ(p256->kind(), KeyKind::ec);
    EXPECT_EQ(p256->bits(), 256u);
    EXPECT_TRUE(p256->is_p256());
    const auto p384 = PublicKey::parse_der(foreign_key("-algorithm EC -pkeyopt ec_paramgen_curve:P-384"));
    ASSERT_TRUE(p384.has_value());
    EXPECT_FALSE(p384->is_p256());
}

TEST(PublicKey, KeepsItsBytes) {
    const std::string der = foreign_key("-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
    const auto parsed = PublicKey::parse_der(der);
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(parsed->to_der(), der);
    EXPECT_EQ(parsed->fingerprint_sha256(), to_hex(sha256(der)));
}

TEST(PublicKey, IsTheSameInPrivateKeyRequestAndCertificate) {
    for (const KeyType type : {KeyType::rsa2048, KeyType::p256}) {
        test::LittleCa ca("same key");
        const auto own = key("same", type).public_key();
        ASSERT_TRUE(own.has_value());
        const auto asked = CertificationRequest::make({"D", "", {}, {}}, Secret(), key("same", type));
        ASSERT_TRUE(asked.has_value());
        EXPECT_EQ(asked->public_key(), *own);
        const auto issued = ca.issue(test::request(CertificateRole::device, "D"), key("same", type)).public_key();
        ASSERT_TRUE(issued.has_value());
        EXPECT_EQ(*issued, *own);
        EXPECT_NE(*key("other", type).public_key(), *own);
    }
}

TEST(PublicKey, RefusesRsaThatProtectsNothing) {
    EXPECT_EQ(verdict(rsa_key(odd_modulus(2048), "010001")), "taken");
    EXPECT_EQ(verdict(rsa_key(odd_modulus(2048), "03")), "taken");
    EXPECT_EQ(verdict(rsa_key(odd_modulus(2048), "01")), "malformed");
    EXPECT_EQ(verdict(rsa_key(odd_modulus(2048), "010000")), "malformed");
    EXPECT_EQ(verdict(rsa_key(odd_modulus(2048), "00")), "malformed");
    EXPECT_EQ(verdict(rsa_key("80" + std::string(508, '0') + "02", "010001")), "malformed");
    EXPECT_EQ(verdict(rsa_key(odd_modulus(2048), "ffffffffffffffff")), "taken");
    EXPECT_EQ(verdict(rsa_key(odd_modulus(2048), "010000000000000001")), "too_large");
    EXPECT_EQ(verdict(rsa_key(odd_modulus(4096), "010001")), "taken");
    EXPECT_EQ(verdict(rsa_key(odd_modulus(4104), "010001")), "too_large");
    EXPECT_EQ(verdict(rsa_key(odd_modulus(65536), "010001")), "too_large");
}

TEST(PublicKey, RefusesOtherKindsAndCurvesWithoutAName) {
    EXPECT_EQ(verdict(foreign_key("-algorithm ED25519")), "malformed");
    EXPECT_EQ(verdict(foreign_key("-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048")), "malformed");
    EXPECT_EQ(verdict(foreign_key("-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit")),
              "malformed");
}

TEST(PublicKey, TakesOneFormOnly) {
    const std::string der = key("form").public_key()->to_der();
    EXPECT_EQ(verdict(der), "taken");
    EXPECT_EQ(verdict(der + '\0'), "malformed");
    EXPECT_EQ(verdict(der.substr(0, der.size() - 1)), "malformed");
    EXPECT_EQ(verdict(""), "malformed");
    EXPECT_EQ(verdict(std::string(PublicKey::max_size + 1, '\0')), "too_large");
    std::string off_the_curve = der;
    off_the_curve.back() = static_cast<char>(off_the_curve.back() ^ 1);
    EXPECT_EQ(verdict(off_the_curve), "malformed");
    // The same length in a form that only BER has.
    EXPECT_EQ(verdict(std::string("\x30\x81\x59", 3) + der.substr(2)), "malformed");
}

TEST(PublicKeyCorpus, GetsItsVerdicts) {
    test::expect_verdicts("public_key", 20,
                          [](const std::string& bytes) { return PublicKey::parse_der(bytes).has_value(); });
}

}  // namespace
}  // namespace ringfence::crypto
