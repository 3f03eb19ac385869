#include "registry/backup.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/text.h"
#include "registry/archive.h"
#include "registry/event_log.h"
#include "tests/registry/installation.h"
#include "tests/suites/small_disk.h"

namespace ringfence::registry {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_file(const std::string& path, const std::string& bytes) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class BackupTest : public testing::Test {
protected:
    void open_two_windows() {
        Window window;
        window.networks = {Network::parse("192.0.2.0/24").value()};
        window.closes = first_of_may + std::chrono::hours(8);
        for (int i = 0; i < 2; ++i) ASSERT_TRUE(installation_.registry->open_window(window));
    }

    BackupTest() {
        Registry& registry = *installation_.registry;
        const auto mac = mac_number(1);
        EXPECT_TRUE(registry.add_device({.mac = mac, .model = "1230"}, login_of(mac, "phone-1")));
        EXPECT_TRUE(registry.set_setting(global_scope, "ADMIN_PASSWORD", Secret("canary-setting")));
        file_ = registry.put_file(file_at("tones/a.wav", "TONES"), std::string(700'000, 't')).value();
        write_file(installation_.directory() + "/ringfence.toml", "name = \"prov\"\n");
        write_file(installation_.directory() + "/root.pem", "the root\n");
        write_file(installation_.directory() + "/pki/issuing/ca.key", "canary-ca-key\n");
        fs::permissions(installation_.directory() + "/pki/issuing/ca.key",
                        fs::perms::owner_read | fs::perms::owner_write);
        write_file(installation_.directory() + "/server.log", "no part of it\n");
        Event event;
        event.path = "seen";
        EventLog::open(installation_.directory(), installation_.clock).value()->record(event);
    }

    Result<BackupMade> back_up(const std::optional<Secret>& passphrase = std::nullopt) {
        return backup(installation_.directory(), archive_, passphrase, installation_.clock, installation_.disk,
                      installation_.random);
    }
    Result<Restored> restore_with(const RestoreOptions& options = {}) {
        return restore(archive_, target_, options, installation_.clock, installation_.disk);
    }
    // Nothing of a refused restore may stand anywhere.
    void expect_nothing_restored() {
        EXPECT_FALSE(fs::exists(target_));
        EXPECT_FALSE(fs::exists(target_ + ".restoring~"));
    }

    Installation installation_;
    FileRecord file_;
    const std::string archive_ = installation_.root / "backup";
    const std::string target_ = installation_.root / "restored";
};

TEST_F(BackupTest, everything_comes_back) {
    const auto made = back_up();
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_FALSE(made->sealed);
    EXPECT_EQ(made->bytes, fs::file_size(archive_));
    struct stat facts {};
    ASSERT_EQ(::stat(archive_.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600u);

    const auto restored = restore_with();
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_EQ(restored->files, made->files);
    EXPECT_EQ(restored->made, first_of_may);
    auto registry = Registry::open(target_, installation_.clock, installation_.disk).value();
    EXPECT_EQ(registry->find_login("phone-1").value()->ha1_md5.reveal(), std::string(32, 'a'));
    EXPECT_EQ(registry->list_settings(global_scope).value().at(0).value->reveal(), "canary-setting");
    EXPECT_EQ(registry->open_content(file_.sha256).value().view(), std::string(700'000, 't'));
    EXPECT_EQ(bytes_of(target_ + "/root.pem"), "the root\n");
    EXPECT_EQ(bytes_of(target_ + "/ringfence.toml"), "name = \"prov\"\n");
    EXPECT_EQ(bytes_of(target_ + "/pki/issuing/ca.key"), "canary-ca-key\n");
    EXPECT_EQ(EventReader::open(target_).value()->list({}).value().at(0).path, "seen");
    EXPECT_FALSE(fs::exists(target_ + "/server.log"));
    for (const auto& secret : {"/registry.db", "/keys/seal.key", "/pki/issuing/ca.key"}) {
        ASSERT_EQ(::stat((target_ + secret).c_str(), &facts), 0);
        EXPECT_EQ(facts.st_mode & 0777, 0600u) << secret;
    }
    // Beside the archive stands nothing but the installations.
    EXPECT_EQ(installation_.disk.list(installation_.root.path()).value(),
              (std::vector<std::string>{"backup", "data", "restored"}));
}

TEST_F(BackupTest, versions_never_fall_back) {
    ASSERT_TRUE(back_up());
    const auto last = installation_.registry->versions().value().last;
    installation_.clock.advance(std::chrono::hours(1));
    const auto restored = restore_with();
    ASSERT_TRUE(restored);
    auto registry = Registry::open(target_, installation_.clock, installation_.disk).value();
    const auto catalogue = registry->catalogue().value();
    for (const auto& [section, version] : catalogue->section_versions) EXPECT_GT(version, last + 3600) << section;
    EXPECT_EQ(registry->versions().value().last, restored->last_version);
    EXPECT_EQ(catalogue->section_versions.count("TONES"), 1u);
}

TEST_F(BackupTest, versions_do_not_fall_below_the_installation_that_is_replaced) {
    ASSERT_TRUE(back_up());
    ASSERT_TRUE(installation_.registry->raise_version_floor(2023081501));
    const auto last = installation_.registry->versions().value().last;
    const auto restored = restore_with({.passphrase = {}, .previous = installation_.directory()});
    ASSERT_TRUE(restored);
    EXPECT_GT(restored->last_version, last);
}

TEST_F(BackupTest, versions_leave_room_for_what_nobody_remembers) {
    ASSERT_TRUE(back_up());
    FileRecord jump = file_at("tones/b.wav", "TONES");
    jump.version = "900000";
    ASSERT_TRUE(installation_.registry->put_file(jump, "b"));
    const auto restored = restore_with();
    ASSERT_TRUE(restored);
    EXPECT_GT(restored->last_version, installation_.registry->versions().value().last);
}

TEST_F(BackupTest, every_window_is_closed) {
    open_two_windows();
    ASSERT_TRUE(back_up());
    const auto restored = restore_with();
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_EQ(restored->windows_closed, 2u);
    EXPECT_FALSE(restored->carried);
    auto registry = Registry::open(target_, installation_.clock, installation_.disk).value();
    EXPECT_TRUE(registry->catalogue().value()->windows.empty());
}

TEST_F(BackupTest, windows_that_are_closed_do_not_make_the_previous_one_look_old) {
    open_two_windows();
    ASSERT_TRUE(back_up());
    const auto restored = restore_with({.passphrase = {}, .previous = installation_.directory()});
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_EQ(restored->windows_closed, 2u);
    EXPECT_TRUE(restored->carried);
}

TEST_F(BackupTest, what_was_taken_away_since_does_not_come_back) {
    Registry& registry = *installation_.registry;
    for (int i = 2; i <= 5; ++i)
        ASSERT_TRUE(registry.add_device({.mac = mac_number(i), .model = "1230"},
                                        login_of(mac_number(i), "phone-" + std::to_string(i))));
    ASSERT_TRUE(registry.add_site(site_with("oslo", {"192.0.2.0/24"})));
    ASSERT_TRUE(registry.store_login(login_of_site("oslo", "staging"), Secret("site password")));
    ASSERT_TRUE(registry.add_certificate(certificate_of(mac_number(1), '1')));
    ASSERT_TRUE(registry.add_certificate(certificate_of(mac_number(2), '2')));
    ASSERT_TRUE(registry.add_certificate(certificate_of(mac_number(3), '3')));
    ASSERT_TRUE(back_up());

    installation_.clock.advance(std::chrono::hours(1));
    ASSERT_TRUE(registry.revoke_certificate(std::string(16, '2')));
    ASSERT_TRUE(registry.remove_device(mac_number(3)));
    Login changed = login_of(mac_number(4), "phone-4-new");
    changed.ha1_md5 = Secret(std::string(32, 'e'));
    ASSERT_TRUE(registry.store_login(changed));
    ASSERT_TRUE(registry.remove_device_login(mac_number(5)));
    ASSERT_TRUE(registry.remove_site_login("oslo"));
    ASSERT_TRUE(registry.add_device({.mac = mac_number(6), .model = "1230"}, login_of(mac_number(6), "phone-6")));
    ASSERT_TRUE(registry.update_device({.mac = mac_number(1), .model = "1230", .requires_certificate = true}));
    ASSERT_TRUE(registry.raise_version_floor(1'900'000'000));

    const auto restored = restore_with({.passphrase = {}, .previous = installation_.directory()});
    ASSERT_TRUE(restored) << restored.error().message;
    ASSERT_TRUE(restored->carried);
    EXPECT_EQ(restored->carried->revoked, 1u);
    EXPECT_EQ(restored->carried->devices, 1u);
    EXPECT_EQ(restored->carried->logins, 3u);
    auto after = Registry::open(target_, installation_.clock, installation_.disk).value();
    EXPECT_FALSE(after->find_certificate(std::string(64, '1')).value()->revoked);
    EXPECT_TRUE(after->find_certificate(std::string(64, '2')).value()->revoked);
    EXPECT_TRUE(after->find_certificate(std::string(64, '3')).value()->revoked);
    EXPECT_FALSE(after->find_device(mac_number(3)).value());
    EXPECT_FALSE(after->find_login("phone-3").value());
    EXPECT_TRUE(after->find_login("phone-2").value());
    EXPECT_FALSE(after->find_login("phone-4").value());
    EXPECT_EQ(after->find_login("phone-4-new").value()->ha1_md5.reveal(), std::string(32, 'e'));
    EXPECT_FALSE(after->find_login("phone-5").value());
    EXPECT_FALSE(after->find_login("phone-6").value());
    EXPECT_FALSE(after->find_login("staging").value());
    EXPECT_TRUE(after->find_device(mac_number(1)).value()->requires_certificate);
    EXPECT_EQ(after->versions().value().floor, 1'900'000'000u);
    EXPECT_TRUE(after->verify_database());
}

TEST_F(BackupTest, tokens_and_one_time_files_do_not_come_back_usable) {
    Registry& registry = *installation_.registry;
    const auto mac = mac_number(1);
    const auto later = first_of_may + std::chrono::hours(72);
    for (const auto* reference : {"unspent", "spent"})
        ASSERT_TRUE(
            registry.add_token({.reference = reference, .secret = Secret("s"), .device = mac, .expires = later}));
    Enrolment enrolment{.protocol = "cmp", .public_key = "k", .device = mac, .token = "spent"};
    enrolment.state = EnrolmentState::approved;
    const auto begun = registry.begin_enrolment(enrolment).value();
    OneTimeFile file{.path = "phone.p12", .device = mac};
    file.expires = later;
    ASSERT_TRUE(registry.put_one_time_file(file, "pkcs12"));
    ASSERT_TRUE(registry.note_anchor({.device = mac, .anchor = "root", .evidence = AnchorEvidence::verified}));
    ASSERT_TRUE(registry.add_certificate(certificate_of(mac, '1'), "der"));
    ASSERT_TRUE(back_up());

    const auto restored = restore_with();
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_EQ(restored->withdrawn.tokens, 1u);
    EXPECT_EQ(restored->withdrawn.enrolments, 1u);
    EXPECT_EQ(restored->withdrawn.files, 1u);
    auto after = Registry::open(target_, installation_.clock, installation_.disk).value();
    EXPECT_FALSE(after->find_token("unspent").value());
    EXPECT_EQ(after->begin_enrolment(enrolment).value().state, EnrolmentState::refused);
    EXPECT_EQ(after->finish_enrolment(begun.id, "f").value().enrolment.state, EnrolmentState::refused);
    EXPECT_EQ(after->open_one_time_file("phone.p12").error().code, FaultCode::not_found);
    EXPECT_EQ(after->get_certificate_der(std::string(64, '1')).value(), "der");
    std::string anchors;
    ASSERT_TRUE(after->list_anchors([&](const DeviceAnchor& anchor) {
        anchors += anchor.anchor;
        return true;
    }));
    EXPECT_EQ(anchors, "root");
}

TEST_F(BackupTest, what_was_revoked_retired_or_promoted_since_stays_so) {
    Registry& registry = *installation_.registry;
    const auto mac = mac_number(1);
    ASSERT_TRUE(registry.add_device({.mac = mac_number(2), .model = "1230"}));
    ASSERT_TRUE(registry.add_certificate(certificate_of(mac, '1')));
    ASSERT_TRUE(registry.store_next_login(login_of(mac, "next")));
    ASSERT_TRUE(registry.store_revocation_list({.issuer = "e", .number = 1, .der = "one"}));
    ASSERT_TRUE(back_up());

    ASSERT_TRUE(registry.add_certificate(certificate_of(mac, '2')));
    ASSERT_TRUE(registry.add_certificate(certificate_of(mac, '3')));
    ASSERT_TRUE(registry.revoke_certificate_at(std::string(64, '1'), RevocationReason::key_compromise));
    ASSERT_TRUE(registry.revoke_certificate_at(std::string(64, '2'), RevocationReason::superseded));
    ASSERT_TRUE(registry.set_device_state(mac_number(2), DeviceState::retired));
    ASSERT_TRUE(registry.promote_login("next"));
    ASSERT_TRUE(registry.store_next_login(login_of(mac, "after-next")));
    ASSERT_TRUE(registry.store_revocation_list({.issuer = "e", .number = 2, .der = "two"}));
    ASSERT_TRUE(registry.raise_version_floor(5'000'000));

    const auto restored = restore_with({.passphrase = {}, .previous = installation_.directory()});
    ASSERT_TRUE(restored) << restored.error().message;
    auto after = Registry::open(target_, installation_.clock, installation_.disk).value();
    EXPECT_EQ(after->find_certificate(std::string(64, '1')).value()->reason, RevocationReason::key_compromise);
    EXPECT_TRUE(after->find_certificate(std::string(64, '2')).value()->revoked);
    EXPECT_FALSE(after->find_certificate(std::string(64, '3')).value()) << "what was added since is not there";
    EXPECT_EQ(after->find_device(mac_number(2)).value()->state, DeviceState::retired);
    EXPECT_FALSE(after->find_login("phone-1").value());
    EXPECT_FALSE(after->find_login("next").value()->is_next);
    EXPECT_TRUE(after->find_login("after-next").value()->is_next);
    EXPECT_EQ(after->find_revocation_list("e").value()->der, "two");
    EXPECT_FALSE(fs::exists(target_ + "/previous.db"));
    EXPECT_TRUE(after->verify_database());
}

TEST_F(BackupTest, only_the_installation_of_the_backup_can_be_the_previous_one) {
    ASSERT_TRUE(back_up());
    Installation other;
    const auto foreign = restore_with({.passphrase = {}, .previous = other.directory()});
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().code, FaultCode::conflict);
    EXPECT_EQ(restore_with({.passphrase = {}, .previous = "/nowhere"}).error().code, FaultCode::not_found);
    expect_nothing_restored();

    // An older copy of the same installation lacks devices because they were not there yet.
    const std::string older = installation_.root / "older";
    ASSERT_TRUE(restore(archive_, older, {}, installation_.clock, installation_.disk));
    ASSERT_TRUE(installation_.registry->raise_version_floor(5'000'000));
    fs::remove(archive_);
    ASSERT_TRUE(back_up());
    EXPECT_EQ(restore_with({.passphrase = {}, .previous = older}).error().code, FaultCode::conflict);
    expect_nothing_restored();
}

TEST_F(BackupTest, a_clock_gone_mad_does_not_use_the_numbers_up) {
    ASSERT_TRUE(back_up());
    installation_.clock.set_wall(parse_time("2126-01-01T00:00:00Z").value());
    const auto restored = restore_with();
    ASSERT_TRUE(restored);
    EXPECT_LT(restored->last_version, highest_version - 900'000);
    auto registry = Registry::open(target_, installation_.clock, installation_.disk).value();
    EXPECT_TRUE(registry->set_setting(global_scope, "A", Secret("1")));
}

TEST_F(BackupTest, a_sealed_archive_shows_nothing_and_opens_with_its_passphrase_only) {
    ASSERT_TRUE(back_up(Secret("correct horse"))->sealed);
    const std::string bytes = bytes_of(archive_);
    for (const auto& text : {"canary-ca-key", "ringfence.toml", "ADMIN_PASSWORD", "tttttttt"})
        EXPECT_EQ(bytes.find(text), std::string::npos) << text;
    EXPECT_EQ(restore_with().error().code, FaultCode::unauthenticated);
    EXPECT_EQ(restore_with({.passphrase = Secret("wrong"), .previous = {}}).error().code, FaultCode::unauthenticated);
    expect_nothing_restored();
    ASSERT_TRUE(restore_with({.passphrase = Secret("correct horse"), .previous = {}}));
    EXPECT_EQ(bytes_of(target_ + "/pki/issuing/ca.key"), "canary-ca-key\n");
}

TEST_F(BackupTest, an_unsealed_archive_does_not_pass_for_a_sealed_one) {
    ASSERT_TRUE(back_up());
    EXPECT_EQ(restore_with({.passphrase = Secret("correct horse"), .previous = {}}).error().code, FaultCode::conflict);
    expect_nothing_restored();
}

TEST_F(BackupTest, nothing_is_overwritten) {
    ASSERT_TRUE(back_up());
    EXPECT_EQ(back_up().error().code, FaultCode::conflict);
    write_file(target_ + "/mine", "precious");
    EXPECT_EQ(restore_with().error().code, FaultCode::conflict);
    EXPECT_EQ(bytes_of(target_ + "/mine"), "precious");
    fs::remove(target_ + "/mine");
    EXPECT_TRUE(restore_with());  // an empty directory is as good as none
}

TEST_F(BackupTest, an_archive_cut_anywhere_or_with_more_behind_restores_nothing) {
    ASSERT_TRUE(back_up());
    const std::string whole = bytes_of(archive_);
    std::vector<std::size_t> cuts = {0, 1, 10, 24, 26, 28, 30, whole.size() - 33, whole.size() - 1};
    for (std::size_t cut = 5000; cut < whole.size(); cut += whole.size() / 20) cuts.push_back(cut);
    for (const auto cut : cuts) {
        write_file(archive_, whole.substr(0, cut));
        const auto restored = restore_with();
        ASSERT_FALSE(restored) << cut;
        EXPECT_TRUE(restored.error().code == FaultCode::corrupt || restored.error().code == FaultCode::malformed)
            << cut;
        expect_nothing_restored();
    }
    write_file(archive_, whole + "x");
    EXPECT_EQ(restore_with().error().code, FaultCode::corrupt);
    expect_nothing_restored();
}

TEST_F(BackupTest, a_changed_byte_restores_nothing) {
    ASSERT_TRUE(back_up());
    const std::string whole = bytes_of(archive_);
    for (std::size_t at = 40; at < whole.size(); at += whole.size() / 25) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 0x20);
        write_file(archive_, changed);
        EXPECT_FALSE(restore_with()) << at;
        expect_nothing_restored();
    }
}

TEST_F(BackupTest, an_archive_cannot_write_outside_or_claim_the_disk) {
    const std::string bad[] = {
        "file 600 1 ../evil\nx",
        "file 600 1 keys/../../evil\nx",
        "file 600 1 /etc/evil\nx",
        "file 600 1 keys//evil\nx",
        "file 600 1 keys/\nx",
        "file 600 1 keys\nx",
        "file 600 1 other.txt\nx",
        "file 4755 1 keys/evil\nx",
        "file 600 -1 keys/evil\nx",
        "file 600 99999999999999 keys/x\n",
        "file 600 1 keys/a\x01\nx",
        "link 600 1 keys/evil\nx",
        "file 600 1 keys/a\nxfile 600 1 keys/a\nx",
    };
    for (const auto& entry : bad) {
        fs::remove(archive_);
        auto writer = ArchiveWriter::begin(OpenFile::create(archive_, 0600).value(), std::nullopt, {}).value();
        ASSERT_TRUE(writer.write("made 2026-05-01T08:00:00Z\n" + entry + "end 1\n"));
        ASSERT_TRUE(writer.finish());
        const auto restored = restore_with();
        ASSERT_FALSE(restored) << entry;
        EXPECT_TRUE(restored.error().code == FaultCode::malformed || restored.error().code == FaultCode::corrupt ||
                    restored.error().code == FaultCode::too_large || restored.error().code == FaultCode::conflict)
            << entry << restored.error().message;
        expect_nothing_restored();
        EXPECT_FALSE(fs::exists(installation_.root / "evil"));
    }
}

// An archive may come from anywhere, and its word must not open keys and databases to everybody.
TEST_F(BackupTest, only_certificates_may_be_read_by_everybody) {
    write_file(installation_.directory() + "/pki/server.pem", "a certificate\n");
    const auto& keys = {"ringfence.toml", "pki/issuing/ca.key", "keys/seal.key", "registry.db"};
    for (const auto& name : keys) fs::permissions(installation_.directory() + "/" + name, fs::perms(0644));
    ASSERT_TRUE(back_up());
    std::string bytes = bytes_of(archive_);
    for (const auto& name : keys) EXPECT_EQ(bytes.find(fmt::format("file 644 {}", name)), std::string::npos);
    ASSERT_TRUE(restore_with());
    const auto mode = [&](const std::string& name) { return fs::status(target_ + "/" + name).permissions(); };
    for (const auto& name : keys) EXPECT_EQ(mode(name), fs::perms(0600)) << name;
    for (const auto& name : {"root.pem", "pki/server.pem"}) EXPECT_EQ(mode(name), fs::perms(0644)) << name;
}

TEST_F(BackupTest, an_archive_that_claims_open_modes_is_not_believed) {
    ASSERT_TRUE(back_up());
    auto reader = ArchiveReader::begin(OpenFile::open(archive_).value(), std::nullopt).value();
    const std::string opened = archive_ + "-opened";
    auto writer = ArchiveWriter::begin(OpenFile::create(opened, 0600).value(), std::nullopt, {}).value();
    ASSERT_TRUE(writer.write(reader.read_line(1024).value() + "\n"));
    std::uint64_t files = 0;
    for (std::string line = reader.read_line(1024).value(); line.substr(0, 4) == "file";
         line = reader.read_line(1024).value()) {
        const auto size = parse_number(split(line, ' ')[2]).value();
        ASSERT_TRUE(writer.write("file 644" + line.substr(8) + "\n"));
        ASSERT_TRUE(reader.read(size, [&](std::string_view piece) { return writer.write(piece); }));
        ++files;
    }
    ASSERT_TRUE(writer.write("end " + std::to_string(files) + "\n"));
    ASSERT_TRUE(writer.finish());
    const auto restored = restore(opened, target_, {}, installation_.clock, installation_.disk);
    ASSERT_TRUE(restored) << restored.error().message;
    for (const auto& name : {"keys/seal.key", "registry.db", "events.db", "pki/issuing/ca.key"})
        EXPECT_EQ(fs::status(target_ + "/" + name).permissions(), fs::perms(0600)) << name;
}

TEST_F(BackupTest, secret_content_stays_sealed_and_comes_back) {
    FileRecord secret = file_at("1230SIP.cfg");
    secret.content_class = trust::ContentClass::secret;
    const auto put = installation_.registry->put_file(secret, "canary-content").value();
    ASSERT_TRUE(back_up());
    EXPECT_EQ(bytes_of(archive_).find("canary-content"), std::string::npos);
    ASSERT_TRUE(restore_with());
    const auto registry = Registry::open(target_, installation_.clock, installation_.disk).value();
    EXPECT_EQ(registry->open_content(put.sha256).value().view(), "canary-content");
    EXPECT_TRUE(registry->verify_contents().value().sound());
}

TEST_F(BackupTest, an_archive_without_its_key_or_its_content_is_refused) {
    ASSERT_TRUE(back_up());
    for (const auto& missing :
         {std::string("/keys/seal.key"), "/content/" + file_.sha256.substr(0, 2) + "/" + file_.sha256}) {
        ASSERT_TRUE(restore_with());
        fs::remove(target_ + missing);
        const std::string broken = archive_ + "-broken";
        const auto made =
            backup(target_, broken, std::nullopt, installation_.clock, installation_.disk, installation_.random);
        if (made) {
            const auto restored = restore(broken, target_ + "2", {}, installation_.clock, installation_.disk);
            ASSERT_FALSE(restored);
            EXPECT_FALSE(fs::exists(target_ + "2"));
        } else {
            EXPECT_FALSE(fs::exists(broken));
        }
        fs::remove_all(target_);
        fs::remove(broken);
    }
}

TEST_F(BackupTest, a_full_disk_leaves_no_half_archive_and_no_half_installation) {
    for (const rlim_t bytes : {50'000, 400'000}) {
        const suites::SmallDisk full(bytes);
        EXPECT_EQ(back_up().error().code, FaultCode::unavailable);
        EXPECT_EQ(installation_.disk.list(installation_.root.path()).value(), std::vector<std::string>{"data"});
    }
    ASSERT_TRUE(back_up());
    for (const rlim_t bytes : {10'000, 50'000, 400'000}) {
        const suites::SmallDisk full(bytes);
        EXPECT_EQ(restore_with().error().code, FaultCode::unavailable);
        expect_nothing_restored();
    }
    EXPECT_TRUE(restore_with());
}

TEST_F(BackupTest, what_is_no_backup_and_what_is_newer_is_told_apart) {
    write_file(archive_, "hello\n");
    EXPECT_EQ(restore_with().error().code, FaultCode::malformed);
    write_file(archive_, "ringfence-backup 2 plain\n");
    EXPECT_EQ(restore_with().error().code, FaultCode::conflict);
    EXPECT_EQ(
        backup(target_, archive_ + "2", std::nullopt, installation_.clock, installation_.disk, installation_.random)
            .error()
            .code,
        FaultCode::not_found);
}

TEST_F(BackupTest, a_backup_of_a_running_installation_is_consistent) {
    auto server = installation_.open();
    ASSERT_TRUE(installation_.registry->together([&]() -> Status {
        // Not committed yet: the copy must not hold it.
        EXPECT_TRUE(installation_.registry->add_device({.mac = mac_number(2), .model = "1230"}));
        return back_up() ? Status() : fail(FaultCode::internal, "no backup");
    }));
    ASSERT_TRUE(restore_with());
    auto registry = Registry::open(target_, installation_.clock, installation_.disk).value();
    EXPECT_TRUE(registry->find_device(mac_number(1)).value());
    EXPECT_FALSE(registry->find_device(mac_number(2)).value());
    EXPECT_TRUE(server->find_device(mac_number(2)).value());
}

}  // namespace
}  // namespace ringfence::registry
