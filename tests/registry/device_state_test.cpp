// Serial, names and state of devices, and what an older registry becomes.
#include "registry/device_state.h"

#include <fstream>
#include <iterator>

#include "registry/schema.h"
#include "registry/sqlite.h"
#include "tests/registry/installation.h"

namespace ringfence::registry {
namespace {

DeviceState state_of(Registry& registry, const MacAddress& mac) { return registry.find_device(mac).value()->state; }

TEST_F(RegistryTest, a_device_keeps_serial_and_names_and_both_are_checked) {
    Device device{.mac = mac_number(1), .model = "1230"};
    device.serial = "15NT 4711";
    device.names = {"desk-1.example.net", "desk-1"};
    ASSERT_TRUE(registry_.add_device(device));
    EXPECT_EQ(registry_.find_device(device.mac).value()->serial, "15NT 4711");
    EXPECT_EQ(registry_.find_device(device.mac).value()->names, device.names);
    device.serial.clear();
    device.names.clear();
    ASSERT_TRUE(registry_.update_device(device));
    EXPECT_TRUE(registry_.find_device(device.mac).value()->serial.empty());
    EXPECT_TRUE(registry_.find_device(device.mac).value()->names.empty());

    for (const auto* name : {"two words", "", "*.example.net", "192.0.2.1", "a..b", "name\n"}) {
        device.names = {name};
        EXPECT_EQ(registry_.update_device(device).error().code, FaultCode::malformed) << name;
    }
    device.names.assign(max_device_names + 1, "desk");
    EXPECT_EQ(registry_.update_device(device).error().code, FaultCode::too_large);
    device.names.clear();
    for (const auto& serial : {std::string(65, 'x'), std::string("a\x01"), std::string("\xc3\xa9")}) {
        device.serial = serial;
        EXPECT_EQ(registry_.update_device(device).error().code, FaultCode::malformed) << serial;
    }
    device.mac = mac_number(2);
    EXPECT_EQ(registry_.add_device(device).error().code, FaultCode::malformed);
}

TEST_F(RegistryTest, a_device_takes_the_steps_of_the_table_and_no_others) {
    const std::vector<DeviceState> all = {DeviceState::expected, DeviceState::seen, DeviceState::enrolled,
                                          DeviceState::active, DeviceState::retired};
    std::uint64_t number = 0;
    for (const auto from : all) {
        for (const auto to : all) {
            const auto mac = mac_number(++number);
            ASSERT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}));
            const bool is_on_the_way =
                from != DeviceState::active || registry_.set_device_state(mac, DeviceState::enrolled).has_value();
            ASSERT_TRUE(is_on_the_way && (from == DeviceState::expected || registry_.set_device_state(mac, from)));
            const auto moved = registry_.set_device_state(mac, to);
            EXPECT_EQ(moved.has_value(), is_step({from, to})) << to_string(from) << " " << to_string(to);
            EXPECT_TRUE(moved || moved.error().code == FaultCode::conflict);
            EXPECT_EQ(state_of(registry_, mac), moved ? to : from);
        }
    }
    EXPECT_EQ(registry_.set_device_state(mac_number(0), DeviceState::seen).error().code, FaultCode::not_found);
}

