#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "crypto/seal.h"
#include "tests/registry/installation.h"
#include "tests/suites/failing_disk.h"

namespace ringfence::registry {
namespace {

std::uint32_t version_of(Registry& registry, const std::string& section) {
    const auto versions = registry.catalogue().value()->section_versions;
    const auto found = versions.find(section);
    return found == versions.end() ? 0 : found->second;
}

std::size_t stored_contents(const std::string& directory) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory + "/content"))
        count += entry.is_regular_file() ? 1 : 0;
    return count;
}

TEST_F(RegistryTest, one_counter_serves_all_sections) {
    EXPECT_EQ(version_of(registry_, "DEVICE_CONFIG"), 1u);
    EXPECT_EQ(registry_.put_file(file_at("a", "LANGUAGE"), "1").value().version, "000002");
    EXPECT_EQ(registry_.put_file(file_at("b", "TONES"), "1").value().version, "000003");
    EXPECT_EQ(registry_.put_file(file_at("a", "LANGUAGE"), "2").value().version, "000004");
    EXPECT_EQ(version_of(registry_, "LANGUAGE"), 4u);
    EXPECT_EQ(version_of(registry_, "TONES"), 3u);
    ASSERT_TRUE(registry_.remove_file("a"));
    EXPECT_EQ(version_of(registry_, "LANGUAGE"), 5u);
    EXPECT_EQ(registry_.versions().value().last, 5u);
}

TEST_F(RegistryTest, every_shared_setting_raises_the_common_settings_and_a_devices_own_does_not) {
    const auto mac = mac_number(1);
    ASSERT_TRUE(registry_.add_site(site_with("oslo", {})));
    ASSERT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}));
    ASSERT_TRUE(registry_.set_setting(global_scope, "A", Secret("1")));
    EXPECT_EQ(version_of(registry_, "DEVICE_CONFIG"), 2u);
    ASSERT_TRUE(registry_.set_setting({Layer::site, "oslo"}, "A", Secret("1")));
    EXPECT_EQ(version_of(registry_, "DEVICE_CONFIG"), 3u);
    ASSERT_TRUE(registry_.unset_setting(global_scope, "A"));
    EXPECT_EQ(version_of(registry_, "DEVICE_CONFIG"), 4u);
    ASSERT_TRUE(registry_.set_setting(device_scope(mac), "A", Secret("1")));
    EXPECT_EQ(version_of(registry_, "DEVICE_CONFIG"), 4u);
}

TEST_F(RegistryTest, a_file_that_moves_to_another_section_raises_both) {
    ASSERT_TRUE(registry_.put_file(file_at("a", "LANGUAGE"), "1"));
    ASSERT_TRUE(registry_.put_file(file_at("a", "TONES"), "1"));
    EXPECT_EQ(version_of(registry_, "LANGUAGE"), 3u);
    EXPECT_EQ(version_of(registry_, "TONES"), 4u);
    EXPECT_EQ(registry_.catalogue().value()->files.size(), 1u);
}

TEST_F(RegistryTest, firmware_keeps_its_load_name) {
    EXPECT_EQ(registry_.put_file(file_at("fw.bin", "FW"), "image").error().code, FaultCode::malformed);
    FileRecord firmware = file_at("fw.bin", "FW");
    firmware.version = "SIP12x004.04.09.00";
    EXPECT_EQ(registry_.put_file(firmware, "image").value().version, "SIP12x004.04.09.00");
    EXPECT_EQ(registry_.catalogue().value()->files[0].version, "SIP12x004.04.09.00");
}

TEST_F(RegistryTest, a_given_number_must_be_one_that_phones_fetch) {
    FileRecord file = file_at("a", "LANGUAGE");
    file.version = "2023081501";
    EXPECT_EQ(registry_.put_file(file, "1").value().version, "2023081501");
    EXPECT_EQ(version_of(registry_, "LANGUAGE"), 2023081501u);
    EXPECT_EQ(registry_.put_file(file, "2").error().code, FaultCode::conflict);
    EXPECT_EQ(registry_.put_file(file_at("b", "TONES"), "1").value().version, "2023081502");
    for (const auto& bad : {"0", "x", "-1", "2147483648", "99999999999999999999"}) {
        file.version = bad;
        EXPECT_EQ(registry_.put_file(file, "1").error().code, FaultCode::malformed) << bad;
    }
}

