// Requests are made, and answers judged, by the openssl command.
#include "authority/est_responder.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "crypto/scep_message.h"
#include "tests/authority/little_desk.h"
#include "tests/crypto/corpus.h"
#include "tests/crypto/program.h"

namespace ringfence::authority {
namespace {

using crypto::KeyType;

const std::string device = "00247F0102AB";

class Est : public ::testing::Test {
protected:
    Est() : responder_(desk_, {desk_.ca().root(), desk_.ca().issuing()}) {
        folder_.put("key", test::key("est phone").to_pem().reveal());
        openssl("req -new -key key -subj /CN=whatever -addext subjectAltName=DNS:boss.example.net -out csr.pem");
        openssl("req -in csr.pem -outform DER -out csr");
        folder_.put("root", desk_.ca().root().to_pem());
        folder_.put("issuing", desk_.ca().issuing().to_pem());
    }

    std::string openssl(const std::string& arguments) const {
        const auto made = test::run("cd " + folder_.path() + " && openssl " + arguments);
        EXPECT_EQ(made.status, 0) << arguments << "\n" << made.output;
        return made.output;
    }

    static Query query(const std::string& operation, const std::string& body = {}) {
        Query made;
        made.service = Service::est;
        made.is_post = operation.ends_with("enroll");
        made.is_secure = true;
        made.operation = operation;
        made.message = body;
        made.source = "192.0.2.7";
        return made;
    }

    std::string csr() const { return folder_.get("csr"); }

    Query enrolment() {
        const auto token = desk_.add_token(device);
        auto made = query("simpleenroll", to_base64(csr()));
        made.user = token.reference;
        made.password = token.secret;
        return made;
    }

    // The only certificate of an answer.
    crypto::Certificate issued(const Reply& reply) const {
        EXPECT_EQ(reply.status, 200U) << reply.body;
        EXPECT_EQ(reply.content_type, "application/pkcs7-mime; smime-type=certs-only");
        const auto certificates = crypto::parse_certificates(from_base64(reply.body).value());
        EXPECT_EQ(certificates->size(), 1U) << "RFC 7030 section 4.2.3: the issued certificate alone";
        return certificates->front();
    }

