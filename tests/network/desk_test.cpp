// The desk on a real registry.
#include "network/desk.h"

#include <gtest/gtest.h>

#include "tests/registry/installation.h"

namespace ringfence::network {

namespace {

using registry::DeviceState;
using registry::EventKind;
using registry::first_of_may;

class Events final : public registry::EventSink {
public:
    void record(registry::Event event) override { all.push_back(std::move(event)); }
    std::vector<registry::Event> all;
};

// Counts what is asked, by name.
class CountingLookup final : public registry::NetworkLookup {
public:
    explicit CountingLookup(registry::NetworkLookup& behind) : behind_(behind) {}
    std::vector<std::string> asked;

    void begin_snapshot() override { behind_.begin_snapshot(); }
    void end_snapshot() override { behind_.end_snapshot(); }
    Result<std::shared_ptr<const registry::Catalogue>> catalogue() override {
        asked.emplace_back("catalogue");
        return behind_.catalogue();
    }
    Result<std::optional<registry::Device>> find_device(const MacAddress& mac) override {
        asked.emplace_back("device");
        return behind_.find_device(mac);
    }
    Result<bool> may_enter_window(std::int64_t window, const registry::WindowVisitor& visitor) override {
        asked.emplace_back("window");
        return behind_.may_enter_window(window, visitor);
    }
    Status note_state(const MacAddress& mac, DeviceState state) override { return behind_.note_state(mac, state); }
    Result<std::optional<registry::NetworkLogin>> find_network_login(std::string_view identity) override {
        asked.emplace_back("login");
        return behind_.find_network_login(identity);
    }
    Result<std::optional<registry::NetworkLogin>> find_network_login_of(const MacAddress& mac) override {
        return behind_.find_network_login_of(mac);
    }
    Result<std::vector<registry::CertificateRecord>> valid_certificates_of(const MacAddress& mac,
                                                                           WallTime now) override {
        asked.emplace_back("certificates");
        return behind_.valid_certificates_of(mac, now);
    }
    Result<std::vector<registry::DevicePort>> ports_of(const MacAddress& mac) override { return behind_.ports_of(mac); }
    Result<registry::NotedPort> note_port(registry::DevicePort port, WallTime now) override {
        return behind_.note_port(std::move(port), now);
    }
    Result<bool> is_noted(registry::DevicePort port, WallTime now) override {
        return behind_.is_noted(std::move(port), now);
    }
    Result<registry::JournalPage> read_journal(std::int64_t after, std::size_t limit) override {
        return behind_.read_journal(after, limit);
    }
    Result<std::vector<MacAddress>> devices_let_in_since(WallTime since, const std::optional<MacAddress>& after,
                                                         std::size_t limit) override {
        return behind_.devices_let_in_since(since, after, limit);
    }

private:
    registry::NetworkLookup& behind_;
};

class DeskTest : public testing::Test {
protected:
    DeskTest() {
        EXPECT_TRUE(registry_.add_device({.mac = mac_, .model = "1230"}));
        registry::NetworkLogin login{.identity = "desk", .device = mac_};
        login.password = Secret("secret");
        EXPECT_TRUE(registry_.store_network_login(login));
        registry::Window window;
        window.closes = first_of_may + std::chrono::hours(8);
        window.networks = {*Network::parse("192.0.2.0/24")};
        window.devices = {mac_};
        EXPECT_TRUE(registry_.open_window(window));
    }

    Query ask(const std::string& port = "1") const {
        Query out{.claim = {.identity = "desk", .hardware = mac_}};
        out.place.switch_address = *IpAddress::parse("192.0.2.5");
        out.place.port = port;
        return out;
    }

    std::vector<std::string> outcomes() const {
        std::vector<std::string> out;
        for (const auto& event : events_.all) out.push_back(event.outcome);
        return out;
    }