TEST_F(RegistryTest, the_floor_lifts_what_stands_below_it_and_never_sinks) {
    ASSERT_TRUE(registry_.put_file(file_at("a", "LANGUAGE"), "1"));
    ASSERT_TRUE(registry_.raise_version_floor(1000));
    EXPECT_GE(version_of(registry_, "LANGUAGE"), 1000u);
    EXPECT_GE(version_of(registry_, "DEVICE_CONFIG"), 1000u);
    const auto after = registry_.versions().value();
    EXPECT_EQ(after.floor, 1000u);
    ASSERT_TRUE(registry_.raise_version_floor(10));
    EXPECT_EQ(registry_.versions().value().floor, 1000u);
    EXPECT_EQ(registry_.versions().value().last, after.last);
    EXPECT_EQ(registry_.put_file(file_at("b", "TONES"), "1").value().version, format_version(after.last + 1));
}

TEST_F(RegistryTest, no_single_command_uses_the_numbers_up) {
    const auto before = registry_.versions().value().last;
    EXPECT_EQ(registry_.raise_version_floor(highest_chosen_version + 1).error().code, FaultCode::malformed);
    FileRecord file = file_at("a", "TONES");
    file.version = std::to_string(highest_chosen_version + 1);
    EXPECT_EQ(registry_.put_file(file, "1").error().code, FaultCode::malformed);
    EXPECT_EQ(registry_.versions().value().last, before);
    file.version = std::to_string(highest_chosen_version);
    ASSERT_TRUE(registry_.put_file(file, "1"));
    EXPECT_TRUE(registry_.put_file(file_at("b", "TONES"), "2"));
}

TEST_F(RegistryTest, a_file_and_a_device_can_be_removed_when_the_numbers_are_used_up) {
    const auto mac = mac_number(1);
    ASSERT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}));
    ASSERT_TRUE(registry_.put_file(file_at("a", "TONES"), "1"));
    FileRecord own = file_at("b", "USER_CONFIG");
    own.owner = mac;
    ASSERT_TRUE(registry_.put_file(own, "2"));
    ASSERT_TRUE(registry_.renumber_sections(highest_version - 10));
    while (registry_.put_file(file_at("c", "LANGUAGE"), "3")) continue;
    EXPECT_TRUE(registry_.remove_file("a"));
    EXPECT_TRUE(registry_.remove_device(mac));
    EXPECT_EQ(registry_.catalogue().value()->files.size(), 1u);
}

TEST_F(RegistryTest, versions_end_below_two_to_the_31_with_nothing_half_done) {
    ASSERT_TRUE(registry_.renumber_sections(2147483646 - 4));  // the three sections of the first day, and this one
    ASSERT_TRUE(registry_.put_file(file_at("a", "LANGUAGE"), "1"));
    EXPECT_EQ(registry_.put_file(file_at("b", "TONES"), "2").value().version, "2147483647");
    const auto refused = registry_.put_file(file_at("c", "TONES"), "3");
    EXPECT_EQ(refused.error().code, FaultCode::conflict);
    EXPECT_EQ(registry_.set_setting(global_scope, "A", Secret("1")).error().code, FaultCode::conflict);
    EXPECT_EQ(registry_.catalogue().value()->files.size(), 2u);
    EXPECT_TRUE(registry_.catalogue().value()->settings.empty());
}

TEST_F(RegistryTest, bad_names_and_sizes_are_refused) {
    for (const auto& path : {"", "/a", " a", "a ", "a\nb", "\xc3\xb8"})
        EXPECT_EQ(registry_.put_file(file_at(path), "x").error().code, FaultCode::malformed) << path;
    EXPECT_EQ(registry_.put_file(file_at(std::string(256, 'a')), "x").error().code, FaultCode::malformed);
    EXPECT_EQ(registry_.put_file(file_at("a"), std::string(max_file_size + 1, 'x')).error().code, FaultCode::too_large);
    FileRecord file = file_at("a");
    file.site = "nowhere";
    EXPECT_EQ(registry_.put_file(file, "x").error().code, FaultCode::not_found);
    EXPECT_EQ(registry_.remove_file("a").error().code, FaultCode::not_found);
}

TEST_F(RegistryTest, equal_bytes_are_kept_once_and_go_with_the_last_file) {
    ASSERT_TRUE(registry_.put_file(file_at("a"), "same"));
    ASSERT_TRUE(registry_.put_file(file_at("b"), "same"));
    EXPECT_EQ(stored_contents(installation_.directory()), 1u);
    ASSERT_TRUE(registry_.remove_file("a"));
    EXPECT_EQ(stored_contents(installation_.directory()), 1u);
    ASSERT_TRUE(registry_.put_file(file_at("b"), "other"));
    EXPECT_EQ(stored_contents(installation_.directory()), 1u);
    ASSERT_TRUE(registry_.remove_file("b"));
    EXPECT_EQ(stored_contents(installation_.directory()), 0u);
}