    test::TemporaryFolder folder_;
    test::LittleDesk desk_;
    EstResponder responder_;
};

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}

TEST_F(Est, GivesTheAuthoritiesToAnybody) {
    const auto reply = responder_.answer(query("cacerts"));
    EXPECT_EQ(reply.status, 200U);
    EXPECT_EQ(reply.content_type, "application/pkcs7-mime");
    folder_.put("answer", reply.body);
    openssl("base64 -d -A -in answer -out p7");
    const auto listed = openssl("pkcs7 -inform DER -in p7 -print_certs -noout");
    EXPECT_EQ(count(listed, "subject="), 2U) << listed;
    EXPECT_NE(listed.find("subject=CN = desk root"), std::string::npos) << listed;
    EXPECT_NE(listed.find("subject=CN = desk issuing"), std::string::npos) << listed;
}

TEST_F(Est, WritesBase64InOneLineButForLibest) {
    auto asked = query("cacerts");
    const auto line = responder_.answer(asked).body;
    EXPECT_EQ(line.find_first_of("\r\n \t"), std::string::npos);
    asked.user_agent = "libest 2.2.0-SNAPSHOT";
    const auto folded = responder_.answer(asked).body;
    EXPECT_EQ(replace_all(folded, "\n", ""), line);
    for (const auto one : split(folded, '\n')) EXPECT_LE(one.size(), 76U);
    EXPECT_EQ(folded.back(), '\n');
    folder_.put("answer", folded);
    openssl("base64 -d -in answer -out p7");  // reads folded lines only, as libest does
    openssl("pkcs7 -inform DER -in p7 -print_certs -noout");
}

TEST_F(Est, SaysWhichKeysItTakes) {
    const auto reply = responder_.answer(query("csrattrs"));
    EXPECT_EQ(reply.status, 200U);
    EXPECT_EQ(reply.content_type, "application/csrattrs");
    folder_.put("attributes", from_base64(reply.body).value());
    const auto parsed = openssl("asn1parse -inform DER -in attributes");
    const auto ec = parsed.find(":id-ecPublicKey"), curve = parsed.find(":prime256v1"),
               rsa = parsed.find(":rsaEncryption"), bits = parsed.find("INTEGER           :0800");
    EXPECT_TRUE(ec < curve && curve < rsa && rsa < bits && bits != std::string::npos) << parsed;
}

TEST_F(Est, ATokenBringsACertificateThatTheAuthoritiesVouchFor) {
    const auto certificate = issued(responder_.answer(enrolment()));
    EXPECT_EQ(certificate.common_name(), device) << "not what the request wished";
    folder_.put("leaf", certificate.to_pem());
    openssl("verify -no_check_time -purpose sslclient -CAfile root -untrusted issuing leaf");
    EXPECT_EQ(openssl("x509 -in leaf -noout -pubkey"), openssl("pkey -in key -pubout"));

    ASSERT_EQ(desk_.applications.size(), 1U);
    const auto& seen = desk_.applications.front();
    EXPECT_EQ(seen.protocol, EnrolmentProtocol::est);
    EXPECT_EQ(seen.profile, registry::EnrolmentProfile::modern);
    EXPECT_EQ(seen.wish, "CN=whatever");
    EXPECT_EQ(seen.source, "192.0.2.7");
    EXPECT_TRUE(seen.transaction.empty());
}

TEST_F(Est, ALoginIsReferenceAndSecretOrTheWholeToken) {
    const auto token = desk_.add_token(device);
    auto asked = query("simpleenroll", to_base64(csr()));
    const auto answer_to = [&](const std::string& user, const std::string& password) {
        asked.user = user;
        asked.password = Secret(password);
        return responder_.answer(asked).status;
    };
    const std::string whole(format_token_text(token).reveal());
    EXPECT_EQ(answer_to(token.reference, std::string(token.secret.reveal())), 200U);
    EXPECT_EQ(answer_to("phone", whole), 200U);
    EXPECT_EQ(answer_to(token.reference, to_lower(whole)), 200U);
    EXPECT_EQ(answer_to(token.reference, "x"), 401U);
    EXPECT_EQ(answer_to("x", std::string(token.secret.reveal())), 401U);
    // Longer than any token: a wrong login like others, which the way to the desk has room for.
    for (const auto& [user, password] :
         {std::pair(std::string("x"), std::string(257, 'y')), std::pair(std::string(257, 'x'), std::string("y")),
          std::pair(std::string(5000, 'x'), std::string(5000, 'y'))}) {
        EXPECT_EQ(answer_to(user, password), 401U);
        EXPECT_TRUE(std::get<ShownSecret>(desk_.applications.back().credential).text.empty());
    }
}

TEST_F(Est, ATokenThatDigestProvedServesAsALogin) {
    auto asked = query("simpleenroll", to_base64(csr()));
    asked.proved_token = desk_.add_token(device).reference;
    EXPECT_EQ(issued(responder_.answer(asked)).common_name(), device);
    EXPECT_EQ(std::get<ProvedToken>(desk_.applications.back().credential).reference, asked.proved_token);
    asked.operation = "simplereenroll";
    EXPECT_EQ(responder_.answer(asked).status, 401U) << "only a certificate renews";
}

TEST_F(Est, TakesARequestHoweverItIsWritten) {
    const std::string der = csr(), line = to_base64(der);
    std::string folded;
    for (std::size_t at = 0; at < line.size(); at += 64) folded += line.substr(at, 64) + "\r\n";
    auto asked = enrolment();
    for (const auto& body : {line, line + "\n", folded, " \t" + folded, folder_.get("csr.pem"),
                             replace_all(folder_.get("csr.pem"), "\n", "\r\n"), der}) {
        asked.message = body;
        EXPECT_EQ(responder_.answer(asked).status, 200U) << body;
    }
}

TEST_F(Est, WhatIsNoRequestNeverReachesTheDesk) {
    auto forged = csr();
    forged.back() = static_cast<char>(forged.back() ^ 1);  // its signature
    auto asked = enrolment();
    for (const auto& body :
         {std::string(), std::string("MIIB"), std::string("<html>"), to_base64(csr() + "x"), to_base64(csr()) + "=",
          to_base64(csr()).substr(1), to_base64(forged), forged, std::string("-----BEGIN"), std::string("0"),
          to_base64(desk_.ca().root().to_der()), std::string(EstResponder::max_body, ' ') + to_base64(csr())}) {
        asked.message = body;
        const auto reply = responder_.answer(asked);
        EXPECT_EQ(reply.status, 400U) << body;
        EXPECT_EQ(reply.content_type, "text/plain");
        EXPECT_FALSE(reply.wants_login);
    }
    EXPECT_TRUE(desk_.applications.empty());
}

TEST_F(Est, CorpusVerdictsHold) {
    auto asked = enrolment();
    test::expect_verdicts("est_request", 10, [&](const std::string& body) {
        asked.message = body;
        return responder_.answer(asked).status == 200;
    });
}

TEST_F(Est, NoLoginAndAWrongOneAreAnsweredAlike) {
    auto asked = query("simpleenroll", to_base64(csr()));
    const auto none = responder_.answer(asked);
    EXPECT_EQ(none.status, 401U);
    EXPECT_TRUE(none.wants_login);
    EXPECT_TRUE(desk_.applications.empty());
    asked.user = "ABCDEFGH";
    asked.password = Secret(std::string(token_secret_size, 'A'));
    const auto wrong = responder_.answer(asked);
    asked.user.clear();
    asked.certificate_fingerprint = std::string(64, 'a');
    for (const auto& reply : {wrong, responder_.answer(asked)}) {
        EXPECT_EQ(reply.status, none.status);
        EXPECT_EQ(reply.body, none.body);
        EXPECT_EQ(reply.content_type, none.content_type);
        EXPECT_TRUE(reply.wants_login);
    }
}

TEST_F(Est, ACertificateIsRenewedAtEitherPathAndALoginDoesNotStandForIt) {
    const auto first = issued(responder_.answer(enrolment()));
    folder_.put("key", test::key("est phone, later").to_pem().reveal());
    openssl("req -new -key key -subj /CN=" + device + " -outform DER -out csr");
    for (const char* operation : {"simplereenroll", "simpleenroll"}) {
        auto asked = query(operation, to_base64(csr()));
        asked.certificate_fingerprint = first.fingerprint_sha256();
        const auto renewed = issued(responder_.answer(asked));
        EXPECT_EQ(renewed.common_name(), device);
        EXPECT_NE(renewed.public_key_der(), first.public_key_der());
        EXPECT_EQ(std::get<ProvedCertificate>(desk_.applications.back().credential).fingerprint,
                  first.fingerprint_sha256());
    }
    auto asked = enrolment();
    asked.certificate_fingerprint = first.fingerprint_sha256();
    EXPECT_EQ(responder_.answer(asked).status, 200U);
    EXPECT_TRUE(std::holds_alternative<ShownSecret>(desk_.applications.back().credential));
    asked.certificate_fingerprint.clear();
    asked.operation = "simplereenroll";
    const auto seen = desk_.applications.size();
    EXPECT_EQ(responder_.answer(asked).status, 401U);
    EXPECT_EQ(desk_.applications.size(), seen);
}

TEST_F(Est, AnUndecidedRequestIsToBeSentAgain) {
    desk_.answers_before_decision = 1;
    const auto asked = enrolment();
    const auto waiting = responder_.answer(asked);
    EXPECT_EQ(waiting.status, 202U);
    EXPECT_GT(waiting.retry_after.value(), Duration::zero());
    EXPECT_EQ(responder_.answer(asked).status, 200U);
}

TEST_F(Est, RefusalsHaveTheirStatusAndTellNothing) {
    struct Case {
        FaultCode code;
        unsigned status;
        bool wants_patience;
    };
    for (const auto& one : {Case{FaultCode::unauthenticated, 401, false}, Case{FaultCode::forbidden, 403, false},
                            Case{FaultCode::conflict, 403, false}, Case{FaultCode::rate_limited, 429, true},
                            Case{FaultCode::unavailable, 503, true}, Case{FaultCode::internal, 500, false}}) {
        desk_.refusal = Fault{one.code, "a detail for our log"};
        const auto reply = responder_.answer(enrolment());
        EXPECT_EQ(reply.status, one.status);
        EXPECT_EQ(reply.wants_login, one.status == 401);
        EXPECT_EQ(reply.retry_after.has_value(), one.wants_patience) << one.status;
        EXPECT_EQ(reply.content_type, "text/plain");
        EXPECT_EQ(reply.body.find("detail"), std::string::npos);
    }
}

TEST_F(Est, StandsBehindHttpsAndAtFourPathsOnly) {
    for (const char* operation : {"cacerts", "csrattrs", "simpleenroll", "simplereenroll"}) {
        auto asked = query(operation);
        asked.is_secure = false;
        EXPECT_EQ(responder_.answer(asked).status, 404U) << operation;
        asked.is_secure = true;
        asked.is_post = !asked.is_post;
        EXPECT_EQ(responder_.answer(asked).status, 404U) << operation;
    }
    for (const char* operation : {"", "serverkeygen", "fullcmc", "CACERTS"})
        EXPECT_EQ(responder_.answer(query(operation)).status, 404U) << operation;
}

}  // namespace
}  // namespace ringfence::authority
