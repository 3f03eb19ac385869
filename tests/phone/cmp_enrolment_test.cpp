// The server is ours (crypto/cmp_server.h), over a desk that says what a test wants; what stands between is a fetcher
// by hand.
#include "phone/cmp_enrolment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/crypto/cmp_party.h"

namespace ringfence::phone {
namespace {

using Outcome = EnrolmentReport::Outcome;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CmpPhone : public ::testing::Test {
protected:
    CmpPhone() {
        settings_.server.protocol = Protocol::http;
        settings_.server.host = "ca.example.net";
        settings_.server.path = std::string(cmp_path);
        settings_.common_name = "NTIPP0102AB";
        settings_.time.at = party_.clock.wall_now();
        settings_.token = TokenText{test::cmp_reference, test::cmp_secret};
        settings_.poll_interval = std::chrono::seconds(5);
        settings_.make_key = [this]() -> Result<crypto::PrivateKey> { return party_.desk.keys.at(keys_made_++); };
    }

    // Runs a session to its end as ringfence-phone does; what is to be kept is what the next run gets.
    EnrolmentReport enrol() {
        settings_.pending = kept_;
        waits_.clear();
        CmpEnrolment session(
            settings_, [this](const FetchOrder& order) { return fetch(order); }, random_);
        EnrolmentStep step = session.start();
        while (!std::holds_alternative<Finished>(step)) step = next(session, step);
        enrolled_ = session.enrolled();
        if (session.has_ended()) kept_.reset();
        return session.report();
    }

    EnrolmentStep next(CmpEnrolment& session, const EnrolmentStep& step) {
        if (const auto* question = std::get_if<Question>(&step)) {
            question_ = *question;
            return session.answered(answer_);
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
        EXPECT_TRUE(kept_.has_value()) << "the request left before its key was stored";
        EXPECT_EQ(order.url(), "http://ca.example.net/.well-known/cmp");
        EXPECT_EQ(order.upload->content_type, "application/pkixcmp");
        EXPECT_FALSE(order.login || order.identity);
        EXPECT_EQ(order.upload->bytes.find(test::cmp_secret.reveal()), std::string::npos);
        auto reply = party_.server.answer(order.upload->bytes);
        if (answers_lost_ > 0) {
            --answers_lost_;
            reply = fail(FaultCode::unavailable, "the server did not answer in time");
        }
        return {std::move(reply)};
    }

    void take_present() {
        settings_.present = enrolled_->identity;
        settings_.anchors = {party_.ca.root()};
        settings_.has_root = true;
        settings_.token.reset();
    }

    test::CmpParty party_;
    CmpSettings settings_;
    SeededRandom random_{7};
    Answer answer_;
    bool can_store_ = true;
    unsigned answers_lost_ = 0;
    std::optional<PendingEnrolment> kept_;
    std::optional<Enrolled> enrolled_;
    std::optional<Question> question_;
    std::vector<Duration> waits_;
    std::size_t keys_made_ = 0;
};

TEST_F(CmpPhone, ATokenBringsCertificateAndRootToAPhoneThatTrustsNobody) {
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
    EXPECT_FALSE(report.is_renewal);
    EXPECT_EQ(report.authority, party_.ca.root().subject());
    EXPECT_EQ(report.accepted_by, "the token proved who named it");
    ASSERT_TRUE(enrolled_.has_value());
    EXPECT_TRUE(enrolled_->identity.key.matches(enrolled_->identity.leaf));
    EXPECT_EQ(enrolled_->identity.chain, std::vector{party_.ca.issuing()});
    EXPECT_EQ(enrolled_->authorities, std::vector{party_.ca.root()});
    EXPECT_FALSE(question_.has_value());
    EXPECT_FALSE(kept_.has_value()) << "nothing is left to go on with";
    EXPECT_THAT(party_.desk.confirmations, IsEmpty());
}

TEST_F(CmpPhone, AWrongTokenBringsNothingAndTheKeyIsUsedForTheRightOne) {
    settings_.token->secret = test::other_cmp_secret;
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::failed);
    EXPECT_THAT(report.reason, HasSubstr("wrong token?"));
    EXPECT_FALSE(enrolled_.has_value());
    settings_.token->secret = test::cmp_secret;
    EXPECT_EQ(enrol().outcome, Outcome::enrolled);
    EXPECT_EQ(keys_made_, 1U);
}

TEST_F(CmpPhone, TheAuthorityMayRefuse) {
    party_.desk.refusal = crypto::CmpRefusal{crypto::CmpFailure::not_authorized, "nothing is issued"};
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::refused);
    EXPECT_THAT(report.reason, HasSubstr("notAuthorized"));
    EXPECT_FALSE(kept_.has_value());
    party_.desk.refusal = crypto::CmpRefusal{crypto::CmpFailure::system_unavailable, "later"};
    keys_made_ = 0;
    EXPECT_EQ(enrol().outcome, Outcome::failed);
    EXPECT_TRUE(kept_.has_value()) << "it may be granted later";
}

TEST_F(CmpPhone, ALostAnswerCostsNoKey) {
    answers_lost_ = 1;
    EXPECT_EQ(enrol().outcome, Outcome::failed);
    EXPECT_EQ(enrol().outcome, Outcome::enrolled);
    EXPECT_EQ(keys_made_, 1U);
    EXPECT_EQ(party_.desk.requests.at(0).public_key_der, party_.desk.requests.at(1).public_key_der);
}

TEST_F(CmpPhone, WaitsForAPersonNowAndInALaterRun) {
    party_.desk.polls_left = 7;
    settings_.polls = 2;
    auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::pending) << report.reason;
    EXPECT_EQ(waits_.size(), 2U);
    EXPECT_GE(waits_.front(), settings_.poll_interval);
    ASSERT_TRUE(kept_.has_value());
    settings_.polls = 10;
    report = enrol();
    EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
    EXPECT_EQ(keys_made_, 1U);
}

