#include "phone/scep_enrolment.h"

#include <gtest/gtest.h>

#include "tests/phone/staged_authority.h"

namespace ringfence::phone {
namespace {

using Outcome = EnrolmentReport::Outcome;
using crypto::KeyType;
using crypto::ScepMessageType;

const MacAddress mac = *MacAddress::parse("00:24:7F:01:02:AB");

TEST(EnrolmentName, IsHostNameAndDomainOrSixDigitsOfTheMac) {
    EXPECT_EQ(enrolment_name(mac, "desk", "example.net").value(), "desk.example.net");
    EXPECT_EQ(enrolment_name(mac, "desk", "").value(), "desk");
    EXPECT_EQ(enrolment_name(mac, "", "").value(), "NTIPP0102AB");
    EXPECT_EQ(enrolment_name(mac, "", "example.net").value(), "NTIPP0102AB");
    EXPECT_FALSE(enrolment_name(mac, "a b", "").has_value());
    EXPECT_FALSE(enrolment_name(mac, "desk", "example..net").has_value());
    EXPECT_FALSE(enrolment_name(mac, std::string(40, 'a'), std::string(30, 'b')).has_value());
}

class Enrolment : public ::testing::Test {
protected:
    Enrolment() {
        settings_.server.protocol = Protocol::http;
        settings_.server.host = "scep.example.net";
        settings_.server.path = "scep";
        settings_.common_name = "NTIPP0102AB";
        // The registration authority's certificate begins with the present second.
        settings_.time.at = std::chrono::ceil<std::chrono::seconds>(std::chrono::system_clock::now());
        settings_.make_key = [this] { return made_key("phone " + std::to_string(++keys_made_)); };
    }

    static Result<crypto::PrivateKey> made_key(const std::string& name) { return test::key(name, KeyType::rsa2048); }

    // Runs a session to its end as ringfence-phone does; what is to be kept is what the next run gets.
    EnrolmentReport enrol() {
        settings_.pending = kept_;
        requests_before_ = authority_.types.size();
        ScepEnrolment session(settings_, random_);
        EnrolmentStep step = session.start();
        while (!std::holds_alternative<Finished>(step)) step = next(session, step);
        enrolled_ = session.enrolled();
        if (session.has_ended()) kept_.reset();
        return session.report();
    }

    EnrolmentStep next(ScepEnrolment& session, const EnrolmentStep& step) {
        if (const auto* order = std::get_if<FetchOrder>(&step)) return session.fetched(authority_.answer(*order));
        if (const auto* question = std::get_if<Question>(&step)) {
            questions_.push_back(*question);
            return session.answered(answer_);
        }
        if (const auto* keep = std::get_if<Keep>(&step)) {
            EXPECT_TRUE(keep->pending.is_acknowledged || authority_.types.size() == requests_before_)
                << "kept too late";
            if (!can_store_) return session.kept(fail(FaultCode::unavailable, "the disk is full"));
            kept_ = keep->pending;
            return session.kept({});
        }
        ++waits_;
        return session.waited();
    }

    void give_root() { settings_.known_authorities = {authority_.party().ca().issuing()}; }

    test::StagedAuthority authority_;
    ScepSettings settings_;
    SeededRandom random_{7};
    Answer answer_{true, "yes at the prompt"};
    bool can_store_ = true;
    std::optional<PendingEnrolment> kept_;
    std::optional<Enrolled> enrolled_;
    std::vector<Question> questions_;
    unsigned waits_ = 0;
    unsigned keys_made_ = 0;
    std::size_t requests_before_ = 0;
};

TEST_F(Enrolment, BringsKeyCertificateAndAuthority) {
    authority_.wanted_challenge = "s3cret";
    settings_.challenge = Secret("s3cret");
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
    ASSERT_TRUE(enrolled_.has_value());
    EXPECT_EQ(enrolled_->identity.leaf.subject(), "CN=NTIPP0102AB");
    EXPECT_TRUE(enrolled_->identity.key.matches(enrolled_->identity.leaf));
    EXPECT_EQ(enrolled_->authorities, std::vector<crypto::Certificate>{authority_.party().ca().issuing()});
    EXPECT_EQ(enrolled_->identity.chain, std::vector<crypto::Certificate>{authority_.party().ca().issuing()});
    EXPECT_EQ(authority_.types, std::vector<ScepMessageType>{ScepMessageType::pkcs_request});
    EXPECT_EQ(authority_.last_signer->subject(), "CN=NTIPP0102AB");
    EXPECT_EQ(authority_.gets, 0U);
    EXPECT_FALSE(kept_.has_value()) << "nothing is left to go on with";
    EXPECT_FALSE(report.is_renewal);
}

TEST_F(Enrolment, AnUnknownAuthorityIsAskedAboutByItsFingerprints) {
    const auto& ca = authority_.party().ca().issuing();
    answer_ = {false, "nobody was there to answer"};
    auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::refused);
    ASSERT_EQ(questions_.size(), 1U);
    EXPECT_EQ(questions_[0].kind, Question::Kind::fingerprint);
    EXPECT_EQ(questions_[0].fingerprints.sha256, ca.fingerprint_sha256());
    EXPECT_NE(report.reason.find(in_pairs(questions_[0].fingerprints.sha1)), std::string::npos) << report.reason;
    EXPECT_TRUE(authority_.types.empty()) << "no request leaves for an authority that was not accepted";
    EXPECT_EQ(keys_made_, 0U);

