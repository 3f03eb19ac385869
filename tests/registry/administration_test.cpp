#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "registry/sqlite.h"
#include "tests/registry/installation.h"
#include "tests/suites/small_disk.h"

namespace ringfence::registry {
namespace {

using testing::Test;

std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

mode_t mode_of(const std::string& path) {
    struct stat facts {};
    EXPECT_EQ(::stat(path.c_str(), &facts), 0) << path;
    return facts.st_mode & 0777;
}

TEST_F(RegistryTest, what_it_makes_is_private) {
    const std::string directory = installation_.directory();
    ASSERT_TRUE(registry_.put_file(file_at("a"), "bytes"));
    for (const auto& file : {"/registry.db", "/registry.db-wal", "/registry.db-shm", "/keys/seal.key"})
        EXPECT_EQ(mode_of(directory + file), 0600u) << file;
    for (const auto& folder : {"", "/keys", "/content"}) EXPECT_EQ(mode_of(directory + folder), 0700u) << folder;
}

TEST_F(RegistryTest, a_second_creation_and_an_absent_registry_are_refused) {
    auto again =
        Registry::create(installation_.directory(), installation_.clock, installation_.disk, installation_.random);
    EXPECT_EQ(again.error().code, FaultCode::conflict);
    auto absent = Registry::open(installation_.root / "nothing", installation_.clock, installation_.disk);
    EXPECT_EQ(absent.error().code, FaultCode::not_found);
}

TEST_F(RegistryTest, another_installations_key_is_refused_at_once) {
    const Installation other;
    std::filesystem::copy_file(other.directory() + "/keys/seal.key", installation_.directory() + "/keys/seal.key",
                               std::filesystem::copy_options::overwrite_existing);
    auto opened = Registry::open(installation_.directory(), installation_.clock, installation_.disk);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, FaultCode::corrupt);
}

TEST_F(RegistryTest, a_newer_database_is_refused_and_left_alone) {
    {
        auto database = Database::open(installation_.directory() + "/registry.db", Database::Mode::read_write).value();
        ASSERT_TRUE(database->script("PRAGMA user_version = 1000"));
    }
    auto opened = Registry::open(installation_.directory(), installation_.clock, installation_.disk);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, FaultCode::conflict);
    EXPECT_NE(opened.error().message.find("newer Ringfence"), std::string::npos) << opened.error().message;
}

TEST_F(RegistryTest, a_database_of_another_program_is_refused) {
    installation_.registry.reset();
    const std::string path = installation_.directory() + "/events.db";
    {
        auto database = Database::open(path, Database::Mode::read_write_create).value();
        ASSERT_TRUE(database->script("CREATE TABLE theirs(x)"));
    }
    std::filesystem::rename(path, installation_.directory() + "/registry.db");
    auto opened = Registry::open(installation_.directory(), installation_.clock, installation_.disk);
    EXPECT_EQ(opened.error().code, FaultCode::conflict);
}

TEST(Migrations, run_once_each_in_order_and_a_failing_one_changes_nothing) {
    const suites::TemporaryDirectory root;
    auto database = Database::open(root / "x.db", Database::Mode::read_write_create).value();
    const Migration steps[] = {
        {"CREATE TABLE a(x)"}, {"INSERT INTO a VALUES(1)"}, {"INSERT INTO a VALUES(2); nonsense"}};
    ASSERT_TRUE(migrate(*database, steps, 1));
    ASSERT_TRUE(migrate(*database, steps, 2));
    ASSERT_TRUE(migrate(*database, steps, 2));
    EXPECT_EQ(database->number("SELECT count(*) FROM a").value(), 1);
    EXPECT_FALSE(migrate(*database, steps, 3));
    EXPECT_EQ(database->number("SELECT count(*) FROM a").value(), 1);
    EXPECT_EQ(database->number("PRAGMA user_version").value(), 2);
}

