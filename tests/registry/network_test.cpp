// What the registry remembers for the network door.
#include "registry/network.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/registry/installation.h"

namespace ringfence::registry {

namespace {

using NetworkRegistry = RegistryTest;

std::string all_bytes(const std::string& directory) {
    std::ostringstream out;
    for (const char* name : {"/registry.db", "/registry.db-wal"}) out << std::ifstream(directory + name).rdbuf();
    return out.str();
}

NetworkLogin login(const MacAddress& mac, const std::string& identity) {
    NetworkLogin out{.identity = identity, .device = mac};
    out.password = Secret("canary-eap-password");
    return out;
}

DevicePort port_at(const MacAddress& mac, const std::string& port) {
    return {.device = mac, .switch_address = *IpAddress::parse("192.0.2.5"), .port = port, .hardware = "00-24"};
}

Switch a_switch(const std::string& name, const std::string& network) {
    Switch out{.name = name, .network = *Network::parse(network)};
    out.secret = Secret("canary-switch-secret");
    return out;
}

TEST_F(NetworkRegistry, LoginsAreOnePerDeviceAndOneOwnerEach) {
    ASSERT_TRUE(registry_.add_device({.mac = mac_number(1), .model = "1230"}));
    ASSERT_TRUE(registry_.add_device({.mac = mac_number(2), .model = "1230"}));
    ASSERT_TRUE(registry_.store_network_login(login(mac_number(1), "a")));
    EXPECT_EQ(registry_.store_network_login(login(mac_number(2), "a")).error().code, FaultCode::conflict);
    EXPECT_EQ(registry_.store_network_login(login(mac_number(3), "c")).error().code, FaultCode::not_found);
    ASSERT_TRUE(registry_.store_network_login(login(mac_number(1), "b")));
    EXPECT_FALSE(*registry_.find_network_login("a"));
    const auto found = registry_.find_network_login("b");
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->password, Secret("canary-eap-password"));
    EXPECT_EQ((*found)->device, mac_number(1));
    ASSERT_TRUE(registry_.remove_network_login(mac_number(1)));
    EXPECT_EQ(registry_.remove_network_login(mac_number(1)).error().code, FaultCode::not_found);
    EXPECT_FALSE(*registry_.find_network_login_of(mac_number(1)));
}

TEST_F(NetworkRegistry, NoLoginShutsAnotherDeviceOut) {
    const MacAddress mine = mac_number(1);
    const MacAddress other = mac_number(2);
    for (const auto& mac : {mine, other}) ASSERT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}));
    for (const auto& identity : {other.colons(), other.bare_lower(), other.bare_upper()})
        EXPECT_EQ(registry_.store_network_login(login(mine, identity)).error().code, FaultCode::conflict) << identity;
    EXPECT_EQ(registry_.store_network_login(login(mine, "anonymous")).error().code, FaultCode::malformed);
    EXPECT_TRUE(registry_.store_network_login(login(mine, mine.colons())));
}

TEST_F(NetworkRegistry, SecretsAreSealedAtRest) {
    ASSERT_TRUE(registry_.add_device({.mac = mac_number(1), .model = "1230"}));
    ASSERT_TRUE(registry_.store_network_login(login(mac_number(1), "canary-identity")));
    ASSERT_TRUE(registry_.add_switch(a_switch("attic", "192.0.2.0/28")));
    const auto password = registry_.lookup_password(installation_.random);
    ASSERT_TRUE(password);
    EXPECT_EQ(password->reveal().size(), 32U);
    const std::string bytes = all_bytes(installation_.directory());
    EXPECT_NE(bytes.find("canary-identity"), std::string::npos);  // it would be found
    EXPECT_EQ(bytes.find("canary-eap-password"), std::string::npos);
    EXPECT_EQ(bytes.find("canary-switch-secret"), std::string::npos);
    EXPECT_EQ(bytes.find(password->reveal()), std::string::npos);
    EXPECT_EQ(*installation_.open()->lookup_password(installation_.random), *password);
}

TEST_F(NetworkRegistry, SwitchesAreFoundByTheLongestPrefix) {
    ASSERT_TRUE(registry_.add_switch(a_switch("all", "192.0.2.0/24")));
    ASSERT_TRUE(registry_.add_switch(a_switch("one", "192.0.2.5")));
    EXPECT_EQ(registry_.add_switch(a_switch("one", "192.0.2.6")).error().code, FaultCode::conflict);
    EXPECT_EQ(registry_.add_switch(a_switch("two", "192.0.2.5")).error().code, FaultCode::conflict);
    EXPECT_EQ((*registry_.find_switch(*IpAddress::parse("192.0.2.5")))->name, "one");
    EXPECT_EQ((*registry_.find_switch(*IpAddress::parse("192.0.2.6")))->name, "all");
    EXPECT_FALSE(*registry_.find_switch(*IpAddress::parse("198.51.100.1")));
    ASSERT_TRUE(registry_.remove_switch("one"));
    EXPECT_EQ(registry_.remove_switch("one").error().code, FaultCode::not_found);
}

