// The authority is ours (authority/est_responder.h), over a desk in memory; what stands between is a fetcher by hand.
#include "phone/est_enrolment.h"

#include <gtest/gtest.h>

#include <functional>

#include "authority/est_responder.h"
#include "base/text.h"
#include "crypto/scep_message.h"
#include "tests/authority/little_desk.h"

namespace ringfence::phone {
namespace {

using Outcome = EnrolmentReport::Outcome;

const std::string device = "00247F0102AB";

class EstPhone : public ::testing::Test {
protected:
    EstPhone() : responder_(desk_, {desk_.ca().root(), desk_.ca().issuing()}) {
        settings_.server.protocol = Protocol::https;
        settings_.server.host = "est.example.net";
        settings_.server.path = std::string(est_path);
        settings_.common_name = device;
        settings_.time = {test::test_now, false};
        settings_.token = desk_.add_token(device);
        settings_.poll_interval = std::chrono::seconds(5);
        settings_.make_key = [this]() -> Result<crypto::PrivateKey> {
            return test::key("est phone " + std::to_string(++keys_made_));
        };
        trust({desk_.ca().root()});
    }

    void trust(std::vector<crypto::Certificate> anchors) {
        settings_.server.trust = std::make_shared<const crypto::ServerTrust>(crypto::ServerTrust{std::move(anchors)});
    }

    // Runs a session to its end as ringfence-phone does; what is to be kept is what the next run gets.
    EnrolmentReport enrol() {
        settings_.pending = kept_;
        orders_.clear();
        waits_.clear();
        EstEnrolment session(settings_, random_);
        EnrolmentStep step = session.start();
        while (!std::holds_alternative<Finished>(step)) step = next(session, step);
        enrolled_ = session.enrolled();
        if (session.has_ended()) kept_.reset();
        return session.report();
    }

    EnrolmentStep next(EstEnrolment& session, const EnrolmentStep& step) {
        if (const auto* order = std::get_if<FetchOrder>(&step)) {
            orders_.push_back(*order);
            return session.fetched(fetch(*order));
        }
        if (const auto* keep = std::get_if<Keep>(&step)) {
            if (!can_store_) return session.kept(fail(FaultCode::unavailable, "the disk is full"));
            kept_ = keep->pending;
            return session.kept({});
        }
        waits_.push_back(std::get<Wait>(step).duration);
        return session.waited();
    }

    FetchOutcome fetch(const FetchOrder& order) {
        EXPECT_TRUE(!order.upload || kept_) << "the request left before its key was stored";
        authority::Query query;
        query.service = authority::Service::est;
        query.is_post = order.upload.has_value();
        query.is_secure = order.protocol == Protocol::https;
        query.operation = order.path.substr(order.path.rfind('/') + 1);
        if (order.upload) query.message = order.upload->bytes;
        if (order.login) query.user = order.login->user;
        if (order.login) query.password = order.login->password;
        if (order.identity) query.certificate_fingerprint = order.identity->leaf.fingerprint_sha256();
        auto reply = responder_.answer(query);
        if (order.upload && loses_answers_) return {fail(FaultCode::unavailable, "the server did not answer in time")};
        FetchOutcome outcome{fail(FaultCode::unavailable, "the server answers with another status")};
        if (reply.status == 200) outcome.body = tamper_ ? tamper_(order, reply.body) : reply.body;
        if (reply.status == 202) outcome.ask_again_after = reply.retry_after.value_or(Duration::zero());
        if (reply.status == 401) outcome.body = fail(FaultCode::unauthenticated, "the server refused the login");
        outcome.verified_by = verified_by_;
        return outcome;
    }

    void expect_nothing_shown() const {
        for (const auto& order : orders_) {
            EXPECT_FALSE(order.login || order.identity || order.upload) << order.path;
        }
        EXPECT_TRUE(desk_.applications.empty());
        EXPECT_EQ(keys_made_, 0U);
    }

