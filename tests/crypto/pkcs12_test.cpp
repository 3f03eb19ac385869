#include "crypto/pkcs12.h"

#include <gtest/gtest.h>

#include "tests/crypto/little_ca.h"
#include "tests/crypto/program.h"

namespace ringfence::crypto {
namespace {

using test::key;
using test::run;
using test::TemporaryFolder;

Pkcs12Content content(KeyType type) {
    test::LittleCa ca("pkcs12", KeyType::rsa2048);
    const auto device_key = key("device", type);
    const auto leaf = ca.issue(test::request(CertificateRole::device, "00247F0102AB"), device_key);
    return {device_key, leaf, {ca.issuing()}, "00247F0102AB"};
}

// Read by OpenSSL's own program without the legacy provider, in the algorithms that old sets know.
TEST(Pkcs12, OpensslReadsItInTheOldAlgorithms) {
    for (const KeyType type : {KeyType::rsa2048, KeyType::p256}) {
        const TemporaryFolder folder;
        const Pkcs12Content packed = content(type);
        const auto bytes = format_pkcs12(packed, Secret("aB3_-.!@$%&+"));
        ASSERT_TRUE(bytes.has_value()) << bytes.error().message;
        folder.put("d.p12", *bytes);
        folder.put("p.txt", "aB3_-.!@$%&+\n");
        const std::string open = "openssl pkcs12 -in " + folder / "d.p12" + " -passin file:" + folder / "p.txt";
        const auto info = run(open + " -info -noout");
        EXPECT_EQ(info.status, 0) << info.output;
        EXPECT_NE(info.output.find("MAC: sha1"), std::string::npos) << info.output;
        EXPECT_NE(info.output.find("Shrouded Keybag: pbeWithSHA1And3-KeyTripleDES-CBC"), std::string::npos);
        EXPECT_NE(info.output.find("Encrypted data: pbeWithSHA1And3-KeyTripleDES-CBC"), std::string::npos);
        EXPECT_EQ(info.output.find("PBES2"), std::string::npos);

        const auto opened_key = PrivateKey::parse_pem(Secret(run(open + " -nocerts -nodes").output));
        ASSERT_TRUE(opened_key.has_value());
        EXPECT_EQ(opened_key->to_pem(), packed.key.to_pem());
        const auto certificates = Certificate::parse_bundle(run(open + " -nokeys").output);
        ASSERT_TRUE(certificates.has_value());
        EXPECT_EQ(*certificates, (std::vector<Certificate>{packed.certificate, packed.chain.front()}));

        EXPECT_NE(run("openssl pkcs12 -noout -passin pass:wrong -in " + folder / "d.p12").status, 0);
    }
}

TEST(Pkcs12, OnlyWhatASetCanTypeIsAPassword) {
    for (const char* good : {"a", "ABCdef123456", "_-.!@$%&+:^"}) EXPECT_TRUE(is_typeable_password(good)) << good;
    for (const char* bad : {"", "1234567890123", "a b", "a#b", "a/b", "\xc3\xa4"}) {
        EXPECT_FALSE(is_typeable_password(bad)) << bad;
        EXPECT_EQ(format_pkcs12(content(KeyType::p256), Secret(bad)).error().code, FaultCode::malformed);
    }
}

TEST(Pkcs12, MadePasswordsAreTypeableAndDiffer) {
    SystemRandom random;
    const Secret one = make_pkcs12_password(random);
    EXPECT_EQ(one.reveal().size(), max_pkcs12_password);
    EXPECT_TRUE(is_typeable_password(one.reveal()));
    EXPECT_FALSE(one == make_pkcs12_password(random));
}

TEST(Pkcs12, KeyAndCertificateMustBelongTogether) {
    Pkcs12Content mixed = content(KeyType::p256);
    mixed.key = key("another");
    EXPECT_EQ(format_pkcs12(mixed, Secret("abc")).error().code, FaultCode::conflict);
}

}  // namespace
}  // namespace ringfence::crypto
