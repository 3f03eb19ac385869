#include "network/port_keeper.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/network/little_switch.h"
#include "tests/registry/installation.h"

namespace ringfence::network {
namespace {

using protocol::RadiusAttribute;
using protocol::RadiusCode;
using registry::DevicePort;
using registry::PortChange;
using trust::NetworkProof;
using trust::Segment;

const Secret secret("between switch and server");
constexpr Duration patience = std::chrono::seconds(5);

struct Events final : registry::EventSink {
    void record(registry::Event event) override { all.push_back(std::move(event)); }
    std::size_t count(std::string_view outcome) const {
        return static_cast<std::size_t>(std::count_if(
            all.begin(), all.end(), [&](const registry::Event& event) { return event.outcome == outcome; }));
    }
    std::vector<registry::Event> all;
};

class PortKeeperTest : public testing::Test {
protected:
    PortKeeperTest() { set_change(PortChange::disconnect); }

    void set_change(PortChange change) {
        static_cast<void>(registry_.remove_switch("floor-1"));
        ASSERT_TRUE(registry_.add_switch({.name = "floor-1",
                                          .network = Network::parse("127.0.0.1").value(),
                                          .secret = secret,
                                          .change = change,
                                          .port = switch_.port()}));
    }

    void open_window() {
        registry::Window window;
        window.closes = clock_.wall_now() + std::chrono::hours(1);
        window.networks = {Network::parse("192.0.2.0/24").value()};
        window_ = registry_.open_window(window).value().id;
    }

    MacAddress add_device(std::uint64_t number) {
        const MacAddress mac = registry::mac_number(number);
        EXPECT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}));
        EXPECT_TRUE(registry_.store_network_login(
            {.identity = mac.bare_lower(), .device = mac, .password = Secret("known to both")}));
        return mac;
    }

    void let_in(const MacAddress& mac, Segment segment, const std::string& port = "7") {
        DevicePort noted{.device = mac, .switch_address = LittleSwitch::address(), .port = port};
        noted.hardware = mac.colons();
        noted.identity = mac.bare_lower();
        noted.segment = segment;
        ASSERT_TRUE(registry_.note_port(noted, clock_.wall_now()));
    }

    void prove(const MacAddress& mac) {
        ASSERT_TRUE(registry_.note_proved(mac, trust::Wire::https, clock_.wall_now()));
    }

    // Until a request waits at the switch; empty when the keeper wants nothing within a while of its own time.
    std::optional<protocol::RadiusPacket> next_request(Duration while_ = PortKeeper::grace * 2) {
        const SteadyTime end = clock_.steady_now() + while_;
        while (clock_.steady_now() < end) {
            step();
            if (auto request = switch_.take()) return request;
        }
        // What was sent last may still be on its way, on a loaded machine.
        if (!wire_.is_idle()) static_cast<void>(switch_.has_request(patience));
        return switch_.take();
    }

    void step() {
        ASSERT_TRUE(keeper_.step(Duration(1)));
        clock_.advance(PortKeeper::pace);
    }

    // Until the keeper knows.
    void answer(RadiusCode code, std::optional<std::uint32_t> cause = std::nullopt) {
        const std::size_t before = wire_.in_flight_to(LittleSwitch::address());
        switch_.answer(code, cause);
        for (int i = 0; i < 500; ++i) {
            ASSERT_TRUE(keeper_.step(Duration(10)));
            const bool is_asked_again = switch_.has_request(Duration::zero());
            if (wire_.in_flight_to(LittleSwitch::address()) < before || is_asked_again) return;
        }
        FAIL() << "the answer was not taken";
    }

    registry::Installation installation_;
    registry::Registry& registry_ = *installation_.registry;
    ManualClock& clock_ = installation_.clock;
    SeededRandom random_{1};
    Events events_;
    LittleSwitch switch_{secret};
    SwitchWire wire_ = SwitchWire::open(clock_, random_).value();
    PortKeeper keeper_{registry_, events_, wire_, clock_, {.terms = {.onboarding = "stage", .production = "phones"}}};
    std::int64_t window_ = 0;
};