    registry::Installation installation_;
    registry::Registry& registry_ = *installation_.registry;
    MacAddress mac_ = registry::mac_number(1);
    Events events_;
    CountingLookup lookup_{registry_};
    RegistryDesk desk_{lookup_, events_, installation_.clock};
};

TEST_F(DeskTest, UnknownAndForbiddenCostTheSame) {
    const auto look_ups_for = [&](const std::string& identity) {
        lookup_.asked.clear();
        Query query = ask();
        query.claim.identity = identity;
        EXPECT_EQ(desk_.credential(query).error().code, FaultCode::forbidden) << identity;
        return lookup_.asked;
    };
    const auto nobody = look_ups_for("nobody");
    EXPECT_TRUE(registry_.set_disabled(mac_, registry::Registry::Service::disabled));
    EXPECT_EQ(nobody.front(), "login");
    EXPECT_EQ(look_ups_for("00247F999999"), nobody);
    auto disabled = look_ups_for("desk");
    // The window is for this device alone, so whether it has room is asked for it only.
    disabled.erase(std::remove(disabled.begin(), disabled.end(), "window"), disabled.end());
    EXPECT_EQ(disabled, nobody);
}

TEST_F(DeskTest, WhatIsNewsIsToldOnceAndThenComesWithThePassword) {
    EXPECT_FALSE(desk_.credential(ask())->admission);
    const auto admission = desk_.admit(ask());
    ASSERT_TRUE(admission);
    EXPECT_EQ(admission->segment, trust::Segment::onboarding);
    EXPECT_EQ(outcomes(), std::vector<std::string>{"admitted"});
    EXPECT_EQ(desk_.credential(ask())->admission, *admission);
    EXPECT_TRUE(desk_.admit(ask()));
    EXPECT_EQ(events_.all.size(), 1U);
    EXPECT_FALSE(desk_.credential(ask("2"))->admission);
    installation_.clock.advance(registry::port_note_interval);
    EXPECT_FALSE(desk_.credential(ask())->admission);
    EXPECT_TRUE(desk_.admit(ask()));
    EXPECT_EQ(outcomes(), (std::vector<std::string>{"admitted", "admitted"}));
}

TEST_F(DeskTest, MovesAndTwoPortsAreTold) {
    for (const char* port : {"1", "2", "1"}) {
        EXPECT_TRUE(desk_.admit(ask(port)));
        installation_.clock.advance(std::chrono::minutes(1));
    }
    EXPECT_EQ(outcomes(), (std::vector<std::string>{"admitted", "admitted", "moved", "admitted", "two-ports"}));
    EXPECT_EQ(events_.all.back().kind, EventKind::alarm);
}

TEST_F(DeskTest, ACertificateMakesItActive) {
    auto certificate = registry::certificate_of(mac_, 'a');
    ASSERT_TRUE(registry_.add_certificate(certificate));
    Query query = ask();
    query.claim.certificate = certificate.serial;
    const auto admission = desk_.admit(query);
    ASSERT_TRUE(admission) << admission.error().message;
    EXPECT_EQ(admission->segment, trust::Segment::production);
    EXPECT_EQ((*registry_.find_device(mac_))->state, DeviceState::active);
    ASSERT_TRUE(registry_.revoke_certificates_of(mac_));
    EXPECT_EQ(desk_.admit(query).error().code, FaultCode::forbidden);
}

TEST_F(DeskTest, RefusalsFillNoLog) {
    Query nobody = ask();
    nobody.claim.identity = "nobody";
    for (int i = 0; i < 1'000; ++i) desk_.note_refused(nobody);
    EXPECT_EQ(events_.all.size(), RegistryDesk::refusals.burst);
    // Nor do those of nobody hide a device's.
    desk_.note_refused(ask());
    EXPECT_EQ(events_.all.back().device, mac_);
    installation_.clock.advance(RegistryDesk::refusals.refill);
    desk_.note_refused(nobody);
    EXPECT_NE(events_.all.back().detail.find("940 more"), std::string::npos) << events_.all.back().detail;
}

TEST_F(DeskTest, OtherHardwareIsAnAlarm) {
    Query query = ask();
    query.claim.hardware = registry::mac_number(2);
    EXPECT_EQ(desk_.credential(query).error().code, FaultCode::forbidden);
    desk_.note_refused(query);
    ASSERT_EQ(events_.all.size(), 1U);
    EXPECT_EQ(events_.all[0].kind, EventKind::alarm);
    EXPECT_EQ(events_.all[0].outcome, "other-hardware");
}

}  // namespace

}  // namespace ringfence::network