    settings_.thumbprint = Thumbprint::public_key;
    report = enrol();
    ASSERT_EQ(questions_.size(), 2U);
    EXPECT_EQ(questions_[1].fingerprints.sha1, fingerprints_of(ca.public_key_der()).sha1);
    EXPECT_NE(questions_[1].fingerprints.sha1, questions_[0].fingerprints.sha1);
}

TEST_F(Enrolment, AnInstalledRootNeedsNoDialog) {
    give_root();
    EXPECT_EQ(enrol().outcome, Outcome::enrolled);
    settings_.known_authorities = {authority_.party().ca().root()};
    EXPECT_EQ(enrol().accepted_by, "an installed root issued it");
    EXPECT_TRUE(questions_.empty());
}

TEST_F(Enrolment, GetCaCapsMayFailButGetCaCertMayNot) {
    give_root();
    authority_.capabilities = "";
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
    EXPECT_EQ(authority_.gets, 1U) << "without a word of POST the request goes by GET";
    EXPECT_EQ(report.notes.size(), 1U);
    authority_.certificates = "";
    EXPECT_EQ(enrol().outcome, Outcome::failed);
    EXPECT_EQ(authority_.types.size(), 1U);
    authority_.certificates = "<html>";
    EXPECT_EQ(enrol().outcome, Outcome::refused);
}

TEST_F(Enrolment, AWrongChallengeIsTheAuthoritysRefusal) {
    give_root();
    authority_.wanted_challenge = "right";
    settings_.challenge = Secret("wrong");
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::refused);
    EXPECT_EQ(report.reason, "the authority refused the request: badRequest");
    EXPECT_FALSE(kept_.has_value());
    EXPECT_FALSE(enrolled_.has_value());
}

TEST_F(Enrolment, TheKeyIsStoredBeforeTheRequestLeaves) {
    give_root();
    can_store_ = false;
    EXPECT_EQ(enrol().outcome, Outcome::failed);
    EXPECT_TRUE(authority_.types.empty());
    can_store_ = true;
    authority_.loses_replies = true;
    EXPECT_EQ(enrol().outcome, Outcome::failed);
    ASSERT_TRUE(kept_.has_value());
    authority_.loses_replies = false;
    EXPECT_EQ(enrol().outcome, Outcome::enrolled);
    EXPECT_EQ(keys_made_, 2U) << "one that could not be stored, one for both requests";
    EXPECT_EQ(authority_.transaction_ids.at(0), authority_.transaction_ids.at(1));
    EXPECT_NE(authority_.nonces.at(0), authority_.nonces.at(1));
    EXPECT_EQ(authority_.types,
              (std::vector<ScepMessageType>{ScepMessageType::pkcs_request, ScepMessageType::pkcs_request}));
}