    static std::string certificates(const std::vector<crypto::Certificate>& all) {
        return to_base64(*crypto::format_certificates(all));
    }

    test::LittleDesk desk_;
    authority::EstResponder responder_;
    EstSettings settings_;
    SeededRandom random_{7};
    std::string verified_by_ = "CN=desk root";
    bool can_store_ = true;
    bool loses_answers_ = false;
    std::function<std::string(const FetchOrder&, const std::string&)> tamper_;
    std::optional<PendingEnrolment> kept_;
    std::optional<Enrolled> enrolled_;
    std::vector<FetchOrder> orders_;
    std::vector<Duration> waits_;
    unsigned keys_made_ = 0;
};

TEST_F(EstPhone, ATokenBringsKeyCertificateAndAuthorities) {
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
    EXPECT_FALSE(report.is_renewal);
    EXPECT_EQ(report.accepted_by, "its server was verified by CN=desk root");
    ASSERT_TRUE(enrolled_.has_value());
    EXPECT_EQ(enrolled_->identity.leaf.common_name(), device);
    EXPECT_TRUE(enrolled_->identity.key.matches(enrolled_->identity.leaf));
    EXPECT_EQ(enrolled_->identity.chain, std::vector{desk_.ca().issuing()});
    EXPECT_EQ(enrolled_->authorities.size(), 2U);
    EXPECT_FALSE(kept_.has_value()) << "nothing is left to go on with";

    ASSERT_EQ(orders_.size(), 2U);
    EXPECT_EQ(orders_[0].path, ".well-known/est/cacerts");
    EXPECT_FALSE(orders_[0].login || orders_[0].identity || orders_[0].upload);
    EXPECT_EQ(orders_[1].path, ".well-known/est/simpleenroll");
    EXPECT_EQ(orders_[1].upload->content_type, "application/pkcs10");
    EXPECT_EQ(orders_[1].login->user, settings_.token->reference);
    for (const auto& order : orders_) {
        EXPECT_EQ(order.trust, settings_.server.trust);
        EXPECT_EQ(order.time.at, settings_.time.at);
    }
}

TEST_F(EstPhone, MakesAKeyOfItsOwnKind) {
    settings_.make_key = nullptr;
    ASSERT_EQ(enrol().outcome, Outcome::enrolled);
    EXPECT_EQ(enrolled_->identity.key.kind(), crypto::KeyKind::ec);
    settings_.make_key = [] { return crypto::PrivateKey::generate(crypto::KeyType::rsa2048); };
    ASSERT_EQ(enrol().outcome, Outcome::enrolled);
    EXPECT_EQ(enrolled_->identity.key.kind(), crypto::KeyKind::rsa);
}

TEST_F(EstPhone, ShowsNothingToAServerThatNoAnchorProves) {
    verified_by_.clear();
    EXPECT_EQ(enrol().outcome, Outcome::refused);
    expect_nothing_shown();
    settings_.server.protocol = Protocol::http;
    EXPECT_EQ(enrol().outcome, Outcome::refused);
    EXPECT_TRUE(orders_.empty());
    settings_.server.protocol = Protocol::https;
    trust({});
    EXPECT_EQ(enrol().outcome, Outcome::refused);
    settings_.server.trust = nullptr;
    EXPECT_EQ(enrol().outcome, Outcome::refused);
    EXPECT_TRUE(orders_.empty());
    expect_nothing_shown();
}

TEST_F(EstPhone, ShowsNothingToAnAuthorityThatNoAnchorVouchesFor) {
    const test::LittleCa stranger("stranger");
    tamper_ = [&](const FetchOrder&, const std::string&) {
        return certificates({stranger.root(), stranger.issuing()});
    };
    EXPECT_EQ(enrol().outcome, Outcome::refused);
    expect_nothing_shown();
    for (const std::string body : {"", "<html>", "MIIB"}) {
        tamper_ = [&](const FetchOrder&, const std::string&) { return body; };
        EXPECT_EQ(enrol().outcome, Outcome::failed) << body;
        expect_nothing_shown();
    }
}

TEST_F(EstPhone, TheServersWordAddsNoRoot) {
    const test::LittleCa stranger("stranger");
    const auto leaf = desk_.ca().issue(test::server_request("est.example.net"), test::key("est server"));
    tamper_ = [&](const FetchOrder& order, const std::string& body) {
        return order.upload ? body : certificates({stranger.root(), leaf, desk_.ca().issuing(), desk_.ca().root()});
    };
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
    EXPECT_EQ(report.notes.size(), 2U);
    EXPECT_EQ(enrolled_->authorities.size(), 2U);
    for (const auto& authority : enrolled_->authorities)
        EXPECT_TRUE(authority == desk_.ca().root() || authority == desk_.ca().issuing());
}

TEST_F(EstPhone, AWrongTokenIsTheAuthoritysRefusal) {
    settings_.token->reference = "ZZZZZZZZ";
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::refused);
    EXPECT_NE(report.reason.find("refused the login"), std::string::npos) << report.reason;
    EXPECT_FALSE(kept_.has_value());
    EXPECT_FALSE(enrolled_.has_value());
}

TEST_F(EstPhone, ABusyAuthorityIsNoRefusal) {
    desk_.refusal = Fault{FaultCode::unavailable, "busy"};
    EXPECT_EQ(enrol().outcome, Outcome::failed);
    EXPECT_TRUE(kept_.has_value()) << "the same key serves the next run";
}

TEST_F(EstPhone, TheKeyIsStoredBeforeTheRequestLeavesAndServesAgain) {
    can_store_ = false;
    EXPECT_EQ(enrol().outcome, Outcome::failed);
    EXPECT_TRUE(desk_.applications.empty());
    can_store_ = true;
    loses_answers_ = true;
    EXPECT_EQ(enrol().outcome, Outcome::failed);
    ASSERT_TRUE(kept_.has_value());
    loses_answers_ = false;
    EXPECT_EQ(enrol().outcome, Outcome::enrolled);
    EXPECT_EQ(keys_made_, 2U) << "one that could not be stored, one for both requests";
    ASSERT_EQ(desk_.applications.size(), 2U);
    EXPECT_EQ(desk_.applications[0].public_key, desk_.applications[1].public_key);
}

TEST_F(EstPhone, AnUndecidedRequestIsSentAgainAlsoByALaterRun) {
    settings_.polls = 2;
    desk_.answers_before_decision = 4;
    EXPECT_EQ(enrol().outcome, Outcome::pending);
    EXPECT_EQ(waits_, (std::vector<Duration>(2, std::chrono::minutes(1)))) << "as long as the server asked for";
    ASSERT_TRUE(kept_.has_value());
    EXPECT_TRUE(kept_->is_acknowledged);
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
    EXPECT_EQ(keys_made_, 1U);
    ASSERT_EQ(desk_.applications.size(), 5U);
    for (const auto& one : desk_.applications) EXPECT_EQ(one.public_key, desk_.applications.front().public_key);
}

TEST_F(EstPhone, WithoutATokenThePresentCertificateIsRenewed) {
    ASSERT_EQ(enrol().outcome, Outcome::enrolled);
    settings_.present = enrolled_->identity;
    settings_.token.reset();
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
    EXPECT_TRUE(report.is_renewal);
    EXPECT_EQ(orders_.at(1).path, ".well-known/est/simplereenroll");
    EXPECT_FALSE(orders_.at(1).login.has_value());
    EXPECT_EQ(orders_.at(1).identity->leaf, settings_.present->leaf);
    EXPECT_FALSE(orders_.at(0).identity) << "cacerts needs no proof of who asks";
    EXPECT_EQ(desk_.applications.back().wish, settings_.present->leaf.subject());
    EXPECT_NE(enrolled_->identity.leaf.public_key_der(), settings_.present->leaf.public_key_der());
    EXPECT_TRUE(enrolled_->identity.key.matches(enrolled_->identity.leaf));
}

TEST_F(EstPhone, WhatCannotBeRenewedContactsNobody) {
    settings_.token.reset();
    EXPECT_EQ(enrol().outcome, Outcome::refused);
    EXPECT_TRUE(orders_.empty());
    test::LittleCa stranger("stranger");
    const auto key = test::key("old phone");
    settings_.present = crypto::ClientIdentity{
        stranger.issue(test::request(crypto::CertificateRole::device, device), key), {stranger.issuing()}, key};
    EXPECT_EQ(enrol().outcome, Outcome::refused);
    auto ended = test::request(crypto::CertificateRole::device, device);
    ended.not_before = test::at(2021, 1, 1);
    ended.not_after = test::at(2022, 1, 1);
    settings_.present = crypto::ClientIdentity{desk_.ca().issue(ended, key), {desk_.ca().issuing()}, key};
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::refused);
    EXPECT_NE(report.reason.find("expired"), std::string::npos) << report.reason;
    EXPECT_TRUE(orders_.empty());
}