TEST_F(PortKeeperTest, AFirstProvenFetchBringsADeviceIntoProduction) {
    open_window();
    const auto mac = add_device(1);
    let_in(mac, Segment::onboarding);
    EXPECT_FALSE(next_request());
    prove(mac);
    const auto request = next_request();
    ASSERT_TRUE(request);
    EXPECT_EQ(request->code, RadiusCode::disconnect_request);
    EXPECT_EQ(request->find(RadiusAttribute::calling_station_id), mac.colons());
    answer(RadiusCode::disconnect_ack);
    EXPECT_EQ(events_.count("port-changed"), 1U);
    EXPECT_FALSE(next_request()) << "asked twice";
    clock_.advance(registry::port_note_interval);
    let_in(mac, Segment::production);
    EXPECT_FALSE(next_request());
    ASSERT_EQ(registry_.ports_of(mac).value().size(), 1U);
}

TEST_F(PortKeeperTest, WhatItIsJustFetchingGetsThrough) {
    open_window();
    const auto mac = add_device(1);
    let_in(mac, Segment::onboarding);
    prove(mac);
    EXPECT_FALSE(next_request(PortKeeper::grace - PortKeeper::pace * 2));
    EXPECT_TRUE(next_request(PortKeeper::pace * 4));
}

TEST_F(PortKeeperTest, CoaMovesTheDeviceAndTheNoteWithIt) {
    set_change(PortChange::coa);
    open_window();
    const auto mac = add_device(1);
    let_in(mac, Segment::onboarding);
    prove(mac);
    const auto request = next_request();
    ASSERT_TRUE(request);
    EXPECT_EQ(request->code, RadiusCode::coa_request);
    EXPECT_EQ(request->find(RadiusAttribute::tunnel_private_group_id), "phones");
    answer(RadiusCode::coa_ack);
    EXPECT_EQ(registry_.ports_of(mac).value().front().segment, Segment::production);
    EXPECT_FALSE(next_request());
}

TEST_F(PortKeeperTest, WhoeverLosesTheRightIsPutOutAtOnce) {
    const auto disabled = add_device(1);
    const auto removed = add_device(2);
    const auto retired = add_device(3);
    for (const auto& mac : {disabled, removed, retired}) {
        prove(mac);
        let_in(mac, Segment::production, mac.bare_lower());
    }
    ASSERT_FALSE(next_request());
    ASSERT_TRUE(registry_.set_disabled(disabled, registry::Registry::Service::disabled));
    ASSERT_TRUE(registry_.remove_device(removed));
    ASSERT_TRUE(registry_.note_state(retired, registry::DeviceState::retired));
    std::set<std::string> out;
    for (int i = 0; i < 3; ++i) {
        const auto request = next_request(PortKeeper::grace / 2);
        ASSERT_TRUE(request) << i;
        EXPECT_EQ(request->code, RadiusCode::disconnect_request);
        out.emplace(request->find(RadiusAttribute::user_name).value());
        answer(RadiusCode::disconnect_ack);
    }
    EXPECT_EQ(out.size(), 3U);
    for (const auto& mac : {disabled, removed, retired}) EXPECT_TRUE(registry_.ports_of(mac).value().empty());
    EXPECT_FALSE(next_request());
}

TEST_F(PortKeeperTest, ARevokedCertificatePutsOutUnlessAnotherIsLeft) {
    const auto mac = add_device(1);
    ASSERT_TRUE(registry_.add_certificate(registry::certificate_of(mac, 'a')));
    ASSERT_TRUE(registry_.add_certificate(registry::certificate_of(mac, 'b')));
    DevicePort port{.device = mac, .switch_address = LittleSwitch::address(), .port = "7"};
    port.identity = mac.bare_lower();
    port.proof = NetworkProof::certificate;
    port.segment = Segment::production;
    ASSERT_TRUE(registry_.note_port(port, clock_.wall_now()));
    ASSERT_TRUE(registry_.revoke_certificate_at(std::string(64, 'a'), registry::RevocationReason::key_compromise));
    EXPECT_FALSE(next_request());
    ASSERT_TRUE(registry_.revoke_certificate_at(std::string(64, 'b'), registry::RevocationReason::key_compromise));
    EXPECT_TRUE(next_request());
}

