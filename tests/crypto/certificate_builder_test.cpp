#include "crypto/certificate_builder.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/crypto/little_ca.h"
#include "tests/crypto/program.h"

namespace ringfence::crypto {
namespace {

using test::key;
using test::request;
using test::run;
using test::server_request;
using test::TemporaryFolder;

std::string text_of(const Certificate& certificate) {
    const TemporaryFolder folder;
    return run("openssl x509 -noout -text -in " + folder.put("c.pem", certificate.to_pem())).output;
}

// Each certificate that we make, judged by OpenSSL's strict verifier for its purpose.
TEST(CertificateBuilder, OpensslVerifiesWhatWeMake) {
    for (const KeyType type : {KeyType::rsa2048, KeyType::p256}) {
        const TemporaryFolder folder;
        test::LittleCa ca(std::string("judged ") + std::string(to_string(type)), type);
        folder.put("root.pem", ca.root().to_pem());
        folder.put("issuing.pem", ca.issuing().to_pem());
        folder.put("server.pem", ca.issue(server_request("prov.example", "192.0.2.7"), key("s", type)).to_pem());
        folder.put("device.pem", ca.issue(request(CertificateRole::device, "00247F0102AB"), key("d", type)).to_pem());
        const std::string verify = "openssl verify -x509_strict -attime 1780272000 -CAfile " + folder / "root.pem" +
                                   " -untrusted " + folder / "issuing.pem" + " ";
        const auto server = run(verify + "-purpose sslserver -verify_hostname prov.example " + folder / "server.pem");
        EXPECT_EQ(server.status, 0) << server.output;
        const auto address = run(verify + "-purpose sslserver -verify_ip 192.0.2.7 " + folder / "server.pem");
        EXPECT_EQ(address.status, 0) << address.output;
        const auto device = run(verify + "-purpose sslclient " + folder / "device.pem");
        EXPECT_EQ(device.status, 0) << device.output;
        EXPECT_NE(run(verify + "-purpose sslclient " + folder / "server.pem").status, 0);
        EXPECT_NE(run(verify + "-purpose sslserver " + folder / "device.pem").status, 0);
    }
}

TEST(CertificateBuilder, EachRoleCarriesItsExtensions) {
    test::LittleCa ca("roles");
    const std::string root = text_of(ca.root());
    EXPECT_NE(root.find("CA:TRUE"), std::string::npos);
    EXPECT_NE(root.find("Certificate Sign, CRL Sign"), std::string::npos);
    EXPECT_NE(text_of(ca.issuing()).find("CA:TRUE, pathlen:0"), std::string::npos);
    const std::string rsa = text_of(ca.issue(server_request("a.example"), key("s", KeyType::rsa2048)));
    EXPECT_NE(rsa.find("Digital Signature, Key Encipherment"), std::string::npos);
    EXPECT_NE(rsa.find("TLS Web Server Authentication"), std::string::npos);
    EXPECT_NE(rsa.find("CA:FALSE"), std::string::npos);
    EXPECT_NE(rsa.find("Authority Key Identifier"), std::string::npos);
    EXPECT_NE(rsa.find("Signature Algorithm: ecdsa-with-SHA256"), std::string::npos);
    const std::string ec = text_of(ca.issue(server_request("a.example"), key("s")));
    EXPECT_EQ(ec.find("Key Encipherment"), std::string::npos);
}

TEST(CertificateBuilder, SerialsArePositiveAndRandom) {
    test::LittleCa ca("serials");
    std::set<std::string> serials;
    for (int i = 0; i < 50; ++i) {
        const std::string serial = ca.issue(request(CertificateRole::device, "D"), key("d")).serial();
        EXPECT_LE(serial.size(), 32u);
        EXPECT_NE(serial.front(), '-');
        EXPECT_TRUE(serial.size() < 32 || serial.front() < '8') << serial;
        serials.insert(serial);
    }
    EXPECT_EQ(serials.size(), 50u);
}

TEST(CertificateBuilder, RefusesWhatACertificateCannotCarry) {
    test::LittleCa ca("refuses");
    SeededRandom random(7);
    const auto refusal = [&](CertificateRequest wanted) {
        const auto made = sign_certificate(wanted, key("d"), ca.issuing_signer(), random);
        return made ? std::string("made") : std::string(to_string(made.error().code));
    };
    auto no_name = request(CertificateRole::device, "");
    EXPECT_EQ(refusal(no_name), "malformed");
    EXPECT_EQ(refusal(request(CertificateRole::device, std::string(65, 'x'))), "malformed");
    EXPECT_EQ(refusal(request(CertificateRole::device, std::string(64, 'x'))), "made");
    for (const char* name :
         {"", "a..b", "-a.example", "a b", "a,DNS:evil.example", "a\nb", ".example", "*.*.example"}) {
        EXPECT_EQ(refusal(server_request(name)), "malformed") << name;
    }
    EXPECT_EQ(refusal(server_request("*.example")), "made");
}

TEST(CertificateBuilder, NothingOutlivesItsIssuerOrEndsBeforeItBegins) {
    test::LittleCa ca("dates");
    SeededRandom random(7);
    auto late = request(CertificateRole::device, "D");
    late.not_after = ca.issuing().not_after() + std::chrono::seconds(1);
    EXPECT_EQ(sign_certificate(late, key("d"), ca.issuing_signer(), random).error().code, FaultCode::conflict);
    late.not_after = late.not_before;
    EXPECT_EQ(sign_certificate(late, key("d"), ca.issuing_signer(), random).error().code, FaultCode::malformed);
    const Signer mixed{ca.issuing(), key("someone else's")};
    EXPECT_EQ(sign_certificate(request(CertificateRole::device, "D"), key("d"), mixed, random).error().code,
              FaultCode::conflict);
}

// Whether `extension` is one of the lines that OpenSSL's program shows.
bool shows(const std::string& text, const std::string& extension) { return text.find(extension) != std::string::npos; }

TEST(CertificateBuilder, RegistrationAuthorityDecryptsWithRsaOnly) {
    test::LittleCa ca("registers");
    const auto wanted = request(CertificateRole::registration, "RA");
    const std::string rsa = text_of(ca.issue(wanted, key("ra", KeyType::rsa2048)));
    EXPECT_TRUE(shows(rsa, "Digital Signature, Key Encipherment\n")) << rsa;
    EXPECT_TRUE(shows(rsa, "CA:FALSE"));
    EXPECT_TRUE(shows(rsa, "Extended Key Usage: \n                CMC Registration Authority\n")) << rsa;
    EXPECT_TRUE(shows(text_of(ca.issue(wanted, key("ra"))), "Digital Signature\n"));
}

TEST(CertificateBuilder, OcspSignerIsNotAskedAbout) {
    test::LittleCa ca("answers");
    const std::string text = text_of(ca.issue(request(CertificateRole::ocsp_signer, "OCSP"), key("ocsp")));
    EXPECT_TRUE(shows(text, "Digital Signature\n"));
    EXPECT_TRUE(shows(text, "Extended Key Usage: \n                OCSP Signing\n")) << text;
    EXPECT_TRUE(shows(text, "OCSP No Check"));
}

TEST(CertificateBuilder, OnlyAServerMayRegisterBeside) {
    test::LittleCa ca("est");
    auto wanted = server_request("est.example");
    wanted.is_registration_authority = true;
    const std::string text = text_of(ca.issue(wanted, key("est")));
    EXPECT_TRUE(shows(text, "TLS Web Server Authentication, CMC Registration Authority\n")) << text;
    SeededRandom random(7);
    wanted.role = CertificateRole::device;
    EXPECT_EQ(sign_certificate(wanted, key("d"), ca.issuing_signer(), random).error().code, FaultCode::malformed);
}

TEST(CertificateBuilder, SaysWhereRevocationIsToldOf) {
    test::LittleCa ca("points");
    auto wanted = request(CertificateRole::device, "D");
    const std::string silent = text_of(ca.issue(wanted, key("d")));
    EXPECT_FALSE(shows(silent, "CRL Distribution Points"));
    EXPECT_FALSE(shows(silent, "Authority Information Access"));
    wanted.revocation_list_url = "http://pki.example:8080/crl/issuing-p256.crl";
    wanted.ocsp_url = "http://[2001:db8::1]/ocsp";
    const std::string text = text_of(ca.issue(wanted, key("d")));
    EXPECT_TRUE(shows(text, "Full Name:\n                  URI:http://pki.example:8080/crl/issuing-p256.crl\n"))
        << text;
    EXPECT_TRUE(shows(text, "OCSP - URI:http://[2001:db8::1]/ocsp\n")) << text;
    SeededRandom random(7);
    for (const char* url : {"https://pki.example/", "pki.example", "http://", "http://a.example/,URI:http://b.example/",
                            "http://a.example/ b", "http://u:p@a.example/", "http://a.example/\xc3\xa4"}) {
        for (const auto field : {&CertificateRequest::revocation_list_url, &CertificateRequest::ocsp_url}) {
            auto bad = request(CertificateRole::device, "D");
            bad.*field = url;
            EXPECT_FALSE(sign_certificate(bad, key("d"), ca.issuing_signer(), random).has_value()) << url;
        }
    }
}

TEST(CertificateBuilder, SubjectMayCarryTheDevicesSerialNumber) {
    test::LittleCa ca("numbers");
    auto wanted = request(CertificateRole::device, "00247F0102AB");
    wanted.organization = "Example";
    wanted.serial_number = "NNTMJ12345/6";
    EXPECT_EQ(ca.issue(wanted, key("d")).subject(), "CN=00247F0102AB,serialNumber=NNTMJ12345/6,O=Example");
    SeededRandom random(7);
    for (const std::string& number :
         {std::string("a@b"), std::string("a*b"), std::string("\xc3\xa4"), std::string(65, '1')}) {
        wanted.serial_number = number;
        EXPECT_EQ(sign_certificate(wanted, key("d"), ca.issuing_signer(), random).error().code, FaultCode::malformed);
    }
}

TEST(CertificateBuilder, SignsForAKeyOfWhichOnlyThePublicPartIsKnown) {
    test::LittleCa ca("public");
    SeededRandom random(7);
    const auto subject_key = key("d").public_key();
    const auto made =
        sign_certificate(request(CertificateRole::device, "D"), *subject_key, ca.issuing_signer(), random);
    ASSERT_TRUE(made.has_value());
    EXPECT_TRUE(key("d").matches(*made));
}

}  // namespace
}  // namespace ringfence::crypto