TEST_F(RegistryTest, no_secret_stands_in_any_file_of_the_database) {
    const auto mac = mac_number(1);
    ASSERT_TRUE(registry_.add_site(site_with("oslo", {})));
    Login login = login_of(mac, "phone-1");
    login.ha1_md5 = Secret("0123456789abcdef0123456789abcdef");
    ASSERT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}, login));
    ASSERT_TRUE(registry_.store_login(login_of_site("oslo", "oslo-phones"), Secret("canary-site-password")));
    ASSERT_TRUE(registry_.set_setting(device_scope(mac), "SIP_PASSWORD", Secret("canary-of-device")));
    ASSERT_TRUE(registry_.set_setting(global_scope, "ADMIN_PASSWORD", Secret("canary-of-all")));
    std::string all;
    for (const auto& name : {"registry.db", "registry.db-wal"}) all += bytes_of(installation_.directory() + "/" + name);
    ASSERT_NE(all.find("ADMIN_PASSWORD"), std::string::npos);  // it looks where things are
    for (const auto& canary : {"canary", "0123456789abcdef"}) EXPECT_EQ(all.find(canary), std::string::npos) << canary;
}

TEST_F(RegistryTest, a_sealed_value_does_not_open_in_another_place) {
    ASSERT_TRUE(registry_.set_setting(global_scope, "A", Secret("one")));
    ASSERT_TRUE(registry_.set_setting(global_scope, "B", Secret("two")));
    {
        auto database = Database::open(installation_.directory() + "/registry.db", Database::Mode::read_write).value();
        ASSERT_TRUE(
            database->script("UPDATE shared_settings SET value = (SELECT value FROM shared_settings WHERE name = 'A') "
                             "WHERE name = 'B'"));
    }
    auto settings = registry_.list_settings(global_scope);
    ASSERT_FALSE(settings);
    EXPECT_EQ(settings.error().code, FaultCode::corrupt);
}

TEST_F(RegistryTest, devices_are_unique_listed_in_order_and_changed_in_place) {
    ASSERT_TRUE(registry_.add_site(site_with("oslo", {})));
    for (const int number : {3, 1, 2}) ASSERT_TRUE(registry_.add_device({.mac = mac_number(number), .model = "1230"}));
    EXPECT_EQ(registry_.add_device({.mac = mac_number(1), .model = "1220"}).error().code, FaultCode::conflict);
    EXPECT_EQ(registry_.add_device({.mac = mac_number(4), .model = "1220", .site = "bergen"}).error().code,
              FaultCode::not_found);
    EXPECT_EQ(registry_.add_device({.mac = mac_number(4), .model = ""}).error().code, FaultCode::malformed);
    ASSERT_TRUE(registry_.update_device(
        {.mac = mac_number(2), .model = "1140e", .site = "oslo", .requires_certificate = true}));
    EXPECT_EQ(registry_.update_device({.mac = mac_number(9), .model = "1140e"}).error().code, FaultCode::not_found);

    std::vector<std::string> seen;
    ASSERT_TRUE(registry_.list_devices([&](const Device& device) {
        seen.push_back(device.mac.bare_upper() + " " + device.model + " " + device.site +
                       (device.requires_certificate ? "!" : ""));
        return true;
    }));
    EXPECT_EQ(seen, (std::vector<std::string>{"00247F000001 1230 ", "00247F000002 1140e oslo!", "00247F000003 1230 "}));
    int counted = 0;
    ASSERT_TRUE(registry_.list_devices([&](const Device&) { return ++counted < 2; }));
    EXPECT_EQ(counted, 2);
    EXPECT_EQ(registry_.counts().value().devices, 3u);
    EXPECT_EQ(registry_.remove_device(mac_number(9)).error().code, FaultCode::not_found);
}

TEST_F(RegistryTest, a_device_whose_login_is_refused_is_not_added) {
    ASSERT_TRUE(registry_.add_device({.mac = mac_number(1), .model = "1230"}, login_of(mac_number(1), "taken")));
    EXPECT_EQ(
        registry_.add_device({.mac = mac_number(2), .model = "1230"}, login_of(mac_number(2), "taken")).error().code,
        FaultCode::conflict);
    EXPECT_FALSE(registry_.find_device(mac_number(2)).value());
}

