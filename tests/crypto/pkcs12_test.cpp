#include "crypto/pkcs12.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "base/clock.h"
#include "tests/crypto/corpus.h"
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

// Files that OpenSSL's program makes of a device's key and certificate.
class Pkcs12Reading : public testing::Test {
protected:
    void SetUp() override {
        folder.put("k", packed.key.to_pem().reveal());
        folder.put("c", packed.certificate.to_pem());
        folder.put("ca", packed.chain.front().to_pem());
        folder.put("p", password + "\n");
    }

    std::string openssl_makes(const std::string& options) {
        const auto made = run("openssl pkcs12 -export -inkey " + folder / "k" + " -in " + folder / "c" +
                              " -passout file:" + folder / "p" + " -out " + folder / "d.p12 " + options);
        EXPECT_EQ(made.status, 0) << made.output;
        return folder.get("d.p12");
    }

    std::string with_chain() const { return "-name 00247F0102AB -certfile " + folder / "ca "; }

    // Whether the file holds what was packed.
    void expect_packed(const std::string& bytes, std::string_view with, const std::string& how) {
        const auto opened = parse_pkcs12(bytes, Secret(std::string(with)));
        ASSERT_TRUE(opened.has_value()) << how << ": " << opened.error().message;
        EXPECT_EQ(opened->key.to_pem(), packed.key.to_pem()) << how;
        EXPECT_EQ(opened->certificate, packed.certificate) << how;
        EXPECT_EQ(opened->chain, packed.chain) << how;
        EXPECT_EQ(opened->friendly_name, "00247F0102AB") << how;
    }

    static FaultCode refusal(const std::string& bytes, const std::string& with) {
        const auto opened = parse_pkcs12(bytes, Secret(with));
        return opened ? FaultCode::internal : opened.error().code;
    }

    const std::string password = "aB3_-.!@$%&+";
    Pkcs12Content packed = content(KeyType::rsa2048);
    TemporaryFolder folder;
};

TEST_F(Pkcs12Reading, EveryFormThatOpensslWrites) {
    for (const char* form :
         {"", "-legacy", "-certpbe PBE-SHA1-3DES -keypbe PBE-SHA1-3DES -macalg sha1",
          "-legacy -certpbe PBE-SHA1-RC2-40 -keypbe PBE-SHA1-RC2-40", "-legacy -keypbe PBE-SHA1-RC2-128",
          "-certpbe NONE -keypbe NONE", "-keypbe AES-128-CBC -certpbe DES-EDE3-CBC -macalg sha512", "-iter 100000"}) {
        const std::string bytes = openssl_makes(with_chain() + form);
        expect_packed(bytes, password, form);
        for (const char* wrong : {"", "aB3_-.!@$%&", "aB3_-.!@$%&++"}) {
            EXPECT_EQ(refusal(bytes, wrong), FaultCode::unauthenticated) << form << ", " << wrong;
        }
    }
}

TEST_F(Pkcs12Reading, WhatWeWrite) {
    const auto bytes = format_pkcs12(packed, Secret(password));
    ASSERT_TRUE(bytes.has_value());
    expect_packed(*bytes, password, "ours");
    const Pkcs12Content small = content(KeyType::p256);
    const auto opened = parse_pkcs12(*format_pkcs12(small, Secret(password)), Secret(password));
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(opened->certificate, small.certificate);
    EXPECT_TRUE(opened->key.matches(small.certificate));
}

TEST_F(Pkcs12Reading, AnEmptyPasswordInBothOfItsForms) {
    folder.put("p", "\n");
    for (const char* form : {"", "-legacy"}) expect_packed(openssl_makes(with_chain() + form), "", form);
    EXPECT_EQ(refusal(folder.get("d.p12"), "x"), FaultCode::unauthenticated);
}

// The old algorithms are loaded where only this reader meets them.
TEST_F(Pkcs12Reading, LeavesTheProgramsOwnAlgorithmsAlone) {
    expect_packed(openssl_makes(with_chain() + "-legacy"), password, "-legacy");
    const auto is_known = [](const char* name) {
        EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
        EVP_CIPHER_free(cipher);
        return cipher != nullptr;
    };
    EXPECT_TRUE(is_known("AES-128-CBC"));
    EXPECT_FALSE(is_known("RC2-40-CBC"));
}

