#include "crypto/cmp_client.h"

#include <gtest/gtest.h>

#include "tests/crypto/cmp_party.h"
#include "tests/crypto/program.h"

namespace ringfence::crypto {
namespace {

using test::cmp_reference;
using test::cmp_secret;

const CmpToken token{cmp_reference, cmp_secret};

class CmpClientTest : public ::testing::Test {
protected:
    static CmpClient::Subject subject() { return {"NTIPP0102AB", test::key("cmp phone")}; }
    static PrivateKey new_key() { return test::key("cmp phone renewed"); }
    CmpHolder holder() { return party_.holder(test::key("cmp phone")); }

    // A client whose server's replies are changed on their way.
    template <typename Change>
    CmpClient tampered(CmpCredential credential, Change change) {
        return CmpClient({std::move(credential), {party_.clock.wall_now()}, {}},
                         [wire = party_.wire(), change](std::string_view request) {
                             auto reply = wire(request);
                             change(*reply);
                             return reply;
                         });
    }

    test::CmpParty party_;
};

TEST_F(CmpClientTest, ATokenBringsACertificateAndTheCaToTrust) {
    auto client = party_.client(token);
    const auto answer = client.enrol(subject());
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    const auto* issued = std::get_if<CmpIssued>(&*answer);
    ASSERT_NE(issued, nullptr);
    EXPECT_TRUE(subject().key.matches(issued->certificate));
    EXPECT_EQ(issued->trusted, std::vector{party_.ca.root()});
    EXPECT_EQ(issued->chain, (std::vector{party_.ca.issuing(), party_.ca.root()}));
    ASSERT_EQ(party_.desk.confirmations.size(), 1U);
    EXPECT_EQ(party_.desk.confirmations[0].fingerprint, issued->certificate.fingerprint_sha256());
    EXPECT_TRUE(party_.desk.confirmations[0].is_accepted);
}

TEST_F(CmpClientTest, ImplicitConfirmationSavesARoundTrip) {
    auto client = party_.client(token, CmpClient::Confirmation::implicit);
    const auto answer = client.enrol(subject());
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    EXPECT_TRUE(std::holds_alternative<CmpIssued>(*answer));
    EXPECT_EQ(party_.sent.size(), 1U);
    EXPECT_TRUE(party_.desk.confirmations.empty());
}

TEST_F(CmpClientTest, TheMacIsSha256Throughout) {
    auto client = party_.client(token);
    ASSERT_TRUE(client.enrol(subject()).has_value());
    for (const auto* messages : {&party_.sent, &party_.replies})
        for (const std::string& message : *messages) {
            EXPECT_NE(message.find("\x60\x86\x48\x01\x65\x03\x04\x02\x01"), std::string::npos);  // SHA-256
            EXPECT_NE(message.find("\x2a\x86\x48\x86\xf7\x0d\x02\x09"), std::string::npos);      // hmacWithSHA256
        }
}

TEST_F(CmpClientTest, AWrongTokenIsToldAsSuch) {
    auto client = party_.client(CmpToken{cmp_reference, Secret("something else")});
    const auto answer = client.enrol(subject());
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, FaultCode::unauthenticated);
    EXPECT_TRUE(party_.desk.requests.empty());
}

TEST_F(CmpClientTest, ARefusalIsAValueWithItsText) {
    party_.desk.refusal = CmpRefusal{CmpFailure::not_authorized, "enrolled already"};
    auto client = party_.client(token);
    const auto answer = client.enrol(subject());
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    const auto* refusal = std::get_if<CmpRefusal>(&*answer);
    ASSERT_NE(refusal, nullptr);
    EXPECT_EQ(refusal->failure, CmpFailure::not_authorized);
    EXPECT_NE(refusal->text.find("enrolled already"), std::string::npos) << refusal->text;
}

TEST_F(CmpClientTest, WhatAPersonDecidesIsPolledFor) {
    party_.desk.polls_left = 3;
    auto client = party_.client(token);
    auto answer = client.enrol(subject());
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    ASSERT_TRUE(std::holds_alternative<CmpWaiting>(*answer));
    EXPECT_EQ(std::get<CmpWaiting>(*answer).check_after, std::chrono::seconds(1));
    answer = client.poll();
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    ASSERT_TRUE(std::holds_alternative<CmpWaiting>(*answer));
    answer = client.poll();
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    ASSERT_TRUE(std::holds_alternative<CmpIssued>(*answer));
    EXPECT_EQ(std::get<CmpIssued>(*answer).trusted, std::vector{party_.ca.root()});
    EXPECT_EQ(party_.desk.confirmations.size(), 1U);
}

TEST_F(CmpClientTest, ARefusalMayComeOfAPoll) {
    party_.desk.polls_left = 2;
    auto client = party_.client(token);
    ASSERT_TRUE(std::holds_alternative<CmpWaiting>(*client.enrol(subject())));
    party_.desk.refusal = CmpRefusal{CmpFailure::bad_request, "not ours"};
    const auto answer = client.poll();
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    EXPECT_TRUE(std::holds_alternative<CmpRefusal>(*answer));
}

TEST_F(CmpClientTest, ThePresentCertificateRenewsItself) {
    for (const auto confirmation : {CmpClient::Confirmation::told, CmpClient::Confirmation::implicit}) {
        auto client = party_.client(holder(), confirmation);
        const auto answer = client.renew(new_key());
        ASSERT_TRUE(answer.has_value()) << answer.error().message;
        const auto* issued = std::get_if<CmpIssued>(&*answer);
        ASSERT_NE(issued, nullptr);
        EXPECT_TRUE(new_key().matches(issued->certificate));
        EXPECT_TRUE(issued->trusted.empty());
        EXPECT_EQ(issued->chain.back(), party_.ca.root());
    }
}

TEST_F(CmpClientTest, ThePresentCertificateRevokesItself) {
    const auto present = holder();
    auto client = party_.client(present);
    const auto refusal = client.revoke();
    ASSERT_TRUE(refusal.has_value()) << refusal.error().message;
    EXPECT_FALSE(refusal->has_value());
    ASSERT_EQ(party_.desk.revocations.size(), 1U);
    EXPECT_EQ(party_.desk.revocations[0].holder.leaf(), present.present.certificate);

    party_.desk.refusal = CmpRefusal{CmpFailure::certificate_revoked, "it is"};
    auto again = party_.client(present);
    const auto refused = again.revoke();
    ASSERT_TRUE(refused.has_value()) << refused.error().message;
    ASSERT_TRUE(refused->has_value());
    EXPECT_EQ((*refused)->failure, CmpFailure::certificate_revoked);
}

TEST_F(CmpClientTest, ACertificateForAnotherKeyIsRejectedAndTheServerTold) {
    party_.desk.is_careless = true;
    auto client = party_.client(token);
    const auto answer = client.enrol({"NTIPP0102AB", test::key("cmp somebody")});
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, FaultCode::untrusted);
    ASSERT_EQ(party_.desk.confirmations.size(), 1U);
    EXPECT_FALSE(party_.desk.confirmations[0].is_accepted);
}

