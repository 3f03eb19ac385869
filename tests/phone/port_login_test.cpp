#include "phone/port_login.h"

#include <gtest/gtest.h>

#include <deque>

namespace ringfence::phone {
namespace {

using Kind = SupplicantEvent::Kind;
using Commands = std::vector<PortCommand>;

constexpr Duration moment = std::chrono::seconds(1);

TEST(SupplicantEvent, TakesWhatWpaSupplicantSays) {
    const auto kind = [](std::string_view text) { return parse_supplicant_event(text).kind; };
    EXPECT_EQ(kind("<3>CTRL-EVENT-NETWORK-ADDED 0"), Kind::network_added);
    EXPECT_EQ(kind("<3>CTRL-EVENT-EAP-STARTED EAP authentication started"), Kind::started);
    EXPECT_EQ(kind("<3>CTRL-EVENT-EAP-SUCCESS EAP authentication completed successfully"), Kind::success);
    EXPECT_EQ(kind("<3>CTRL-EVENT-EAP-FAILURE EAP authentication failed"), Kind::failure);
    EXPECT_EQ(kind("CTRL-EVENT-TERMINATING "), Kind::terminating);
    EXPECT_EQ(kind("<3>CTRL-EVENT-EAP-STATUS status='completion' parameter='failure'"), Kind::other);
    EXPECT_EQ(kind("<3>CTRL-EVENT-EAP-STATUS status='local TLS alert' parameter='unknown CA'"), Kind::other);
    EXPECT_EQ(kind(""), Kind::other);
    EXPECT_EQ(kind("<3"), Kind::other);
    EXPECT_EQ(kind("<3>CTRL-EVENT-EAP-SUCCESSFUL"), Kind::other);
}

TEST(SupplicantEvent, TakesTheReasonApart) {
    const auto fault = parse_supplicant_event(
        "<3>CTRL-EVENT-EAP-TLS-CERT-ERROR reason=1 depth=2 subject='/CN=ca' err='self-signed certificate'");
    EXPECT_EQ(fault.kind, Kind::certificate_fault);
    EXPECT_EQ(fault.reason, 1U);
    EXPECT_EQ(fault.depth, 2U);
    EXPECT_EQ(fault.text, "self-signed certificate");
    const auto alert =
        parse_supplicant_event("<3>CTRL-EVENT-EAP-STATUS status='remote TLS alert' parameter='certificate expired'");
    EXPECT_EQ(alert.kind, Kind::alert);
    EXPECT_EQ(alert.text, "certificate expired");
}

TEST(SupplicantEvent, ACertificatesNameDecidesNothing) {
    const auto fault = parse_supplicant_event(
        "<3>CTRL-EVENT-EAP-TLS-CERT-ERROR reason=1 depth=1 subject='/CN=x' reason=4 depth=0 err='\nall is well' "
        "err='untrusted\x1b'");
    EXPECT_EQ(fault.reason, 1U);
    EXPECT_EQ(fault.depth, 1U);
    EXPECT_EQ(fault.text, "untrusted\\x1b");
    EXPECT_EQ(parse_supplicant_event("CTRL-EVENT-EAP-TLS-CERT-ERROR ").text, "");
    EXPECT_EQ(parse_supplicant_event("CTRL-EVENT-EAP-TLS-CERT-ERROR reason=99999999999999 err='").reason, 0U);
    EXPECT_EQ(parse_supplicant_event("CTRL-EVENT-EAP-TLS-CERT-ERROR err='" + std::string(9000, 'x') + "'").text.size(),
              123U);
}

TEST(SupplicantEvent, BringsCertificates) {
    const auto shown =
        parse_supplicant_event("<3>CTRL-EVENT-EAP-PEER-CERT depth=1 subject='/CN=x' cert=00 depth=3 y' cert=3082ff");
    EXPECT_EQ(shown.kind, Kind::certificate);
    EXPECT_EQ(shown.depth, 1U);
    EXPECT_EQ(shown.text, "\x30\x82\xff");
    for (const auto* text : {"CTRL-EVENT-EAP-PEER-CERT depth=0 subject='/CN=x' hash=3082ff",
                             "CTRL-EVENT-EAP-PEER-CERT ", "CTRL-EVENT-EAP-PEER-CERT depth=0 subject='/CN=x' cert=3"})
        EXPECT_EQ(parse_supplicant_event(text).kind, Kind::other);
}

class PortLoginTest : public ::testing::Test {
protected:
    // A login by TLS that waits for the switch.
    void begin(PortMode mode = PortMode::tls, LoginFacts facts = {}) {
        login_ = PortLogin(mode, random_);
        login_.see_link(LinkState::up, now_);
        login_.see_supplicant({}, now_);
        EXPECT_EQ(login_.take_commands(), Commands{PortCommand::log_in});
        login_.begun(facts);
        EXPECT_EQ(login_.state(), PortState::logging_in);
        hear(Kind::network_added);
    }
    void begin_open(PortMode mode = PortMode::md5) {
        begin(mode);
        hear(Kind::started);
        hear(Kind::success);
        EXPECT_EQ(login_.state(), PortState::open);
    }