TEST_F(RegistryTest, secrets_are_sealed_on_disk_and_go_with_the_last_file_that_uses_them) {
    const auto mac = mac_number(1);
    ASSERT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}));
    const std::string secret = "SIP_PASSWORD canary-content\n";
    FileRecord own = file_at("SIP00247F000001.cfg");
    own.owner = mac;
    own.content_class = trust::ContentClass::secret;
    FileRecord manifest = file_at("1230SIP.cfg");
    manifest.is_manifest_with_login = true;
    const auto on_disk = [&](const std::string& sha256) {
        std::ifstream file(installation_.directory() + "/content/" + sha256.substr(0, 2) + "/" + sha256);
        return std::string(std::istreambuf_iterator<char>(file), {});
    };

    // Put in the clear first: the secret seals what lies there already.
    const std::string sha256 = registry_.put_file(file_at("shared"), secret).value().sha256;
    EXPECT_EQ(on_disk(sha256), secret);
    EXPECT_EQ(registry_.put_file(own, secret).value().sha256, sha256);
    const std::string sealed = on_disk(sha256);
    EXPECT_EQ(sealed.size(), secret.size() + crypto::SealingKey::overhead);
    EXPECT_EQ(sealed.find("canary"), std::string::npos);
    ASSERT_TRUE(registry_.put_file(file_at("shared"), secret));
    EXPECT_EQ(on_disk(sha256), sealed);
    const auto login = registry_.put_file(manifest, "SRV_USER_PASS canary-login\n").value();
    EXPECT_EQ(on_disk(login.sha256).find("canary"), std::string::npos);
    EXPECT_TRUE(registry_.verify_contents().value().sound());
    const auto fresh = Registry::open(installation_.directory(), installation_.clock, installation_.disk).value();
    EXPECT_EQ(fresh->open_content(sha256).value().view(), secret);

    ASSERT_TRUE(registry_.remove_file("shared"));
    EXPECT_EQ(stored_contents(installation_.directory()), 2u);
    ASSERT_TRUE(registry_.together([&] { return registry_.remove_device(mac); }));
    EXPECT_EQ(stored_contents(installation_.directory()), 1u);
    ASSERT_TRUE(registry_.remove_file("1230SIP.cfg"));
    EXPECT_EQ(stored_contents(installation_.directory()), 0u);
}

TEST_F(RegistryTest, sealed_content_that_was_changed_or_swapped_is_corrupt) {
    FileRecord first = file_at("a");
    first.content_class = trust::ContentClass::secret;
    FileRecord second = file_at("b");
    second.content_class = trust::ContentClass::secret;
    const auto path_of = [&](const std::string& sha256) {
        return installation_.directory() + "/content/" + sha256.substr(0, 2) + "/" + sha256;
    };
    const std::string a = path_of(registry_.put_file(first, "one").value().sha256);
    const std::string b = path_of(registry_.put_file(second, "two").value().sha256);
    std::filesystem::copy_file(a, b, std::filesystem::copy_options::overwrite_existing);
    EXPECT_EQ(registry_.verify_contents().value().corrupt, std::vector<std::string>{"b"});
}

TEST_F(RegistryTest, a_change_that_is_taken_back_keeps_its_content) {
    ASSERT_TRUE(registry_.put_file(file_at("a"), "bytes"));
    EXPECT_FALSE(registry_.together([&]() -> Status {
        EXPECT_TRUE(registry_.remove_file("a"));
        return fail(FaultCode::conflict, "not after all");
    }));
    EXPECT_EQ(stored_contents(installation_.directory()), 1u);
    EXPECT_TRUE(registry_.verify_contents().value().sound());
}

TEST_F(RegistryTest, putting_again_heals_bytes_that_rotted) {
    const auto file = registry_.put_file(file_at("a"), "good").value();
    const std::string path = installation_.directory() + "/content/" + file.sha256.substr(0, 2) + "/" + file.sha256;
    std::ofstream(path, std::ios::trunc) << "bad";
    EXPECT_EQ(registry_.verify_contents().value().corrupt, std::vector<std::string>{"a"});
    ASSERT_TRUE(registry_.put_file(file_at("a"), "good"));
    EXPECT_TRUE(registry_.verify_contents().value().sound());
    EXPECT_EQ(registry_.open_content(file.sha256).value().view(), "good");
}

TEST_F(RegistryTest, the_content_check_names_what_is_missing_and_what_nobody_uses) {
    const auto file = registry_.put_file(file_at("gone"), "x").value();
    ASSERT_TRUE(registry_.put_file(file_at("there"), "y"));
    const std::string store = installation_.directory() + "/content/";
    std::filesystem::remove(store + file.sha256.substr(0, 2) + "/" + file.sha256);
    std::filesystem::create_directories(store + "ab");
    std::ofstream(store + "ab/leftover.new~") << "half";
    std::ofstream(store + "stray") << "?";
    auto report = registry_.verify_contents().value();
    EXPECT_FALSE(report.sound());
    EXPECT_EQ(report.missing, std::vector<std::string>{"gone"});
    EXPECT_TRUE(report.corrupt.empty());
    EXPECT_EQ(report.orphans, (std::vector<std::string>{"ab/leftover.new~", "stray"}));
    EXPECT_EQ(registry_.discard_orphans().value(), 2u);
    EXPECT_TRUE(registry_.verify_contents().value().orphans.empty());
}