TEST_F(Enrolment, AnUndecidedRequestIsPolledAlsoByALaterRun) {
    settings_.polls = 2;
    authority_.answers_before_decision = 4;
    auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::pending) << report.reason;
    EXPECT_EQ(waits_, 2U);
    ASSERT_TRUE(kept_.has_value());
    EXPECT_TRUE(kept_->is_acknowledged);
    answer_ = {false, "nobody was there to answer"};
    report = enrol();
    EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
    EXPECT_EQ(report.accepted_by, "it was accepted when this enrolment began");
    EXPECT_EQ(keys_made_, 1U);
    EXPECT_TRUE(enrolled_->identity.key.matches(enrolled_->identity.leaf));
    ASSERT_EQ(authority_.types.size(), 5U);
    EXPECT_EQ(authority_.types.front(), ScepMessageType::pkcs_request);
    for (std::size_t i = 1; i < authority_.types.size(); ++i)
        EXPECT_EQ(authority_.types[i], ScepMessageType::certificate_poll);
    for (const auto& id : authority_.transaction_ids) EXPECT_EQ(id, authority_.transaction_ids.front());
}

TEST_F(Enrolment, WhatWasKeptForAnotherNameOrServerIsNotGoneOnWith) {
    give_root();
    settings_.polls = 0;
    authority_.answers_before_decision = 1;
    ASSERT_EQ(enrol().outcome, Outcome::pending);
    const auto first = *kept_;
    settings_.common_name = "desk.example.net";
    EXPECT_EQ(enrol().outcome, Outcome::enrolled);
    EXPECT_EQ(enrolled_->identity.leaf.common_name(), "desk.example.net");
    settings_.common_name = first.common_name;
    settings_.server.host = "other.example.net";
    kept_ = first;
    EXPECT_EQ(enrol().outcome, Outcome::enrolled);
    EXPECT_EQ(keys_made_, 3U);
}

TEST_F(Enrolment, APresentCertificateIsRenewed) {
    authority_.wanted_challenge = "s3cret";
    settings_.challenge = Secret("s3cret");
    ASSERT_EQ(enrol().outcome, Outcome::enrolled);
    settings_.present = enrolled_->identity;
    settings_.challenge = Secret();
    give_root();
    for (const bool says_so : {true, false}) {
        SCOPED_TRACE(says_so);
        authority_.capabilities = says_so ? "AES\nSHA-256\nPOSTPKIOperation\nRenewal" : "SCEPStandard";
        const auto report = enrol();
        EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
        EXPECT_TRUE(report.is_renewal);
        EXPECT_EQ(authority_.types.back(), says_so ? ScepMessageType::renewal_request : ScepMessageType::pkcs_request);
        EXPECT_EQ(*authority_.last_signer, settings_.present->leaf);
        EXPECT_EQ(authority_.last_subject, settings_.present->leaf.subject());
        EXPECT_NE(enrolled_->identity.leaf.public_key_der(), settings_.present->leaf.public_key_der());
    }
}

TEST_F(Enrolment, ARenewalThatWaitsGoesOnToo) {
    give_root();
    ASSERT_EQ(enrol().outcome, Outcome::enrolled);
    settings_.present = enrolled_->identity;
    settings_.polls = 0;
    authority_.answers_before_decision = 1;
    ASSERT_EQ(enrol().outcome, Outcome::pending);
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
    EXPECT_TRUE(report.is_renewal);
    EXPECT_EQ(authority_.types.back(), ScepMessageType::certificate_poll);
    EXPECT_EQ(keys_made_, 2U);
}

TEST_F(Enrolment, AnEndedOrForeignCertificateIsNotRenewed) {
    test::LittleCa other("another authority", KeyType::rsa2048);
    const auto key = test::key("old phone", KeyType::rsa2048);
    give_root();
    settings_.present = crypto::ClientIdentity{
        other.issue(test::request(crypto::CertificateRole::device, "NTIPP0102AB"), key), {}, key};
    EXPECT_FALSE(enrol().is_renewal);
    auto ended = test::request(crypto::CertificateRole::device, "NTIPP0102AB");
    ended.not_before = test::at(2021, 1, 1);
    ended.not_after = test::at(2022, 1, 1);
    settings_.present = crypto::ClientIdentity{authority_.party().ca().issue(ended, key), {}, key};
    const auto report = enrol();
    EXPECT_FALSE(report.is_renewal);
    EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
}

