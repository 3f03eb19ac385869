// Requests are made, and answers judged, by the openssl command.
#include "authority/ocsp_responder.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "crypto/ocsp.h"
#include "tests/authority/little_house.h"

namespace ringfence::authority {
namespace {

using crypto::Certificate;
using registry::RevocationReason;
using test::key;
using test::LittleHouse;
using test::LittleOffice;
using test::run;
using test::TemporaryFolder;

// Of the first bytes of an answer: responseStatus (RFC 6960 section 4.2.1).
constexpr char malformed_request = 1, unauthorized = 6;

class OcspResponderTest : public testing::Test {
protected:
    OcspResponderTest() {
        for (const auto issuer : {Issuer::rsa, Issuer::p256, Issuer::legacy})
            folder.put(to_string(issuer), house.authority().issuing(issuer).to_pem());
        folder.put("root", house.authority().root().to_pem());
        // The command judges an answer by today's date, which it cannot be told.
        house.clock().set_wall(SystemClock().wall_now());
    }

    static std::vector<OcspSpeaker> speakers() {
        std::vector<OcspSpeaker> out;
        for (const auto issuer : {Issuer::rsa, Issuer::p256, Issuer::legacy})
            out.push_back({LittleHouse::authority().issuing(issuer), LittleHouse::authority().ocsp_signer(issuer)});
        return out;
    }

    Certificate issue(Issuer issuer) {
        const auto device = house.registry().find_device(LittleHouse::phone).value();
        const auto subject = issuer == Issuer::p256 ? key("ocsp phone") : key("ocsp phone", crypto::KeyType::rsa2048);
        const auto made = office.signer().sign_device(
            {{LittleHouse::phone, device->serial, device->names, issuer, house.authority().device_life(issuer).end},
             test::public_key_of(subject)});
        EXPECT_TRUE(made.has_value());
        return *made;
    }

    // The DER of a request by OpenSSL's client.
    std::string ask(const std::string& options) {
        const auto asked = run("cd " + folder.path() + " && openssl ocsp -reqout request " + options);
        EXPECT_EQ(asked.status, 0) << asked.output;
        return folder.get("request");
    }
    std::string ask_about(const Certificate& certificate, Issuer issuer) {
        folder.put("cert", certificate.to_pem());
        return ask("-issuer " + std::string(to_string(issuer)) + " -cert cert");
    }

    Reply post(const std::string& der) {
        Query query;
        query.service = Service::ocsp;
        query.is_post = true;
        query.message = der;
        return responder.answer(query);
    }

    // What OpenSSL's client says of the answer to what it asked last.
    std::string judge(const Reply& reply, Issuer issuer) {
        EXPECT_EQ(reply.status, 200U);
        EXPECT_EQ(reply.content_type, "application/ocsp-response");
        folder.put("answer", reply.body);
        const std::string name(to_string(issuer));
        return run("cd " + folder.path() +
                   " && openssl ocsp -no_nonce -reqin request -respin answer -no_check_time -CAfile root " +
                   "-verify_other " + name + " -issuer " + name + " -cert cert")
            .output;
    }

    static void expect_error(const Reply& reply, char error) {
        EXPECT_EQ(reply.status, 200U);
        EXPECT_EQ(reply.body, std::string("\x30\x03\x0a\x01", 4) + error);
    }

    LittleHouse house;
    LittleOffice office{house};
    OcspResponder responder{speakers(), office.desk(), house.clock()};
    TemporaryFolder folder;
};

TEST_F(OcspResponderTest, EveryCasCertificatesAreSpokenForByItsOwnSigner) {
    for (const auto issuer : {Issuer::p256, Issuer::rsa, Issuer::legacy}) {
        const auto request = ask_about(issue(issuer), issuer);
        const auto judged = judge(post(request), issuer);
        EXPECT_NE(judged.find("Response verify OK"), std::string::npos) << judged;
        EXPECT_NE(judged.find("cert: good"), std::string::npos) << judged;
    }
}

TEST_F(OcspResponderTest, ARevokedCertificateIsRevokedAtOnce) {
    const auto certificate = issue(Issuer::p256);
    const auto request = ask_about(certificate, Issuer::p256);
    EXPECT_NE(judge(post(request), Issuer::p256).find("cert: good"), std::string::npos);
    ASSERT_TRUE(
        house.registry().revoke_certificate_at(certificate.fingerprint_sha256(), RevocationReason::key_compromise));
    const auto judged = judge(post(request), Issuer::p256);
    EXPECT_NE(judged.find("cert: revoked"), std::string::npos) << judged;
    EXPECT_NE(judged.find("Reason: keyCompromise"), std::string::npos) << judged;
}

TEST_F(OcspResponderTest, WhatWeDidNotIssueIsUnknown) {
    const auto request = ask("-issuer issuing-p256 -serial 0x1234");
    folder.put("answer", post(request).body);
    const auto judged =
        run("cd " + folder.path() + " && openssl ocsp -no_nonce -respin answer -no_check_time -CAfile root " +
            "-verify_other issuing-p256 -issuer issuing-p256 -serial 0x1234")
            .output;
    EXPECT_NE(judged.find("unknown"), std::string::npos) << judged;
}

TEST_F(OcspResponderTest, AGetBringsTheSame) {
    const auto der = ask_about(issue(Issuer::p256), Issuer::p256);
    Query query;
    query.service = Service::ocsp;
    query.message = to_base64(der);
    EXPECT_NE(judge(responder.answer(query), Issuer::p256).find("cert: good"), std::string::npos);
    query.message = replace_all(query.message, "+", " ");
    EXPECT_NE(judge(responder.answer(query), Issuer::p256).find("cert: good"), std::string::npos);
}

TEST_F(OcspResponderTest, ANonceComesBack) {
    folder.put("cert", issue(Issuer::p256).to_pem());
    const auto request = ask("-nonce -issuer issuing-p256 -cert cert");
    const auto nonce = crypto::parse_ocsp_request(request)->nonce;
    ASSERT_FALSE(nonce.empty());
    EXPECT_NE(post(request).body.find(nonce), std::string::npos);
}

TEST_F(OcspResponderTest, OfOtherCasWeSayNothing) {
    test::LittleCa other("ocsp other");
    const auto of_other = other.issue(test::request(crypto::CertificateRole::device, "D"), key("ocsp phone"));
    folder.put("other", other.issuing().to_pem());
    folder.put("of-other", of_other.to_pem());
    expect_error(post(ask("-issuer other -cert of-other")), unauthorized);
    folder.put("cert", issue(Issuer::p256).to_pem());
    folder.put("cert-rsa", issue(Issuer::rsa).to_pem());
    expect_error(post(ask("-issuer issuing-p256 -cert cert -issuer issuing-rsa -cert cert-rsa")), unauthorized);
    expect_error(post(ask("-issuer issuing-p256 -cert cert -issuer other -cert of-other")), unauthorized);
}

TEST_F(OcspResponderTest, JunkIsAMalformedRequest) {
    for (const auto& junk : {std::string(), std::string("junk"), std::string(crypto::max_ocsp_request + 1, '0')})
        expect_error(post(junk), malformed_request);
    Query query;
    query.service = Service::ocsp;
    query.message = "%%%";
    expect_error(responder.answer(query), malformed_request);
}

}  // namespace
}  // namespace ringfence::authority