TEST_F(PortKeeperTest, AWindowThatClosesPutsOutWhomItLetIn) {
    open_window();
    const auto by_hand = add_device(1);
    let_in(by_hand, Segment::onboarding);
    ASSERT_FALSE(next_request());
    ASSERT_TRUE(registry_.close_window(window_));
    ASSERT_TRUE(next_request());
    answer(RadiusCode::disconnect_ack);
    open_window();
    let_in(by_hand, Segment::onboarding);
    ASSERT_FALSE(next_request());
    clock_.advance(std::chrono::hours(1));  // it closes by itself
    EXPECT_TRUE(next_request());
}

TEST_F(PortKeeperTest, BeginsWithThePortsThatWereNotedBefore) {
    const auto mac = add_device(1);
    let_in(mac, Segment::production);
    EXPECT_TRUE(next_request()) << "it never proved itself and no window is open";
}

TEST_F(PortKeeperTest, ARequestThatNamedTooMuchIsMadeBare) {
    const auto mac = add_device(1);
    let_in(mac, Segment::production);
    ASSERT_TRUE(next_request()->find(RadiusAttribute::nas_port_id));
    answer(RadiusCode::disconnect_nak, 401);
    const auto bare = switch_.take();
    ASSERT_TRUE(bare);
    EXPECT_FALSE(bare->find(RadiusAttribute::nas_port_id));
    answer(RadiusCode::disconnect_ack);
    EXPECT_EQ(events_.count("port-changed"), 1U);
    EXPECT_EQ(events_.count("port-change-refused"), 0U);
}

TEST_F(PortKeeperTest, ARefusalIsToldAndNotRepeated) {
    const auto mac = add_device(1);
    let_in(mac, Segment::production);
    ASSERT_TRUE(next_request());
    answer(RadiusCode::disconnect_nak, 501);
    ASSERT_EQ(events_.count("port-change-refused"), 1U);
    EXPECT_NE(events_.all.front().detail.find("501, administratively prohibited"), std::string::npos);
    EXPECT_FALSE(next_request(std::chrono::minutes(1)));
    EXPECT_FALSE(registry_.ports_of(mac).value().empty());
}

TEST_F(PortKeeperTest, ASwitchThatHasNoRoomIsAskedAgainAFewTimes) {
    let_in(add_device(1), Segment::production);
    ASSERT_TRUE(next_request());
    for (int times = 1; times < PortKeeper::max_times; ++times) {
        answer(RadiusCode::disconnect_nak, 506);
        EXPECT_FALSE(next_request(PortKeeper::first_pause / 2));
        ASSERT_TRUE(next_request(PortKeeper::first_pause)) << times;
    }
    EXPECT_EQ(events_.count("port-change-refused"), 0U);
    answer(RadiusCode::disconnect_nak, 506);
    EXPECT_EQ(events_.count("port-change-refused"), 1U);
    EXPECT_FALSE(next_request(PortKeeper::first_pause * 2));
}

TEST_F(PortKeeperTest, ASwitchThatNobodyAddedIsToldAndAskedOnceItIs) {
    static_cast<void>(registry_.remove_switch("floor-1"));
    let_in(add_device(1), Segment::production);
    EXPECT_FALSE(next_request());
    EXPECT_EQ(events_.count("port-change-impossible"), 1U);
    set_change(PortChange::disconnect);
    EXPECT_TRUE(next_request(PortKeeper::first_pause * 2));
}

TEST_F(PortKeeperTest, ASessionThatIsGoneIsForgotten) {
    const auto mac = add_device(1);
    let_in(mac, Segment::production);
    ASSERT_TRUE(next_request());
    answer(RadiusCode::disconnect_nak, 503);
    EXPECT_TRUE(registry_.ports_of(mac).value().empty());
}