TEST_F(Enrolment, WhatComesBackMustBeThisPhonesAndTheAuthoritys) {
    give_root();
    auto& ca = authority_.party().ca();
    test::LittleCa stranger("stranger", KeyType::rsa2048);
    const auto refused_for = [&](const std::string& words) {
        const auto report = enrol();
        EXPECT_EQ(report.outcome, Outcome::refused) << report.reason;
        EXPECT_NE(report.reason.find(words), std::string::npos) << report.reason;
        EXPECT_FALSE(enrolled_.has_value());
    };
    using Request = crypto::CertificationRequest;
    authority_.issue = [&](const Request&) {
        return std::vector{ca.issue(test::request(crypto::CertificateRole::device, "NTIPP0102AB"), test::key("x"))};
    };
    refused_for("not a certificate for this phone's key");
    authority_.issue = [&](const Request& request) {
        return std::vector{test::StagedAuthority::openssl_issue(request, stranger.issuing_signer()),
                           stranger.issuing()};
    };
    refused_for("was not issued by");
    authority_.issue = [&](const Request& request) {
        return std::vector{test::StagedAuthority::openssl_issue(request, ca.issuing_signer(), "-sha1")};
    };
    refused_for("hash that is too old");
    authority_.issue = [&](const Request&) {
        auto ended = test::request(crypto::CertificateRole::device, "NTIPP0102AB");
        ended.not_before = test::at(2021, 1, 1);
        ended.not_after = test::at(2022, 1, 1);
        return std::vector{ca.issue(ended, *made_key("phone " + std::to_string(keys_made_)))};
    };
    refused_for("ended on");
}

TEST_F(Enrolment, ACertificateOfACaBelowTheAcceptedOneIsTaken) {
    authority_.certificates = authority_.party().ca().root().to_der();
    auto& ca = authority_.party().ca();
    authority_.certificates = *crypto::format_certificates({ca.issuing(), authority_.party().ra().certificate});
    settings_.known_authorities = {ca.root()};
    authority_.issue = [&](const crypto::CertificationRequest& request) {
        return std::vector{ca.root(), ca.issuing(), test::StagedAuthority::openssl_issue(request, ca.issuing_signer())};
    };
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
    EXPECT_EQ(enrolled_->identity.leaf.common_name(), "NTIPP0102AB");
}

TEST_F(Enrolment, AnAuthorityOfAnotherTimeIsRefused) {
    settings_.time.at = test::at(2050, 1, 1);
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::refused);
    EXPECT_NE(report.reason.find("ended on"), std::string::npos) << report.reason;
    settings_.time = {test::at(2000, 1, 1), false};
    EXPECT_NE(enrol().reason.find("set the clock"), std::string::npos);
    settings_.time.is_floor = true;
    EXPECT_EQ(enrol().outcome, Outcome::enrolled) << "a floor says nothing about what begins later";
}

TEST_F(Enrolment, AnAuthorityWhoseClockIsAheadIsBorne) {
    give_root();
    authority_.issue = [&](const crypto::CertificationRequest&) {
        auto later = test::request(crypto::CertificateRole::device, "NTIPP0102AB");
        later.not_before = test::at(2034, 1, 1);
        later.not_after = test::at(2034, 12, 31);
        return std::vector{authority_.party().ca().issue(later, *made_key("phone 1"))};
    };
    const auto report = enrol();
    EXPECT_EQ(report.outcome, Outcome::enrolled) << report.reason;
}

TEST_F(Enrolment, AStrangersAnswerEndsTheRunAndKeepsTheKey) {
    give_root();
    ScepEnrolment session(settings_, random_);
    EnrolmentStep step = session.start();
    while (!std::holds_alternative<Finished>(step)) {
        const auto* order = std::get_if<FetchOrder>(&step);
        const bool is_request = order != nullptr && order->upload.has_value();
        // An attacker sends our own message back to us, signed by ourselves.
        step = is_request ? session.fetched({order->upload->bytes}) : next(session, step);
    }
    EXPECT_EQ(session.report().outcome, Outcome::failed);
    EXPECT_NE(session.report().reason.find("somebody else"), std::string::npos) << session.report().reason;
    EXPECT_FALSE(session.has_ended());
    EXPECT_TRUE(kept_.has_value());
}

TEST_F(Enrolment, TheNameOfTheAuthorityIsEncoded) {
    give_root();
    authority_.name = settings_.ca_name = "Lab CA & Söhne/1";
    EXPECT_EQ(enrol().outcome, Outcome::enrolled);
}

}  // namespace
}  // namespace ringfence::phone