// DER's tag-length-value with every constructed value in BER's indefinite form and every octet string in pieces.
std::string to_ber(std::string_view der) {
    std::string ber;
    while (!der.empty()) {
        const auto byte = [&der](std::size_t i) { return static_cast<unsigned char>(der.at(i)); };
        std::size_t header = 2;
        std::size_t size = byte(1);
        if (size >= 0x80) {
            header += size - 0x80;
            size = 0;
            for (std::size_t i = 2; i < header; ++i) size = size * 256 + byte(i);
        }
        const std::string_view value = der.substr(header, size);
        const std::string end("\0\0", 2);
        if ((byte(0) & 0x20) != 0) {
            ber += std::string{der[0], '\x80'} + to_ber(value) + end;
        } else if (byte(0) == 0x04 && size > 1) {
            const auto piece = [](std::string_view part) {
                return std::string("\x04\x82") + static_cast<char>(part.size() >> 8) +
                       static_cast<char>(part.size() & 0xff) + std::string(part);
            };
            ber += std::string("\x24\x80") + piece(value.substr(0, size / 2)) + piece(value.substr(size / 2)) + end;
        } else {
            ber += der.substr(0, header + size);
        }
        der.remove_prefix(header + size);
    }
    return ber;
}

TEST_F(Pkcs12Reading, Ber) {
    for (const char* form : {"", "-legacy"}) {
        const std::string ber = to_ber(openssl_makes(with_chain() + form));
        folder.put("b.p12", ber);
        EXPECT_NE(ber, folder.get("d.p12"));
        expect_packed(ber, password, form);
        const auto judged =
            run("openssl pkcs12 -legacy -noout -in " + folder / "b.p12" + " -passin file:" + folder / "p");
        EXPECT_EQ(judged.status, 0) << judged.output;
    }
}

TEST_F(Pkcs12Reading, KeyAndCertificateMustBothBeThereAndBelongTogether) {
    EXPECT_EQ(refusal(openssl_makes("-nokeys"), password), FaultCode::malformed);
    EXPECT_EQ(refusal(openssl_makes("-nocerts"), password), FaultCode::malformed);
    folder.put("k", key("another", KeyType::rsa2048).to_pem().reveal());
    EXPECT_EQ(refusal(openssl_makes("-nocerts -certfile " + folder / "c"), password), FaultCode::conflict);
}

// Whichever comes first in the file, the key's own is the leaf.
TEST_F(Pkcs12Reading, TheLeafIsTheKeysOwnCertificate) {
    folder.put("both", packed.chain.front().to_pem() + packed.certificate.to_pem());
    const auto opened = parse_pkcs12(openssl_makes("-nocerts -certfile " + folder / "both"), Secret(password));
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    EXPECT_EQ(opened->certificate, packed.certificate);
    EXPECT_EQ(opened->chain, packed.chain);
}

TEST_F(Pkcs12Reading, WithoutAMacNothingIsProved) {
    EXPECT_EQ(refusal(openssl_makes("-nomac"), password), FaultCode::malformed);
}

TEST_F(Pkcs12Reading, AHostileFileDoesNotBurnTime) {
    const std::string dear = openssl_makes("-iter 700000");  // times three
    const auto begin = SystemClock().steady_now();
    EXPECT_EQ(refusal(dear, password), FaultCode::too_large);
    EXPECT_EQ(refusal(dear, "wrong"), FaultCode::unauthenticated);
    EXPECT_LT(SystemClock().steady_now() - begin, std::chrono::seconds(30));
    EXPECT_EQ(refusal(std::string(max_pkcs12_size + 1, '0'), password), FaultCode::too_large);
}

TEST_F(Pkcs12Reading, DamageIsRefused) {
    const std::string good = openssl_makes(with_chain());
    for (std::size_t size = 0; size < good.size(); size += 101) {
        EXPECT_EQ(refusal(good.substr(0, size), password), FaultCode::malformed) << size;
    }
    EXPECT_EQ(refusal(good + "x", password), FaultCode::malformed);
    EXPECT_EQ(refusal(folder.get("c"), password), FaultCode::malformed);
    for (std::size_t at = 0; at < good.size(); at += 53) {
        std::string changed = good;
        changed[at] = static_cast<char>(changed[at] ^ 0x40);
        EXPECT_NE(refusal(changed, password), FaultCode::internal) << at;
    }
}

TEST(Pkcs12Corpus, GetsItsVerdicts) {
    test::expect_verdicts("pkcs12", 8,
                          [](const std::string& bytes) { return parse_pkcs12(bytes, Secret("secret")).has_value(); });
}

}  // namespace
}  // namespace ringfence::crypto