TEST_F(EstPhone, WhatWasKeptForAnotherEndIsNotGoneOnWith) {
    loses_answers_ = true;
    ASSERT_EQ(enrol().outcome, Outcome::failed);
    const auto first = *kept_;
    const auto key = test::key("present phone");
    settings_.present = crypto::ClientIdentity{
        desk_.ca().issue(test::request(crypto::CertificateRole::device, device), key), {desk_.ca().issuing()}, key};
    const auto token = std::exchange(settings_.token, std::nullopt);
    enrol();
    EXPECT_EQ(keys_made_, 2U) << "a renewal needs a key of its own";
    enrol();
    EXPECT_EQ(keys_made_, 2U) << "which serves until it is answered";
    settings_.token = token;
    enrol();
    EXPECT_EQ(keys_made_, 3U);
    kept_ = first;
    settings_.server.host = "other.example.net";
    enrol();
    EXPECT_EQ(keys_made_, 4U);
    kept_ = first;
    settings_.server.host = "est.example.net";
    settings_.common_name = "desk.example.net";
    enrol();
    EXPECT_EQ(keys_made_, 5U);
}

TEST_F(EstPhone, WhatComesBackMustBeThisPhonesAndTheAuthoritys) {
    test::LittleCa stranger("stranger");
    const auto phone_key = [this] { return test::key("est phone " + std::to_string(keys_made_)); };
    const auto refused_for = [&](const std::string& words, const std::function<crypto::Certificate()>& make) {
        tamper_ = [&](const FetchOrder& order, const std::string& body) {
            return order.upload ? certificates({make()}) : body;
        };
        const auto report = enrol();
        EXPECT_EQ(report.outcome, Outcome::refused) << words;
        EXPECT_NE(report.reason.find(words), std::string::npos) << report.reason;
        EXPECT_FALSE(enrolled_.has_value());
    };
    const auto wanted = test::request(crypto::CertificateRole::device, device);
    refused_for("not a certificate for this phone's key",
                [&] { return desk_.ca().issue(wanted, test::key("another phone")); });
    refused_for("missing intermediate", [&] { return stranger.issue(wanted, phone_key()); });
    refused_for("wrong purpose", [&] { return desk_.ca().issue(test::server_request("a.example.net"), phone_key()); });
    refused_for("expired", [&] {
        auto ended = wanted;
        ended.not_before = test::at(2021, 1, 1);
        ended.not_after = test::at(2022, 1, 1);
        return desk_.ca().issue(ended, phone_key());
    });
}

TEST_F(EstPhone, ReadsFoldedAnswersAndBearsAClockThatIsBehind) {
    tamper_ = [](const FetchOrder&, const std::string& body) {
        std::string folded = "\r\n";
        for (std::size_t at = 0; at < body.size(); at += 64) folded += body.substr(at, 64) + "\r\n";
        return folded;
    };
    settings_.time = {test::at(2025, 12, 31), true};
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
}

}  // namespace
}  // namespace ringfence::phone