TEST_F(RegistryTest, a_removed_device_takes_everything_along_so_that_its_mac_inherits_nothing) {
    const auto mac = mac_number(1);
    ASSERT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}, login_of(mac, "phone-1")));
    ASSERT_TRUE(registry_.set_setting(device_scope(mac), "A", Secret("1")));
    ASSERT_TRUE(registry_.add_certificate(certificate_of(mac, '7')));
    FileRecord own = file_at("SIP00247F000001.cfg");
    own.owner = mac;
    own.content_class = trust::ContentClass::secret;
    ASSERT_TRUE(registry_.put_file(own, "account"));
    ASSERT_TRUE(registry_.remove_device(mac));

    ASSERT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}));
    EXPECT_FALSE(registry_.find_login("phone-1").value());
    EXPECT_TRUE(registry_.device_settings(mac).value().empty());
    EXPECT_TRUE(registry_.catalogue().value()->files.empty());
    EXPECT_TRUE(registry_.find_certificate(std::string(64, '7')).value()->revoked);
}

TEST_F(RegistryTest, a_new_login_replaces_the_old_one) {
    const auto mac = mac_number(1);
    ASSERT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}, login_of(mac, "old")));
    ASSERT_TRUE(registry_.store_login(login_of(mac, "new")));
    EXPECT_FALSE(registry_.find_login("old").value());
    EXPECT_EQ(registry_.find_login("new").value()->device, mac);
    ASSERT_TRUE(registry_.remove_device_login(mac));
    EXPECT_EQ(registry_.remove_device_login(mac).error().code, FaultCode::not_found);
    EXPECT_EQ(registry_.store_login(login_of(mac, "a:b")).error().code, FaultCode::malformed);
    EXPECT_EQ(registry_.store_login(login_of(mac_number(2), "x")).error().code, FaultCode::not_found);
}

TEST_F(RegistryTest, a_site_login_stands_in_the_snapshot_with_its_clear_password) {
    ASSERT_TRUE(registry_.add_site(site_with("oslo", {})));
    ASSERT_TRUE(registry_.store_login(login_of_site("oslo", "oslo-phones"), Secret("typed-by-many")));
    const auto catalogue = registry_.catalogue().value();
    EXPECT_EQ(catalogue->sites[0].login_user, "oslo-phones");
    EXPECT_EQ(catalogue->sites[0].login_password.reveal(), "typed-by-many");
    EXPECT_EQ(registry_.find_login("oslo-phones").value()->site, "oslo");
    ASSERT_TRUE(registry_.remove_site_login("oslo"));
    EXPECT_TRUE(registry_.catalogue().value()->sites[0].login_user.empty());
    EXPECT_EQ(registry_.remove_site_login("oslo").error().code, FaultCode::not_found);
}

TEST_F(RegistryTest, the_longest_prefix_decides_the_site) {
    ASSERT_TRUE(registry_.add_site(site_with("norway", {"10.0.0.0/8", "2001:db8::/32"})));
    ASSERT_TRUE(registry_.add_site(site_with("oslo", {"10.1.0.0/16"})));
    ASSERT_TRUE(registry_.add_site(site_with("lab", {"10.1.2.3"})));
    const auto catalogue = registry_.catalogue().value();
    const auto site_of = [&](const char* address) -> std::string {
        const Site* site = find_site(*catalogue, IpAddress::parse(address).value());
        return site == nullptr ? "none" : site->name;
    };
    EXPECT_EQ(site_of("10.9.0.1"), "norway");
    EXPECT_EQ(site_of("10.1.9.9"), "oslo");
    EXPECT_EQ(site_of("10.1.2.3"), "lab");
    EXPECT_EQ(site_of("2001:db8::1"), "norway");
    EXPECT_EQ(site_of("192.0.2.1"), "none");
    EXPECT_EQ(find_site(*catalogue, "oslo")->networks.size(), 1u);
    EXPECT_EQ(find_site(*catalogue, "bergen"), nullptr);
}