TEST_F(CmpClientTest, AServerThatLeadsToNoAnchorIsNotBelieved) {
    auto present = holder();
    present.anchors = {test::LittleCa("cmp other").root()};
    auto client = party_.client(present);
    const auto answer = client.renew(new_key());
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, FaultCode::untrusted);
    EXPECT_TRUE(party_.desk.confirmations.empty());
}

TEST_F(CmpClientTest, AnOutdatedCertificateIsRejectedAndTheServerTold) {
    party_.desk.issues_outdated = true;
    auto client = party_.client(holder());
    const auto answer = client.renew(new_key());
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, FaultCode::expired);
    ASSERT_EQ(party_.desk.confirmations.size(), 1U);
    EXPECT_FALSE(party_.desk.confirmations[0].is_accepted);
}

TEST_F(CmpClientTest, APhonesCertificateAnswersForNoServer) {
    const auto present = holder();
    const CmpServerIdentity false_identity{present.present, {party_.ca.issuing()}};
    CmpServer rogue(false_identity, {party_.ca.root()}, party_.desk, party_.clock);
    CmpClient client({present, {party_.clock.wall_now()}, {}},
                     [&](std::string_view request) { return rogue.answer(request); });
    const auto answer = client.renew(new_key());
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, FaultCode::untrusted);
    EXPECT_EQ(answer.error().message.rfind("wrong purpose", 0), 0U) << answer.error().message;
}

TEST_F(CmpClientTest, AReplyThatWasTouchedIsNotBelieved) {
    for (const CmpCredential& credential : {CmpCredential(token), CmpCredential(holder())}) {
        auto client = tampered(credential, [](std::string& reply) { reply[reply.size() / 4] ^= 1; });
        const bool is_token = std::holds_alternative<CmpToken>(credential);
        const auto answer = is_token ? client.enrol(subject()) : client.renew(new_key());
        EXPECT_FALSE(answer.has_value());
    }
}

TEST_F(CmpClientTest, ATokensHolderBelievesNoSignature) {
    auto client = CmpClient({token, {party_.clock.wall_now()}, {}}, [this](std::string_view request) {
        // Of what is protected in a way that nobody knows, the refusal is signed.
        std::string changed(request);
        changed[changed.find("\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0d") + 8] ^= 1;
        return party_.server.answer(changed);
    });
    const auto answer = client.enrol(subject());
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, FaultCode::unauthenticated);
}