TEST_F(NetworkRegistry, APortIsNotedWhenThatIsNews) {
    const WallTime now = first_of_may;
    const DevicePort port = port_at(mac_number(1), "1");
    EXPECT_FALSE(*registry_.is_noted(port, now));
    EXPECT_TRUE(registry_.note_port(port, now)->is_new);
    EXPECT_TRUE(*registry_.is_noted(port, now));
    EXPECT_FALSE(registry_.note_port(port, now)->is_new);
    EXPECT_FALSE(*registry_.is_noted(port, now + port_note_interval));
    DevicePort in_production = port;
    in_production.segment = trust::Segment::production;
    EXPECT_TRUE(registry_.note_port(in_production, now)->is_new);
    EXPECT_EQ(registry_.ports_of(mac_number(1))->size(), 1U);
}

TEST_F(NetworkRegistry, MovesAreToldFromTurns) {
    const WallTime now = first_of_may;
    const auto note = [&](const std::string& port, WallTime at) {
        return registry_.note_port(port_at(mac_number(1), port), at).value();
    };
    EXPECT_EQ(note("1", now).move, Move::none);
    EXPECT_EQ(note("2", now + std::chrono::seconds(30)).move, Move::other_port);
    const NotedPort back = note("1", now + std::chrono::minutes(1));
    EXPECT_EQ(back.move, Move::two_ports);
    EXPECT_EQ(back.before->port, "2");
    EXPECT_EQ(note("2", now + two_ports_time + std::chrono::minutes(5)).move, Move::other_port);
    for (int i = 3; i < 10; ++i) note(std::to_string(i), now + std::chrono::hours(i));
    const auto ports = registry_.ports_of(mac_number(1));
    ASSERT_EQ(ports->size(), max_ports);
    EXPECT_EQ(ports->front().port, "9");
    ASSERT_TRUE(registry_.forget_port(ports->front()));
    EXPECT_EQ(registry_.ports_of(mac_number(1))->front().port, "8");
}

// Who follows the journal misses nothing that changes a device's standing.
TEST_F(NetworkRegistry, TheJournalTellsWhatChangesAStanding) {
    std::int64_t seen = registry_.read_journal(0, max_journal_page)->last;
    const auto told = [&] {
        const auto page = registry_.read_journal(seen, max_journal_page);
        EXPECT_TRUE(page->is_complete);
        std::vector<std::string> out;
        for (const auto& entry : page->entries) out.push_back(entry.device ? entry.device->bare_upper() : "all");
        seen = page->last;
        return out;
    };
    const MacAddress mac = mac_number(1);
    const std::vector<std::string> once{mac.bare_upper()};
    ASSERT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}));
    EXPECT_EQ(told(), once);
    ASSERT_TRUE(registry_.store_network_login(login(mac, "a")));
    EXPECT_EQ(told(), once);
    ASSERT_TRUE(registry_.set_disabled(mac, Registry::Service::disabled));
    EXPECT_EQ(told(), once);
    ASSERT_TRUE(registry_.set_disabled(mac, Registry::Service::enabled));
    EXPECT_EQ(told(), once);
    ASSERT_TRUE(registry_.add_certificate(certificate_of(mac, 'a')));
    EXPECT_FALSE(told().empty());
    ASSERT_TRUE(registry_.revoke_certificates_of(mac));
    EXPECT_FALSE(told().empty());
    ASSERT_TRUE(registry_.note_proved(mac, trust::Wire::https, first_of_may));
    EXPECT_EQ(told(), once);
    Window wanted;
    wanted.networks = {*Network::parse("192.0.2.0/24")};
    wanted.closes = first_of_may + std::chrono::hours(1);
    const auto window = registry_.open_window(wanted);
    ASSERT_TRUE(window);
    EXPECT_EQ(told(), std::vector<std::string>{"all"});
    ASSERT_TRUE(registry_.close_window(window->id));
    EXPECT_EQ(told(), std::vector<std::string>{"all"});
    ASSERT_TRUE(registry_.note_port(port_at(mac, "1"), first_of_may));
    EXPECT_EQ(told(), once);
    ASSERT_TRUE(registry_.remove_network_login(mac));
    EXPECT_EQ(told(), once);
    ASSERT_TRUE(registry_.remove_device(mac));
    EXPECT_FALSE(told().empty());
    EXPECT_EQ(*registry_.devices_let_in_since(first_of_may, {}, 10), std::vector<MacAddress>{mac});
    EXPECT_FALSE(registry_.read_journal(seen + 1, 1)->is_complete);
}

}  // namespace

}  // namespace ringfence::registry