// The n-th change of the disk fails, for every n that a put makes.
TEST(FileFaults, a_put_that_fails_leaves_the_old_file) {
    suites::FailingDisk disk;
    Installation installation(disk);
    Registry& registry = *installation.registry;
    const auto old = registry.put_file(file_at("a", "TONES"), "old").value();
    int n = 0;
    while (true) {
        disk.fail_at(++n);
        const auto put = registry.put_file(file_at("a", "TONES"), "new and longer");
        disk.fail_at(0);
        if (put) break;
        EXPECT_EQ(put.error().code, FaultCode::unavailable);
        const auto catalogue = registry.catalogue().value();
        ASSERT_EQ(catalogue->files.size(), 1u);
        EXPECT_EQ(catalogue->files[0].sha256, old.sha256);
        EXPECT_EQ(catalogue->section_versions.at("TONES"), 2u);
        EXPECT_EQ(registry.open_content(old.sha256).value().view(), "old");
        EXPECT_TRUE(registry.verify_contents().value().sound());
    }
    // Directory, write, rename; then the removal of the old bytes, whose failure leaves an orphan only.
    EXPECT_EQ(n, 4);
    const auto report = registry.verify_contents().value();
    EXPECT_TRUE(report.sound());
    EXPECT_EQ(report.orphans, std::vector<std::string>{old.sha256.substr(0, 2) + "/" + old.sha256});
    EXPECT_EQ(registry.discard_orphans().value(), 1u);
}

// Ends the process, as SIGKILL does, right after the bytes of a file are in place.
class FatalDisk final : public Disk {
public:
    Result<std::string> read(const std::string& path, std::size_t limit) override { return disk_.read(path, limit); }
    bool exists(const std::string& path) override { return disk_.exists(path); }
    Result<std::vector<std::string>> list(const std::string& directory) override { return disk_.list(directory); }
    Status write_new(const std::string& path, std::string_view bytes, mode_t mode) override {
        return disk_.write_new(path, bytes, mode);
    }
    Status rename(const std::string& from, const std::string& to) override {
        static_cast<void>(disk_.rename(from, to));
        ::_exit(9);
    }
    Status remove(const std::string& path) override { return disk_.remove(path); }
    Status make_directory(const std::string& path, mode_t mode) override { return disk_.make_directory(path, mode); }

private:
    SystemDisk disk_;
};

TEST(FileFaults, death_between_bytes_and_row_leaves_an_orphan_only) {
    Installation installation;
    ASSERT_TRUE(installation.registry->put_file(file_at("a"), "old"));
    installation.registry.reset();
    const pid_t child = ::fork();
    if (child == 0) {
        FatalDisk disk;
        auto registry = Registry::open(installation.directory(), installation.clock, disk);
        if (registry) static_cast<void>((*registry)->put_file(file_at("a"), "new"));
        ::_exit(1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), 9);
    auto registry = installation.open();
    EXPECT_EQ(registry->open_content(registry->catalogue().value()->files.at(0).sha256).value().view(), "old");
    EXPECT_EQ(registry->verify_contents().value().orphans.size(), 1u);
    EXPECT_TRUE(registry->verify_database());
    ASSERT_TRUE(registry->put_file(file_at("a"), "new"));
    EXPECT_TRUE(registry->verify_contents().value().orphans.empty());
}

TEST(FileFaults, what_was_acknowledged_outlives_a_kill) {
    Installation installation;
    installation.registry.reset();
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        auto registry = Registry::open(installation.directory(), installation.clock, installation.disk);
        for (std::uint32_t i = 0; registry; ++i) {
            const auto mac = mac_number(i);
            if (!(*registry)->add_device({.mac = mac, .model = "1230"}, login_of(mac, "user-" + std::to_string(i))))
                break;
            if (::write(pipe[1], &i, sizeof i) != sizeof i) break;
        }
        ::_exit(1);
    }
    std::uint32_t last = 0;
    while (last < 20) ASSERT_EQ(::read(pipe[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(pipe[1]);
    for (std::uint32_t more = 0; ::read(pipe[0], &more, sizeof more) == sizeof more;) last = more;
    ::close(pipe[0]);
    auto registry = installation.open();
    EXPECT_TRUE(registry->verify_database());
    for (std::uint32_t i = 0; i <= last; ++i)
        EXPECT_EQ(registry->find_device(mac_number(i)).value()->user, "user-" + std::to_string(i));
}

}  // namespace
}  // namespace ringfence::registry