TEST_F(RegistryTest, a_retired_device_loses_what_could_let_it_in_and_gets_nothing_new) {
    const auto mac = mac_number(1);
    ASSERT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}, login_of(mac, "present")));
    ASSERT_TRUE(registry_.store_next_login(login_of(mac, "next")));
    ASSERT_TRUE(registry_.add_certificate(certificate_of(mac, '1')));
    EnrolmentToken token{.reference = "T", .secret = Secret("s"), .device = mac};
    ASSERT_TRUE(registry_.add_token(token));
    OneTimeFile file{.path = "phone.p12", .device = mac};
    file.expires = first_of_may + std::chrono::hours(1);
    ASSERT_TRUE(registry_.put_one_time_file(file, "x"));
    ASSERT_TRUE(registry_.set_device_state(mac, DeviceState::retired));

    const auto certificate = registry_.find_certificate(std::string(64, '1')).value();
    EXPECT_EQ(certificate->revoked, first_of_may);
    EXPECT_EQ(certificate->reason, RevocationReason::cessation_of_operation);
    EXPECT_FALSE(registry_.find_login("next").value());
    EXPECT_FALSE(registry_.find_token("T").value());
    EXPECT_TRUE(registry_.find_one_time_file("phone.p12").value()->burned);

    token.reference = "U";
    EXPECT_EQ(registry_.add_certificate(certificate_of(mac, '2')).error().code, FaultCode::forbidden);
    EXPECT_EQ(registry_.add_token(token).error().code, FaultCode::forbidden);
    EXPECT_EQ(registry_.put_one_time_file(file, "x").error().code, FaultCode::forbidden);
    EXPECT_EQ(registry_.store_next_login(login_of(mac, "other")).error().code, FaultCode::forbidden);
    EXPECT_EQ(state_of(registry_, mac), DeviceState::retired);
}

TEST_F(RegistryTest, a_user_name_is_one_logins_present_or_next) {
    const auto mac = mac_number(1);
    const auto other = mac_number(2);
    ASSERT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}, login_of(mac, "present")));
    ASSERT_TRUE(registry_.add_device({.mac = other, .model = "1230"}));
    ASSERT_TRUE(registry_.store_next_login(login_of(mac, "next")));
    EXPECT_EQ(registry_.store_next_login(login_of(other, "present")).error().code, FaultCode::conflict);
    EXPECT_EQ(registry_.store_next_login(login_of(other, "next")).error().code, FaultCode::conflict);
    EXPECT_EQ(registry_.store_login(login_of(other, "next")).error().code, FaultCode::conflict);
    EXPECT_EQ(registry_.store_next_login(login_of(mac, "present")).error().code, FaultCode::conflict);
    EXPECT_EQ(registry_.store_next_login(login_of(mac_number(9), "x")).error().code, FaultCode::not_found);
    EXPECT_TRUE(registry_.find_login("next").value()->is_next) << "a refused one leaves the next one before it";
    // Another next one displaces it; a login by hand displaces both.
    ASSERT_TRUE(registry_.store_next_login(login_of(mac, "later")));
    EXPECT_FALSE(registry_.find_login("next").value());
    ASSERT_TRUE(registry_.store_login(login_of(mac, "by-hand")));
    EXPECT_FALSE(registry_.find_login("later").value());
    EXPECT_FALSE(registry_.find_login("present").value());
    EXPECT_FALSE(registry_.find_login("by-hand").value()->is_next);
}

TEST(RegistryMigration, a_registry_from_before_enrolment_is_taken_over) {
    Installation installation;
    installation.registry.reset();
    const std::string path = registry_path(installation.directory());
    std::filesystem::remove(path);
    std::ifstream file(RINGFENCE_SOURCE_DIR "/tests/registry/schema_4.sql");
    const std::string sql{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    ASSERT_TRUE(Database::open(path, Database::Mode::read_write_create).value()->script(sql.c_str()));

    auto registry = installation.open();
    EXPECT_TRUE(registry->verify_database());
    const auto device = registry->find_device(mac_number(1)).value();
    EXPECT_EQ(device->site, "oslo");
    EXPECT_TRUE(device->serial.empty());
    EXPECT_TRUE(device->names.empty());
    EXPECT_EQ(device->state, DeviceState::expected);
    EXPECT_EQ(state_of(*registry, mac_number(2)), DeviceState::seen);      // it proved itself by password
    EXPECT_EQ(state_of(*registry, mac_number(3)), DeviceState::enrolled);  // it has a certificate
    EXPECT_EQ(state_of(*registry, mac_number(4)), DeviceState::expected);  // its certificate is revoked
    EXPECT_TRUE(registry->find_certificate("aa").value()->issuer.empty());
    EXPECT_EQ(registry->get_certificate_der("aa").error().code, FaultCode::not_found);
    EXPECT_TRUE(registry->add_token({.reference = "T", .secret = Secret("s"), .device = mac_number(1)}));
}

}  // namespace
}  // namespace ringfence::registry
