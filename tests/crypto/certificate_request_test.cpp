#include "crypto/certificate_request.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/crypto/dear_key.h"
#include "tests/crypto/little_ca.h"
#include "tests/crypto/program.h"

namespace ringfence::crypto {
namespace {

RequestedNames phone_names() {
    return {"NTIPP0102AB", "Example", {"phone.example.net"}, {*IpAddress::parse("192.0.2.7")}};
}

PrivateKey phone_key() { return test::key("request", KeyType::rsa2048); }

TEST(CertificationRequest, CarriesWhatWasAsked) {
    const auto made = CertificationRequest::make(phone_names(), Secret("s3cret"), phone_key());
    ASSERT_TRUE(made.has_value()) << made.error().message;
    const auto read = CertificationRequest::parse_der(made->to_der());
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->subject(), "CN=NTIPP0102AB,O=Example");
    EXPECT_EQ(read->common_name(), "NTIPP0102AB");
    EXPECT_EQ(read->dns_names(), std::vector<std::string>{"phone.example.net"});
    EXPECT_EQ(read->addresses(), std::vector<IpAddress>{*IpAddress::parse("192.0.2.7")});
    EXPECT_EQ(read->challenge(), Secret("s3cret"));
    EXPECT_EQ(read->key_kind(), KeyKind::rsa);
    EXPECT_EQ(read->key_bits(), 2048U);
    EXPECT_EQ(read->to_der(), made->to_der());
}

TEST(CertificationRequest, OpensslReadsIt) {
    const test::TemporaryFolder folder;
    folder.put("csr", CertificationRequest::make(phone_names(), Secret("s3cret"), phone_key())->to_der());
    const auto shown = test::run("openssl req -inform DER -in " + (folder / "csr") + " -verify -noout -text");
    EXPECT_EQ(shown.status, 0) << shown.output;
    for (const char* part : {"verify OK", "CN = NTIPP0102AB", "DNS:phone.example.net", "IP Address:192.0.2.7",
                             "challengePassword        :s3cret", "sha256WithRSAEncryption"})
        EXPECT_NE(shown.output.find(part), std::string::npos) << part << "\n" << shown.output;
}

TEST(CertificationRequest, WithoutNamesAndChallengeThereAreNone) {
    const auto made = CertificationRequest::make({"phone", "", {}, {}}, Secret(), test::key("plain"));
    ASSERT_TRUE(made.has_value());
    EXPECT_EQ(made->subject(), "CN=phone");
    EXPECT_TRUE(made->dns_names().empty());
    EXPECT_TRUE(made->addresses().empty());
    EXPECT_FALSE(made->challenge().has_value());
    EXPECT_EQ(made->key_kind(), KeyKind::ec);
}

TEST(CertificationRequest, ReadsWhatOpensslMakes) {
    const test::TemporaryFolder folder;
    folder.put("conf",
               "[req]\nprompt=no\ndistinguished_name=dn\nattributes=a\nreq_extensions=e\n[dn]\nCN=Set\nO=Lab\n"
               "[a]\nchallengePassword=pass word\n[e]\nsubjectAltName=DNS:set.lab\n");
    const auto made = test::run("cd " + folder.path() +
                                " && openssl req -new -newkey rsa:2048 -nodes -keyout key -config conf "
                                "-outform DER -out csr");
    ASSERT_EQ(made.status, 0) << made.output;
    const auto read = CertificationRequest::parse_der(folder.get("csr"));
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->common_name(), "Set");
    EXPECT_EQ(read->dns_names(), std::vector<std::string>{"set.lab"});
    EXPECT_EQ(read->challenge(), Secret("pass word"));
}

TEST(CertificationRequest, ARenewalTakesTheNamesOfThePresentCertificate) {
    test::LittleCa ca("renewal");
    auto wanted = test::request(CertificateRole::device, "00247F0102AB");
    wanted.organization = "Example";
    wanted.dns_names = {"old.example.net"};
    const auto present = ca.issue(wanted, test::key("old"));
    const auto made = CertificationRequest::renew(present, Secret(), test::key("new"));
    ASSERT_TRUE(made.has_value());
    const auto read = CertificationRequest::parse_der(made->to_der());
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->subject(), present.subject());
    EXPECT_EQ(read->dns_names(), present.dns_names());
    EXPECT_NE(read->public_key_der(), present.public_key_der());
}

TEST(CertificationRequest, NamesThatACertificateCannotCarryAreRefused) {
    const auto refuses = [](const RequestedNames& names) {
        const auto made = CertificationRequest::make(names, Secret(), test::key("plain"));
        return !made && made.error().code == FaultCode::malformed;
    };
    EXPECT_TRUE(refuses({"", "", {}, {}}));
    EXPECT_TRUE(refuses({std::string(65, 'x'), "", {}, {}}));
    EXPECT_TRUE(refuses({"a\nb", "", {}, {}}));
    EXPECT_TRUE(refuses({"a", std::string(65, 'x'), {}, {}}));
    EXPECT_TRUE(refuses({"a", "", {"host,DNS:other"}, {}}));
    EXPECT_TRUE(refuses({"a", "", {""}, {}}));
    const auto long_challenge =
        CertificationRequest::make({"a", "", {}, {}}, Secret(std::string(256, 'x')), test::key("plain"));
    ASSERT_FALSE(long_challenge.has_value());
    EXPECT_EQ(long_challenge.error().code, FaultCode::malformed);
}

TEST(CertificationRequest, AForeignSignatureIsRefused) {
    std::string der = CertificationRequest::make(phone_names(), Secret("s3cret"), phone_key())->to_der();
    const auto name_at = der.find("NTIPP");
    der[name_at] = 'M';
    EXPECT_EQ(CertificationRequest::parse_der(der).error().code, FaultCode::unauthenticated);
}

TEST(CertificationRequest, AKeyThatIsDearToComputeWithIsRefused) {
    const test::TemporaryFolder folder;
    const auto read = [&](const std::string& exponent) {
        folder.put("k.pem", test::key_with_exponent(exponent));
        const auto made =
            test::run("cd " + folder.path() + " && openssl req -new -key k.pem -subj /CN=x -outform DER " +
                      "-out csr && openssl req -inform DER -in csr -noout -verify");
        EXPECT_EQ(made.status, 0) << made.output;
        return CertificationRequest::parse_der(folder.get("csr"));
    };
    EXPECT_TRUE(read(test::long_exponent).has_value());
    const auto refused = read(test::too_long_exponent);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, FaultCode::too_large) << "though its signature holds";
}

TEST(CertificationRequest, DamageAtAnyPlaceIsRefused) {
    const std::string good = CertificationRequest::make({"set", "", {}, {}}, Secret("x"), test::key("plain"))->to_der();
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_FALSE(CertificationRequest::parse_der(good.substr(0, size)).has_value()) << size;
    EXPECT_EQ(CertificationRequest::parse_der(good + "x").error().code, FaultCode::malformed);
    EXPECT_EQ(CertificationRequest::parse_der(std::string(CertificationRequest::max_size + 1, 'x')).error().code,
              FaultCode::too_large);
}

TEST(CertificationRequest, TheCorpusGetsItsVerdicts) {
    int files = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(RINGFENCE_SOURCE_DIR "/tests/corpus/certificate_request")) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        const bool valid = entry.path().stem().string().find("-valid") != std::string::npos;
        EXPECT_EQ(CertificationRequest::parse_der(bytes).has_value(), valid) << entry.path();
        ++files;
    }
    EXPECT_GE(files, 8);
}

}  // namespace
}  // namespace ringfence::crypto