TEST_F(RegistryTest, equal_networks_of_two_sites_are_refused_and_nothing_is_kept) {
    ASSERT_TRUE(registry_.add_site(site_with("oslo", {"10.1.0.0/16"})));
    EXPECT_EQ(registry_.add_site(site_with("bergen", {"10.2.0.0/16", "10.1.0.0/16"})).error().code,
              FaultCode::conflict);
    EXPECT_EQ(registry_.add_site(site_with("oslo", {})).error().code, FaultCode::conflict);
    ASSERT_EQ(registry_.catalogue().value()->sites.size(), 1u);
    ASSERT_TRUE(registry_.add_site(site_with("bergen", {"10.2.0.0/16"})));
    EXPECT_EQ(registry_.update_site(site_with("bergen", {"10.1.0.0/16"})).error().code, FaultCode::conflict);
    Site moved = site_with("oslo", {"10.3.0.0/16"});
    moved.legacy_server = "192.0.2.7";
    moved.server = "prov.example.net";
    ASSERT_TRUE(registry_.update_site(moved));
    const auto catalogue = registry_.catalogue().value();
    EXPECT_EQ(find_site(*catalogue, "oslo")->server, "prov.example.net");
    EXPECT_EQ(find_site(*catalogue, "oslo")->legacy_server, "192.0.2.7");
    EXPECT_EQ(find_site(*catalogue, "oslo")->networks, moved.networks);
    EXPECT_EQ(find_site(*catalogue, "bergen")->networks.size(), 1u);
    EXPECT_EQ(registry_.update_site(site_with("nowhere", {})).error().code, FaultCode::not_found);
}

TEST_F(RegistryTest, a_site_in_use_stays) {
    const SettingScope scope{Layer::site, "oslo"};
    ASSERT_TRUE(registry_.add_site(site_with("oslo", {"10.1.0.0/16"})));
    ASSERT_TRUE(registry_.add_device({.mac = mac_number(1), .model = "1230", .site = "oslo"}));
    EXPECT_EQ(registry_.remove_site("oslo").error().message,
              "Site oslo still has 1 devices; move or remove them first.");
    ASSERT_TRUE(registry_.remove_device(mac_number(1)));
    FileRecord file = file_at("a");
    file.site = "oslo";
    ASSERT_TRUE(registry_.put_file(file, "x"));
    EXPECT_EQ(registry_.remove_site("oslo").error().code, FaultCode::conflict);
    ASSERT_TRUE(registry_.remove_file("a", "", "oslo"));
    ASSERT_TRUE(registry_.set_setting(scope, "A", Secret("1")));
    EXPECT_EQ(registry_.remove_site("oslo").error().code, FaultCode::conflict);
    ASSERT_TRUE(registry_.unset_setting(scope, "A"));
    ASSERT_TRUE(registry_.store_login(login_of_site("oslo", "oslo-phones")));
    ASSERT_TRUE(registry_.remove_site("oslo"));
    EXPECT_FALSE(registry_.find_login("oslo-phones").value());
    EXPECT_EQ(registry_.remove_site("oslo").error().code, FaultCode::not_found);
    EXPECT_EQ(registry_.set_setting(scope, "A", Secret("1")).error().code, FaultCode::not_found);
    EXPECT_TRUE(registry_.catalogue().value()->settings.empty());
}

TEST_F(RegistryTest, settings_stand_in_their_layer_and_only_shared_ones_in_the_snapshot) {
    const auto mac = mac_number(1);
    ASSERT_TRUE(registry_.add_site(site_with("oslo", {})));
    ASSERT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}));
    const SettingScope scopes[] = {global_scope, {Layer::site, "oslo"}, {Layer::model, "1230"}, device_scope(mac)};
    for (const auto& scope : scopes)
        ASSERT_TRUE(registry_.set_setting(scope, "A", Secret(std::string(to_string(scope.layer)))));
    ASSERT_TRUE(registry_.set_setting(global_scope, "A", Secret("again")));
    const auto catalogue = registry_.catalogue().value();
    EXPECT_EQ(catalogue->settings.size(), 3u);
    EXPECT_EQ(catalogue->settings.at(global_scope).at(0).value->reveal(), "again");
    EXPECT_EQ(catalogue->settings.at(scopes[1]).at(0).value->reveal(), "site");
    EXPECT_EQ(registry_.list_settings(scopes[2]).value().at(0).value->reveal(), "model");
    EXPECT_EQ(registry_.list_settings(scopes[3]).value().at(0).value->reveal(), "device");
    EXPECT_TRUE(registry_.list_settings({Layer::model, "1220"}).value().empty());
    EXPECT_EQ(registry_.set_setting(device_scope(mac_number(2)), "A", Secret("1")).error().code, FaultCode::not_found);
}