TEST_F(CmpPhone, AServerThatForgotTheTransactionIsAskedAnew) {
    party_.desk.polls_left = 2;  // OpenSSL polls once by itself
    settings_.polls = 1;
    CmpEnrolment session(
        settings_, [this](const FetchOrder& order) { return fetch(order); }, random_);
    EnrolmentStep step = next(session, session.start());
    ASSERT_TRUE(std::holds_alternative<Wait>(step));
    answers_lost_ = 1;  // to the poll
    step = next(session, step);
    EXPECT_EQ(session.report().outcome, Outcome::enrolled) << session.report().reason;
}

TEST_F(CmpPhone, AnotherRootNeedsAYes) {
    const test::LittleCa other("another company");
    settings_.anchors = {other.root()};
    settings_.has_root = true;
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::refused);
    EXPECT_THAT(report.reason, HasSubstr("has a root already"));
    EXPECT_FALSE(enrolled_.has_value());
    ASSERT_TRUE(question_.has_value());
    EXPECT_EQ(question_->fingerprints.sha256, fingerprints_of(party_.ca.root().to_der()).sha256);
    ASSERT_TRUE(kept_.has_value()) << "the certificate is there for this key";
    answer_ = {true, "given on the command line", true, {}};
    EXPECT_EQ(enrol().outcome, Outcome::enrolled);
    EXPECT_EQ(enrolled_->authorities, std::vector{party_.ca.root()});
    EXPECT_EQ(keys_made_, 1U);
}

TEST_F(CmpPhone, TheRootThatItHasNeedsNone) {
    settings_.anchors = {party_.ca.root()};
    settings_.has_root = true;
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
    EXPECT_EQ(report.accepted_by, "it is an installed root");
    EXPECT_FALSE(question_.has_value());
}

TEST_F(CmpPhone, RenewsWithItsCertificateAndANewKey) {
    ASSERT_EQ(enrol().outcome, Outcome::enrolled);
    const auto first = enrolled_->identity.leaf;
    take_present();
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
    EXPECT_TRUE(report.is_renewal);
    EXPECT_NE(enrolled_->identity.leaf.public_key_der(), first.public_key_der());
    EXPECT_THAT(enrolled_->authorities, IsEmpty()) << "a renewal changes nothing about trust";
    EXPECT_THAT(report.notes, IsEmpty());
}

TEST_F(CmpPhone, ARenewalBelievesNobodyWithoutARoot) {
    ASSERT_EQ(enrol().outcome, Outcome::enrolled);
    take_present();
    settings_.anchors.clear();
    const auto before = party_.desk.requests.size();
    EXPECT_EQ(enrol().outcome, Outcome::refused);
    settings_.anchors = {test::LittleCa("another company").root()};
    EXPECT_EQ(enrol().outcome, Outcome::failed) << "the reply is signed below no root of ours";
    settings_.present.reset();
    EXPECT_EQ(enrol().outcome, Outcome::refused);
    EXPECT_LE(party_.desk.requests.size(), before + 1);
}

TEST_F(CmpPhone, AFullDiskStopsTheRequest) {
    can_store_ = false;
    EXPECT_EQ(enrol().outcome, Outcome::failed);
    EXPECT_THAT(party_.desk.requests, IsEmpty());
}

}  // namespace
}  // namespace ringfence::phone