    void hear(Kind kind, std::string text = {}, unsigned reason = 0, unsigned depth = 0) {
        SupplicantEvent event;
        event.kind = kind;
        event.reason = reason;
        event.depth = depth;
        event.text = std::move(text);
        login_.hear(event, now_);
    }
    void pass(Duration time) {
        now_ += time;
        login_.tick(now_);
    }
    void pass_until_deadline() {
        ASSERT_TRUE(login_.deadline().has_value());
        now_ = *login_.deadline();
        login_.tick(now_);
    }

    // What the log and the display say of a failure.
    void expect_closed(EventCode code, std::string_view words) {
        EXPECT_EQ(login_.state(), PortState::closed);
        EXPECT_FALSE(login_.has_network());
        EXPECT_EQ(login_.display(), "EAP Authenticate-Fail");
        const auto events = login_.take_events();
        ASSERT_EQ(events.size(), 1U);
        EXPECT_EQ(events[0].code, code);
        EXPECT_EQ(events[0].severity, Severity::minor);
        EXPECT_EQ(events[0].text, "EAP Authenticate-Fail: " + login_.reason());
        EXPECT_NE(login_.reason().find(words), std::string::npos) << login_.reason();
    }

    SeededRandom random_{1};
    SteadyTime now_{std::chrono::hours(1)};
    PortLogin login_{PortMode::disabled, random_};
};

TEST_F(PortLoginTest, WithoutAModeTheNetworkIsAttempted) {
    EXPECT_FALSE(login_.has_network());
    EXPECT_EQ(login_.state(), PortState::no_link);
    login_.see_link(LinkState::up, now_);
    EXPECT_EQ(login_.state(), PortState::unguarded);
    EXPECT_TRUE(login_.has_network());
    EXPECT_EQ(login_.openings(), 1U);
    EXPECT_TRUE(login_.take_commands().empty());
    // A supplicant that is there for others must answer nobody.
    login_.see_supplicant({true}, now_);
    EXPECT_EQ(login_.take_commands(), Commands{PortCommand::leave});
    hear(Kind::network_added);
    hear(Kind::failure);
    login_.ask(now_);
    login_.ask_anew(now_);
    login_.judge_server({}, fail(FaultCode::expired, "it expired"), now_);
    login_.miss_supplicant("gone", now_);
    EXPECT_EQ(login_.state(), PortState::unguarded);
    EXPECT_FALSE(login_.deadline());
    login_.see_link(LinkState::down, now_);
    EXPECT_FALSE(login_.has_network());
    EXPECT_TRUE(login_.take_commands().empty());
    EXPECT_TRUE(login_.take_events().empty());
}

TEST_F(PortLoginTest, LogsInOnceThereAreLinkAndSupplicant) {
    for (const bool link_first : {true, false}) {
        login_ = PortLogin(PortMode::md5, random_);
        if (link_first) {
            login_.see_link(LinkState::up, now_);
            EXPECT_EQ(login_.state(), PortState::no_supplicant);
            EXPECT_TRUE(login_.take_commands().empty());
            login_.see_supplicant({}, now_);
        } else {
            login_.see_supplicant({}, now_);
            EXPECT_EQ(login_.state(), PortState::no_link);
            EXPECT_TRUE(login_.take_commands().empty());
            login_.see_link(LinkState::up, now_);
        }
        EXPECT_EQ(login_.state(), PortState::logging_in);
        EXPECT_EQ(login_.take_commands(), Commands{PortCommand::log_in});
        EXPECT_EQ(login_.deadline(), now_ + login_limit);
    }
    hear(Kind::network_added);
    hear(Kind::started);
    hear(Kind::success);
    EXPECT_EQ(login_.state(), PortState::open);
    EXPECT_EQ(login_.reason(), "logged in by md5");
    EXPECT_EQ(login_.display(), "");
    EXPECT_EQ(login_.openings(), 1U);
    EXPECT_FALSE(login_.deadline());
    EXPECT_TRUE(login_.take_events().empty());
}

TEST_F(PortLoginTest, WhatAnEarlierLoginLeftInTheSocketCountsForNothing) {
    login_ = PortLogin(PortMode::md5, random_);
    login_.see_link(LinkState::up, now_);
    login_.see_supplicant({}, now_);
    hear(Kind::started);
    hear(Kind::success);
    hear(Kind::failure);
    EXPECT_EQ(login_.state(), PortState::logging_in);
    hear(Kind::network_added);
    hear(Kind::success);
    EXPECT_EQ(login_.state(), PortState::open);
}

TEST_F(PortLoginTest, EachModeHasItsCode) {
    begin(PortMode::md5);
    hear(Kind::failure);
    expect_closed(EventCode::eap_md5_failed, "the login by md5 was refused");
    begin(PortMode::peap);
    hear(Kind::failure);
    expect_closed(EventCode::eap_peap_failed, "the login by peap was refused");
    begin(PortMode::tls);
    hear(Kind::failure);
    expect_closed(EventCode::eap_tls_failed, "the login by tls was refused");
    EXPECT_EQ(login_.take_commands(), Commands{PortCommand::leave});
}

TEST_F(PortLoginTest, ARootThatDoesNotFitHasItsCode) {
    for (const unsigned reason : {0U, 1U, 2U, 7U, 11U}) {
        begin();
        hear(Kind::started);
        hear(Kind::certificate_fault, "unable to get issuer certificate", reason);
        hear(Kind::failure);
        expect_closed(EventCode::eap_root_invalid, "not accepted: unable to get issuer certificate");
    }
    begin(PortMode::peap);
    hear(Kind::certificate_fault, "certificate has expired", 4, 1);  // an authority's
    hear(Kind::failure);
    expect_closed(EventCode::eap_root_invalid, "not accepted: certificate has expired");
}

TEST_F(PortLoginTest, TheServersOwnCertificateIsNoMatterOfRoots) {
    for (const unsigned reason : {3U, 4U, 5U, 6U, 9U, 10U, 12U}) {
        begin();
        hear(Kind::certificate_fault, "Domain mismatch", reason);
        hear(Kind::failure);
        expect_closed(EventCode::eap_tls_failed, "not accepted: Domain mismatch");
        begin(PortMode::peap);
        hear(Kind::certificate_fault, "Domain mismatch", reason);
        hear(Kind::alert, "internal error");
        hear(Kind::failure);
        expect_closed(EventCode::eap_peap_failed, "not accepted: Domain mismatch");
    }
}

TEST_F(PortLoginTest, ADeviceCertificateThatIsRefusedHasItsCode) {
    for (const auto* alert : {"bad certificate", "certificate revoked", "certificate expired", "unknown CA"}) {
        begin();
        hear(Kind::alert, alert);
        hear(Kind::failure);
        expect_closed(EventCode::eap_device_certificate_invalid, alert);
    }
    begin(PortMode::tls, {true, "the device certificate has expired at some time"});
    hear(Kind::failure);
    expect_closed(EventCode::eap_device_certificate_invalid, "has expired");
    begin();
    hear(Kind::alert, "handshake failure");
    hear(Kind::failure);
    expect_closed(EventCode::eap_tls_failed, "was refused: handshake failure");
    // PEAP shows none.
    begin(PortMode::peap);
    hear(Kind::alert, "unknown CA");
    hear(Kind::failure);
    expect_closed(EventCode::eap_peap_failed, "was refused: unknown CA");
}

TEST_F(PortLoginTest, AnOldCertificateThatIsTakenIsNoMatter) {
    begin(PortMode::tls, {true, "the device certificate has expired at some time"});
    hear(Kind::success);
    EXPECT_EQ(login_.state(), PortState::open);
    EXPECT_TRUE(login_.take_events().empty());
}

TEST_F(PortLoginTest, WhatCannotBeginIsToldAndTriedAgain) {
    begin();
    login_.could_not_begin(EventCode::eap_root_invalid, "no root certificate is installed", now_);
    expect_closed(EventCode::eap_root_invalid, "no root certificate is installed");
    login_.take_commands();
    pass_until_deadline();
    EXPECT_EQ(login_.take_commands(), Commands{PortCommand::log_in});
}

TEST_F(PortLoginTest, ALoginThatNobodyAnswersIsGivenUp) {
    begin(PortMode::md5);
    pass(login_limit - moment);
    EXPECT_EQ(login_.state(), PortState::logging_in);
    pass(moment);
    expect_closed(EventCode::eap_md5_failed, "the switch did not answer within 30 s");
    EXPECT_EQ(login_.take_commands(), Commands{PortCommand::leave});
}

TEST_F(PortLoginTest, ALoginThatHangsIsGivenUpAndBegunAnew) {
    begin();
    hear(Kind::started);
    pass(login_limit);
    expect_closed(EventCode::eap_tls_failed, "was not finished within 30 s");
    login_.take_commands();
    // What comes late is of the login that was left.
    hear(Kind::success);
    EXPECT_EQ(login_.state(), PortState::closed);
    pass_until_deadline();
    EXPECT_EQ(login_.state(), PortState::logging_in);
    EXPECT_EQ(login_.take_commands(), Commands{PortCommand::log_in});
}

TEST_F(PortLoginTest, RetriesGrowRarer) {
    begin(PortMode::md5);
    Duration longest{};
    for (unsigned i = 0; i < 40; ++i) {
        hear(Kind::failure);
        ASSERT_TRUE(login_.deadline().has_value());
        const Duration wait = *login_.deadline() - now_;
        const Duration least = std::min<Duration>(first_login_retry * (1LL << std::min(i, 16U)), longest_login_retry);
        EXPECT_GE(wait, least);
        EXPECT_LT(wait, least + least / 4);
        longest = std::max(longest, wait);
        pass_until_deadline();
        hear(Kind::network_added);
    }
    EXPECT_GE(longest, longest_login_retry);
    // All of that is one event, and another reason another one.
    EXPECT_EQ(login_.take_events().size(), 1U);
    pass(login_limit);
    EXPECT_EQ(login_.take_events().size(), 1U);
}

TEST_F(PortLoginTest, ASuccessAndALinkBeginTheRetriesAnew) {
    for (const bool by_link : {true, false}) {
        begin(PortMode::md5);
        for (int i = 0; i < 5; ++i) {
            hear(Kind::failure);
            pass_until_deadline();
            hear(Kind::network_added);
        }
        login_.take_events();
        if (by_link) {
            login_.see_link(LinkState::down, now_);
            login_.see_link(LinkState::up, now_);
            hear(Kind::network_added);
        } else {
            hear(Kind::success);
        }
        hear(Kind::failure);
        EXPECT_LT(*login_.deadline() - now_, 2 * first_login_retry);
        EXPECT_EQ(login_.take_events().size(), 1U);
    }
}

TEST_F(PortLoginTest, TheLinksLossIsALossOfNetworkAndItsReturnALogin) {
    begin_open();
    login_.see_link(LinkState::down, now_);
    EXPECT_EQ(login_.state(), PortState::no_link);
    EXPECT_FALSE(login_.has_network());
    EXPECT_EQ(login_.display(), "");
    EXPECT_EQ(login_.take_commands(), Commands{PortCommand::leave});
    EXPECT_FALSE(login_.deadline());
    hear(Kind::success);
    EXPECT_EQ(login_.state(), PortState::no_link);
    login_.see_link(LinkState::down, now_);
    EXPECT_TRUE(login_.take_commands().empty());
    login_.see_link(LinkState::up, now_);
    EXPECT_EQ(login_.take_commands(), Commands{PortCommand::log_in});
    hear(Kind::network_added);
    hear(Kind::success);
    EXPECT_EQ(login_.openings(), 2U);
    // While it waits to try again, too.
    begin();
    hear(Kind::failure);
    login_.see_link(LinkState::down, now_);
    EXPECT_FALSE(login_.deadline());
}

TEST_F(PortLoginTest, ReauthenticationRunsInTheBackground) {
    begin_open();
    pass(std::chrono::hours(1));
    hear(Kind::started);
    EXPECT_TRUE(login_.has_network());
    EXPECT_EQ(login_.deadline(), now_ + login_limit);
    hear(Kind::success);
    EXPECT_EQ(login_.state(), PortState::open);
    EXPECT_FALSE(login_.deadline());
    EXPECT_EQ(login_.openings(), 1U);
    EXPECT_TRUE(login_.take_commands().empty());
}

TEST_F(PortLoginTest, ReauthenticationThatFailsOrHangsTakesTheNetworkAway) {
    begin_open();
    hear(Kind::started);
    hear(Kind::failure);
    expect_closed(EventCode::eap_md5_failed, "refused");
    begin_open(PortMode::peap);
    hear(Kind::started);
    pass(login_limit - moment);
    EXPECT_TRUE(login_.has_network());
    pass(moment);
    expect_closed(EventCode::eap_peap_failed, "not finished");
    // A refusal out of the blue counts as well.
    begin_open();
    hear(Kind::failure);
    expect_closed(EventCode::eap_md5_failed, "refused");
}

TEST_F(PortLoginTest, AComplaintIsOfItsOwnAttempt) {
    begin(PortMode::tls);
    hear(Kind::started);
    hear(Kind::certificate_fault, "untrusted", 1);
    hear(Kind::success);
    hear(Kind::started);
    hear(Kind::failure);
    expect_closed(EventCode::eap_tls_failed, "the login by tls was refused");
}

TEST_F(PortLoginTest, ARestartAloneTakesThePortForOpen) {
    login_ = PortLogin(PortMode::tls, random_);
    login_.assume_open();
    login_.see_link(LinkState::up, now_);
    EXPECT_FALSE(login_.has_network());
    login_.see_supplicant({true}, now_);
    EXPECT_EQ(login_.state(), PortState::open);
    EXPECT_TRUE(login_.take_commands().empty());
    EXPECT_FALSE(login_.deadline());
    EXPECT_EQ(login_.openings(), 1U);
    // The supplicant is heard at once.
    hear(Kind::started);
    hear(Kind::failure);
    EXPECT_EQ(login_.state(), PortState::closed);
}

TEST_F(PortLoginTest, ARestartWithAnotherSupplicantLogsInBehindTheScenes) {
    login_ = PortLogin(PortMode::tls, random_);
    login_.assume_open();
    login_.see_supplicant({}, now_);
    login_.see_link(LinkState::up, now_);
    EXPECT_EQ(login_.take_commands(), Commands{PortCommand::log_in});
    EXPECT_EQ(login_.state(), PortState::open);
    hear(Kind::network_added);
    pass(login_limit);
    expect_closed(EventCode::eap_tls_failed, "did not answer");
}

TEST_F(PortLoginTest, ASupplicantsLoginIsBelievedOnlyIfTheLinkWasNotDown) {
    login_ = PortLogin(PortMode::tls, random_);
    login_.see_link(LinkState::up, now_);
    login_.see_supplicant({true}, now_);
    EXPECT_EQ(login_.state(), PortState::logging_in);
    login_ = PortLogin(PortMode::tls, random_);
    login_.assume_open();
    login_.see_link(LinkState::down, now_);
    login_.see_supplicant({true}, now_);
    login_.see_link(LinkState::up, now_);
    EXPECT_EQ(login_.state(), PortState::logging_in);
}

TEST_F(PortLoginTest, ASupplicantThatGoesIsMissed) {
    begin();
    login_.miss_supplicant("wpa_supplicant was ended by signal 9", now_);
    EXPECT_EQ(login_.state(), PortState::no_supplicant);
    EXPECT_EQ(login_.reason(), "wpa_supplicant was ended by signal 9");
    EXPECT_FALSE(login_.deadline());
    EXPECT_TRUE(login_.take_events().empty());
    login_.ask(now_);
    EXPECT_TRUE(login_.take_commands().empty());
    login_.see_supplicant({}, now_);
    EXPECT_EQ(login_.take_commands(), Commands{PortCommand::log_in});
}

TEST_F(PortLoginTest, AnOpenPortOutlivesItsSupplicantForAWhile) {
    begin_open();
    login_.miss_supplicant("gone", now_);
    EXPECT_TRUE(login_.has_network());
    EXPECT_EQ(login_.reason(), "gone");
    pass(moment);
    login_.see_supplicant({}, now_);
    EXPECT_EQ(login_.take_commands(), Commands{PortCommand::log_in});
    EXPECT_TRUE(login_.has_network());
    hear(Kind::network_added);
    hear(Kind::success);
    EXPECT_EQ(login_.openings(), 1U);

    login_.miss_supplicant("gone", now_);
    pass(login_limit - moment);
    login_.miss_supplicant("not found", now_);
    EXPECT_TRUE(login_.has_network());
    pass(moment);
    EXPECT_FALSE(login_.has_network());
    EXPECT_TRUE(login_.take_commands().empty());
    pass_until_deadline();
    EXPECT_EQ(login_.state(), PortState::no_supplicant);
    EXPECT_FALSE(login_.deadline());
}

TEST_F(PortLoginTest, WithoutALinkTheSupplicantsEndIsNoNews) {
    login_ = PortLogin(PortMode::md5, random_);
    login_.miss_supplicant("gone", now_);
    EXPECT_EQ(login_.state(), PortState::no_link);
}

TEST_F(PortLoginTest, AnOpenPortIsAskedInTheBackground) {
    begin_open();
    login_.ask(now_);
    EXPECT_EQ(login_.take_commands(), Commands{PortCommand::reauthenticate});
    EXPECT_TRUE(login_.has_network());
    login_.ask(now_);
    EXPECT_TRUE(login_.take_commands().empty()) << "one question at a time";
    hear(Kind::started);
    hear(Kind::success);
    EXPECT_FALSE(login_.deadline());
    login_.ask(now_);
    login_.take_commands();
    pass(login_limit);
    expect_closed(EventCode::eap_md5_failed, "did not answer");
}

TEST_F(PortLoginTest, AQuestionOpensNothingThatIsClosed) {
    begin_open();
    login_.question(now_);
    EXPECT_EQ(login_.take_commands(), Commands{PortCommand::reauthenticate});
    hear(Kind::failure);
    login_.take_commands();
    login_.question(now_);
    EXPECT_TRUE(login_.take_commands().empty());
    EXPECT_EQ(login_.state(), PortState::closed);
}

TEST_F(PortLoginTest, AClosedPortIsAskedAtOnce) {
    begin();
    hear(Kind::failure);
    login_.take_commands();
    login_.ask(now_);
    EXPECT_EQ(login_.take_commands(), Commands{PortCommand::log_in});
    login_.ask(now_);
    EXPECT_TRUE(login_.take_commands().empty()) << "a login is under way";
}

TEST_F(PortLoginTest, ALoginWithoutAClockIsMadeAgainWithOne) {
    begin(PortMode::tls, {false, {}});
    hear(Kind::success);
    EXPECT_FALSE(login_.is_time_checked());
    EXPECT_NE(login_.reason().find("judged later"), std::string::npos);
    login_.ask_anew(now_);
    EXPECT_EQ(login_.take_commands(), Commands{PortCommand::log_in});
    EXPECT_TRUE(login_.has_network());
    login_.begun({true, {}});
    hear(Kind::network_added);
    hear(Kind::certificate_fault, "certificate has expired", 4);
    hear(Kind::failure);
    EXPECT_TRUE(login_.is_time_checked());
    expect_closed(EventCode::eap_tls_failed, "certificate has expired");
}

TEST_F(PortLoginTest, AServerThatWasMetWithoutAClockIsJudgedLater) {
    const std::vector<std::string> chain = {"leaf", "authority"};
    const auto meet = [&] {
        begin(PortMode::tls, {false, {}});
        hear(Kind::started);
        hear(Kind::certificate, "beyond", 0, longest_server_chain);
        hear(Kind::certificate, "authority", 0, 1);
        hear(Kind::certificate, "leaf");
        hear(Kind::success);
        EXPECT_EQ(login_.server_chain(), chain);
        EXPECT_FALSE(login_.is_time_checked());
    };
    meet();
    login_.judge_server({"another"}, fail(FaultCode::expired, "it expired"), now_);
    EXPECT_TRUE(login_.has_network());
    login_.judge_server(chain, {}, now_);
    EXPECT_TRUE(login_.is_time_checked());
    // A session that is resumed shows nothing; another server is judged anew.
    hear(Kind::started);
    hear(Kind::success);
    EXPECT_TRUE(login_.is_time_checked());
    hear(Kind::started);
    hear(Kind::certificate, "other");
    hear(Kind::success);
    EXPECT_FALSE(login_.is_time_checked());
    EXPECT_EQ(login_.server_chain(), std::vector<std::string>{"other"});

    meet();
    login_.judge_server(chain, fail(FaultCode::expired, "it expired"), now_);
    expect_closed(EventCode::eap_tls_failed, "not accepted: it expired");
    EXPECT_TRUE(login_.server_chain().empty());
    login_.judge_server(chain, {}, now_);
    EXPECT_EQ(login_.state(), PortState::closed);
}

TEST_F(PortLoginTest, ARevokedServerIsRefusedThoughTheSupplicantTookIt) {
    begin(PortMode::peap);
    hear(Kind::started);
    hear(Kind::certificate, "leaf");
    hear(Kind::success);
    EXPECT_TRUE(login_.is_time_checked());
    login_.judge_server({"leaf"}, {}, now_);
    EXPECT_TRUE(login_.has_network());
    // Its revocation came later.
    login_.judge_server({"leaf"}, fail(FaultCode::untrusted, "it is revoked"), now_);
    expect_closed(EventCode::eap_peap_failed, "not accepted: it is revoked");
    const auto meet_again = [&](std::string certificate) {
        login_.take_commands();
        pass_until_deadline();
        hear(Kind::network_added);
        hear(Kind::started);
        hear(Kind::certificate, std::move(certificate));
        hear(Kind::success);
    };
    const unsigned openings = login_.openings();
    meet_again("leaf");
    EXPECT_EQ(login_.state(), PortState::closed);
    EXPECT_EQ(login_.take_commands().back(), PortCommand::leave);
    EXPECT_EQ(login_.openings(), openings) << "not for a moment";
    meet_again("another");
    EXPECT_EQ(login_.state(), PortState::open);
}

TEST_F(PortLoginTest, AServerThatWasRefusedIsJudgedAgainWhenAPersonAsks) {
    begin(PortMode::peap);
    hear(Kind::certificate, "leaf");
    hear(Kind::success);
    login_.judge_server({"leaf"}, fail(FaultCode::untrusted, "it is revoked"), now_);
    login_.ask(now_);
    hear(Kind::network_added);
    hear(Kind::certificate, "leaf");
    hear(Kind::success);
    EXPECT_EQ(login_.state(), PortState::open);
}

TEST(PortState, HasAName) {
    for (const auto state : {PortState::unguarded, PortState::no_link, PortState::no_supplicant, PortState::logging_in,
                             PortState::open, PortState::closed})
        EXPECT_EQ(parse_port_state(to_string(state)), state);
    EXPECT_FALSE(parse_port_state("ajar"));
}

}  // namespace
}  // namespace ringfence::phone