TEST_F(RegistryTest, unsetting_needs_something_set_and_leaves_a_mark) {
    EXPECT_EQ(registry_.unset_setting(global_scope, "A").error().code, FaultCode::not_found);
    ASSERT_TRUE(registry_.set_setting(global_scope, "A", Secret("1")));
    ASSERT_TRUE(registry_.unset_setting(global_scope, "A"));
    EXPECT_EQ(registry_.unset_setting(global_scope, "A").error().code, FaultCode::not_found);
    ASSERT_EQ(registry_.list_settings(global_scope).value().size(), 1u);
    EXPECT_FALSE(registry_.list_settings(global_scope).value()[0].value);
    ASSERT_TRUE(registry_.set_setting(global_scope, "A", Secret("2")));
    EXPECT_EQ(registry_.list_settings(global_scope).value()[0].value->reveal(), "2");
}

TEST_F(RegistryTest, no_fault_repeats_a_secret) {
    const std::string canary = "canary" + std::string(max_value_length, 'x');
    EXPECT_EQ(registry_.set_setting(global_scope, "A", Secret(canary)).error().message.find("canary"),
              std::string::npos);
    EXPECT_EQ(registry_.set_setting(device_scope(mac_number(5)), "A", Secret("canary")).error().message.find("canary"),
              std::string::npos);
}

TEST_F(RegistryTest, certificates_are_revoked_by_serial_or_by_device) {
    const auto mac = mac_number(1);
    EXPECT_EQ(registry_.add_certificate(certificate_of(mac, '1')).error().code, FaultCode::not_found);
    ASSERT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}));
    for (const char digit : {'1', '2', '3'}) ASSERT_TRUE(registry_.add_certificate(certificate_of(mac, digit)));
    EXPECT_EQ(registry_.add_certificate(certificate_of(mac, '1')).error().code, FaultCode::conflict);
    EXPECT_EQ(registry_.revoke_certificate("12").error().code, FaultCode::not_found);
    EXPECT_EQ(registry_.revoke_certificate(std::string(16, '1')).value().size(), 1u);
    EXPECT_EQ(registry_.revoke_certificate(std::string(16, '1')).error().code, FaultCode::conflict);
    const auto rest = registry_.revoke_certificates_of(mac).value();
    ASSERT_EQ(rest.size(), 2u);
    EXPECT_EQ(rest[0].serial, std::string(16, '2'));
    EXPECT_EQ(rest[0].revoked, first_of_may);
    EXPECT_EQ(registry_.revoke_certificates_of(mac_number(2)).error().code, FaultCode::not_found);
    int revoked = 0;
    ASSERT_TRUE(registry_.list_certificates([&](const CertificateRecord& certificate) {
        revoked += certificate.revoked ? 1 : 0;
        return true;
    }));
    EXPECT_EQ(revoked, 3);
}

TEST_F(RegistryTest, windows_are_checked_and_listed_newest_first) {
    Window window;
    window.closes = first_of_may + std::chrono::minutes(5);
    EXPECT_EQ(registry_.open_window(window).error().code, FaultCode::malformed);
    window.networks = {Network::parse("192.0.2.0/24").value()};
    window.closes = first_of_may;
    EXPECT_EQ(registry_.open_window(window).error().code, FaultCode::malformed);
    window.closes = first_of_may + std::chrono::minutes(5);
    window.devices = {mac_number(1), mac_number(2)};
    window.hands_out_login = true;
    window.count = 2;
    const auto first = registry_.open_window(window).value();
    const auto second = registry_.open_window(window).value();
    ASSERT_TRUE(registry_.close_window(first.id));
    EXPECT_EQ(registry_.close_window(first.id).error().code, FaultCode::conflict);
    EXPECT_EQ(registry_.close_window(99).error().code, FaultCode::not_found);
    const auto windows = registry_.list_windows(10).value();
    ASSERT_EQ(windows.size(), 2u);
    EXPECT_EQ(windows[0].id, second.id);
    EXPECT_EQ(windows[0].devices, window.devices);
    EXPECT_TRUE(windows[0].hands_out_login);
    EXPECT_EQ(windows[1].closed, first_of_may);
    EXPECT_EQ(registry_.list_windows(1).value().size(), 1u);
}