TEST_F(CmpClientTest, WhatTheWireSaysIsTheClientsFault) {
    CmpClient client({token, {party_.clock.wall_now()}, {}}, [](std::string_view) -> Result<std::string> {
        return fail(FaultCode::unavailable, "the server does not answer");
    });
    const auto answer = client.enrol(subject());
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().code, FaultCode::unavailable);
}

TEST_F(CmpClientTest, ANameThatNoCertificateCarriesIsNotSent) {
    for (const std::string& name : {std::string(), std::string(65, 'x')}) {
        auto client = party_.client(token);
        EXPECT_EQ(client.enrol({name, subject().key}).error().code, FaultCode::malformed);
    }
    EXPECT_TRUE(party_.sent.empty());
}

TEST_F(CmpClientTest, NoReplyOfAnyLengthHurts) {
    auto whole = party_.client(token, CmpClient::Confirmation::implicit);
    ASSERT_TRUE(whole.enrol(subject()).has_value());
    const std::string reply = party_.replies.at(0);
    for (std::size_t length = 0; length <= reply.size(); length += 7) {
        CmpClient client({token, {party_.clock.wall_now()}, {}},
                         [&](std::string_view) -> Result<std::string> { return reply.substr(0, length); });
        EXPECT_FALSE(client.enrol(subject()).has_value());
    }
}

// --- judged by the openssl command, whose mock server takes a request from a file and forgets it ------------------

class CmpMockServer : public ::testing::Test {
protected:
    CmpMockServer() {
        folder_.put("key", test::key("cmp phone").to_pem().reveal());
        folder_.put("root", party_.ca.root().to_pem());
        folder_.put("issuing", party_.ca.issuing().to_pem());
        folder_.put("ra", party_.registration.certificate.to_pem());
        folder_.put("rakey", party_.registration.key.to_pem().reveal());
    }

    CmpTransfer mock(const std::string& options) {
        return [this, options](std::string_view request) -> Result<std::string> {
            folder_.put("request", request);
            const auto done =
                test::run("cd " + folder_.path() +
                          " && openssl cmp -config '' -use_mock_srv -reqin request "
                          "-rspout reply -grant_implicitconf -certout out -rsp_cert issued -rsp_extracerts issuing " +
                          options);
            said_ += done.output;
            return folder_.get("reply");
        };
    }
    void will_issue(const PrivateKey& subject) {
        folder_.put("issued", party_.issue("00247F0102AB", subject).to_pem());
    }

    const test::TemporaryFolder folder_;
    test::CmpParty party_;
    std::string said_;
};

TEST_F(CmpMockServer, TakesWhatATokensHolderSays) {
    const std::string both = "-cmd ir -newkey key -subject /CN=x -ref R -secret pass:S -srv_ref R -rsp_capubs root ";
    will_issue(test::key("cmp phone"));
    CmpClient client({CmpToken{"R", Secret("S")}, {party_.clock.wall_now()}, CmpClient::Confirmation::implicit},
                     mock(both + "-srv_secret pass:S"));
    const auto answer = client.enrol({"NTIPP0102AB", test::key("cmp phone")});
    ASSERT_TRUE(answer.has_value()) << answer.error().message << said_;
    ASSERT_TRUE(std::holds_alternative<CmpIssued>(*answer)) << said_;
    EXPECT_EQ(std::get<CmpIssued>(*answer).trusted, std::vector{party_.ca.root()});

    CmpClient wrong({CmpToken{"R", Secret("T")}, {party_.clock.wall_now()}, CmpClient::Confirmation::implicit},
                    mock(both + "-srv_secret pass:S"));
    EXPECT_EQ(wrong.enrol({"NTIPP0102AB", test::key("cmp phone")}).error().code, FaultCode::unauthenticated);
}

// It renews nothing but what it would issue again.
TEST_F(CmpMockServer, TakesWhatACertificatesHolderSays) {
    const auto phone = test::key("cmp phone");
    const auto present = party_.holder(phone);
    folder_.put("cert", present.present.certificate.to_pem());
    folder_.put("issued", present.present.certificate.to_pem());
    const std::string options =
        "-cmd kur -newkey key -cert cert -key key -untrusted issuing -trusted root -srv_cert ra -srv_key rakey "
        "-srv_trusted root -srv_untrusted issuing";
    CmpClient client({present, {party_.clock.wall_now()}, CmpClient::Confirmation::implicit}, mock(options));
    const auto answer = client.renew(phone);
    ASSERT_TRUE(answer.has_value()) << answer.error().message << said_;
    ASSERT_TRUE(std::holds_alternative<CmpIssued>(*answer)) << std::get<CmpRefusal>(*answer).text << said_;
    EXPECT_EQ(std::get<CmpIssued>(*answer).certificate, present.present.certificate);
}

}  // namespace
}  // namespace ringfence::crypto