TEST_F(PortKeeperTest, ADeviceThatComesBackWithItsOldRightIsNotDrivenRoundForEver) {
    open_window();
    const auto mac = add_device(1);
    let_in(mac, Segment::onboarding);
    prove(mac);
    int asked = 0;
    for (int i = 0; i < 10; ++i) {
        if (next_request()) {
            ++asked;
            answer(RadiusCode::disconnect_ack);
        }
        clock_.advance(registry::port_note_interval);
        let_in(mac, Segment::onboarding);
    }
    EXPECT_EQ(asked, PortKeeper::max_times);
}

TEST_F(PortKeeperTest, ASilentSwitchIsAskedAgainLaterAndLater) {
    const auto mac = add_device(1);
    let_in(mac, Segment::production);
    ASSERT_TRUE(next_request());
    const std::string first = switch_.bytes();
    for (int i = 1; i < SwitchWire::max_sends; ++i) {
        ASSERT_TRUE(next_request(std::chrono::seconds(10))) << i;
        EXPECT_EQ(switch_.bytes(), first) << "a repetition must look like one (RFC 5176 section 2.3)";
    }
    EXPECT_EQ(events_.count("port-change-unanswered"), 0U);
    EXPECT_FALSE(next_request(std::chrono::seconds(15)));
    EXPECT_EQ(events_.count("port-change-unanswered"), 1U);
    ASSERT_TRUE(next_request(PortKeeper::first_pause));
    EXPECT_NE(switch_.bytes(), first);
    answer(RadiusCode::disconnect_ack);
    EXPECT_EQ(events_.count("port-changed"), 1U);
}

TEST_F(PortKeeperTest, ManyPhonesOfASilentSwitchAreOneEventAMinute) {
    for (std::uint64_t number = 0; number < 20; ++number) let_in(add_device(number), Segment::production);
    const SteadyTime end = clock_.steady_now() + std::chrono::minutes(10);
    std::size_t most = 0;
    while (clock_.steady_now() < end) {
        ASSERT_TRUE(keeper_.step(Duration::zero()));
        most = std::max(most, wire_.in_flight_to(LittleSwitch::address()));
        clock_.advance(std::chrono::milliseconds(100));
    }
    EXPECT_EQ(most, PortKeeper::max_in_flight_per_switch);
    EXPECT_GE(events_.count("port-change-unanswered"), 2U);
    EXPECT_LE(events_.count("port-change-unanswered"), 10U);
}

TEST_F(PortKeeperTest, AnAnswerWithoutTheSecretIsNone) {
    const auto mac = add_device(1);
    let_in(mac, Segment::production);
    ASSERT_TRUE(next_request());
    switch_.answer_with(Secret("another"), RadiusCode::disconnect_ack);
    step();
    EXPECT_TRUE(events_.all.empty());
    answer(RadiusCode::disconnect_ack);
    EXPECT_EQ(events_.count("port-changed"), 1U);
}

TEST_F(PortKeeperTest, ASwitchThatTakesNoRequestsIsLeftAlone) {
    set_change(PortChange::none);
    let_in(add_device(1), Segment::production);
    EXPECT_FALSE(next_request());
}

TEST_F(PortKeeperTest, ThePortThatADeviceLeftIsNotAskedToChange) {
    open_window();
    const auto mac = add_device(1);
    let_in(mac, Segment::onboarding, "7");
    clock_.advance(std::chrono::minutes(1));
    prove(mac);
    let_in(mac, Segment::production, "8");
    EXPECT_FALSE(next_request());
}

TEST_F(PortKeeperTest, ManyAreChangedOneAfterTheOther) {
    open_window();
    constexpr std::uint64_t count = 510;  // more than one page of a sweep
    for (std::uint64_t number = 0; number < count; ++number)
        let_in(add_device(number), Segment::onboarding, std::to_string(number));
    ASSERT_TRUE(registry_.close_window(window_));
    std::set<std::string> out;
    const SteadyTime begun = clock_.steady_now();
    while (const auto request = next_request()) {
        out.emplace(request->find(RadiusAttribute::user_name).value());
        answer(RadiusCode::disconnect_ack);
    }
    EXPECT_EQ(out.size(), count);
    EXPECT_GE(clock_.steady_now() - begun, count * PortKeeper::pace);
    EXPECT_EQ(events_.count("port-changed"), count);
}

}  // namespace
}  // namespace ringfence::network