TEST_F(RegistryTest, changes_together_stand_or_fall_together) {
    const auto before = registry_.catalogue().value();
    const auto failed = registry_.together([&]() -> Status {
        EXPECT_TRUE(registry_.add_site(site_with("oslo", {})));
        EXPECT_TRUE(registry_.add_device({.mac = mac_number(1), .model = "1230", .site = "oslo"}));
        EXPECT_EQ(registry_.catalogue().value()->sites.size(), 1u);
        return fail(FaultCode::malformed, "The list is broken.");
    });
    EXPECT_EQ(failed.error().message, "The list is broken.");
    EXPECT_FALSE(registry_.find_device(mac_number(1)).value());
    EXPECT_EQ(registry_.catalogue().value(), before);

    ASSERT_TRUE(registry_.together([&]() -> Status {
        EXPECT_TRUE(registry_.add_device({.mac = mac_number(1), .model = "1230"}));
        EXPECT_FALSE(registry_.add_device({.mac = mac_number(1), .model = "1220"}));
        return registry_.add_site(site_with("bergen", {}));
    }));
    EXPECT_EQ(registry_.find_device(mac_number(1)).value()->model, "1230");
    EXPECT_EQ(registry_.catalogue().value()->sites[0].name, "bergen");
}

TEST_F(RegistryTest, a_full_disk_refuses_a_change_whole) {
    const auto mac = mac_number(1);
    {
        const suites::SmallDisk full(4096);
        const auto refused = registry_.add_device({.mac = mac, .model = "1230"}, login_of(mac, "phone-1"));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, FaultCode::unavailable);
        EXPECT_FALSE(registry_.find_device(mac).value());
        // One that fails within a larger change takes all of it down, whatever the caller makes of it.
        EXPECT_FALSE(registry_.together([&]() -> Status {
            for (std::uint64_t i = 0; i < 2000; ++i)
                static_cast<void>(registry_.add_device({.mac = mac_number(i), .model = "1230"}));
            return {};
        }));
    }
    EXPECT_EQ(registry_.counts().value().devices, 0u);
    EXPECT_TRUE(registry_.verify_database());
    EXPECT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}, login_of(mac, "phone-1")));
}

TEST_F(RegistryTest, the_database_check_tells_damage) {
    ASSERT_TRUE(registry_.add_site(site_with("oslo", {})));
    ASSERT_TRUE(registry_.add_device({.mac = mac_number(1), .model = "1230", .site = "oslo"}));
    ASSERT_TRUE(registry_.verify_database());
    {
        auto database = Database::open(installation_.directory() + "/registry.db", Database::Mode::read_write).value();
        ASSERT_TRUE(database->script("PRAGMA foreign_keys = OFF; DELETE FROM sites"));
    }
    EXPECT_EQ(registry_.verify_database().error().code, FaultCode::corrupt);
}

TEST_F(RegistryTest, the_realm_is_bound_while_there_are_logins) {
    ASSERT_TRUE(registry_.bind_realm("ringfence"));
    ASSERT_TRUE(registry_.bind_realm("other"));
    ASSERT_TRUE(registry_.add_device({.mac = mac_number(1), .model = "1230"}, login_of(mac_number(1), "phone-1")));
    ASSERT_TRUE(registry_.bind_realm("other"));
    const auto refused = registry_.bind_realm("ringfence");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, FaultCode::conflict);
    EXPECT_NE(refused.error().message.find("\"other\""), std::string::npos);
    ASSERT_TRUE(registry_.remove_device(mac_number(1)));
    EXPECT_TRUE(registry_.bind_realm("ringfence"));
}

}  // namespace
}  // namespace ringfence::registry
