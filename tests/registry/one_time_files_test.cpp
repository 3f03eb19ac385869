// Files that are fetched once, beyond what every Lookup promises (tests/suites/lookup_suite.h).
#include <atomic>
#include <thread>

#include "tests/registry/installation.h"
#include "tests/suites/small_disk.h"

namespace ringfence::registry {
namespace {

OneTimeFile file_of(const MacAddress& mac) {
    OneTimeFile file{.path = "phone.p12", .section = "DEV_CERT", .device = mac};
    file.expires = first_of_may + std::chrono::hours(1);
    return file;
}

const IpAddress phone = IpAddress::parse("192.0.2.7").value();

TEST_F(RegistryTest, putting_a_one_time_file_again_begins_anew_with_a_higher_version) {
    const auto mac = mac_number(1);
    EXPECT_EQ(registry_.put_one_time_file(file_of(mac), "x").error().code, FaultCode::not_found);
    ASSERT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}));
    ASSERT_TRUE(registry_.put_one_time_file(file_of(mac), "first"));
    const std::string before = registry_.find_one_time_file("phone.p12").value()->version;
    ASSERT_EQ(registry_.claim_one_time_file("phone.p12", phone, first_of_may).value(), Lookup::Claim::first);
    ASSERT_TRUE(registry_.put_one_time_file(file_of(mac), "second"));
    const auto file = registry_.find_one_time_file("phone.p12").value();
    EXPECT_LT(before, file->version);
    EXPECT_TRUE(file->fetched_by.empty());
    EXPECT_EQ(registry_.open_one_time_file("phone.p12").value().view(), "second");
    EXPECT_LT(file->version, registry_.put_file(file_at("a", "TONES"), "a").value().version) << "one counter for all";
}

TEST_F(RegistryTest, putting_a_one_time_file_raises_its_section_and_the_catalogue_says_until_when) {
    ASSERT_TRUE(registry_.add_device({.mac = mac_number(1), .model = "1230"}));
    EXPECT_TRUE(registry_.catalogue().value()->one_time_until.empty());
    auto file = file_of(mac_number(1));
    for (const auto& [path, hours] : {std::pair("a.p12", 5), std::pair("b.p12", 2)}) {
        file.path = path;
        file.expires = first_of_may + std::chrono::hours(hours);
        ASSERT_TRUE(registry_.put_one_time_file(file, "x"));
        const auto catalogue = registry_.catalogue().value();
        EXPECT_EQ(format_version(catalogue->section_versions.at("DEV_CERT")),
                  registry_.find_one_time_file(path).value()->version);
        EXPECT_EQ(catalogue->one_time_until.at("DEV_CERT"), first_of_may + std::chrono::hours(5));
    }
}

// Of a device in that state, whose file was fetched, whether its certificate holds after `second` asked.
class RevokedCertificates : public RegistryTest {
protected:
    bool still_holds(DeviceState state, const char* second) {
        const auto mac = mac_number(1);
        EXPECT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}));
        const auto certificate = certificate_of(mac, '7');
        EXPECT_TRUE(registry_.add_certificate(certificate));
        EXPECT_TRUE(registry_.add_certificate(certificate_of(mac, '8')));
        if (state == DeviceState::active) {
            EXPECT_TRUE(registry_.set_device_state(mac, state));
        }
        auto file = file_of(mac);
        file.certificate = certificate.fingerprint;
        EXPECT_TRUE(registry_.put_one_time_file(file, "x"));
        EXPECT_EQ(registry_.claim_one_time_file(file.path, phone, first_of_may).value(), Lookup::Claim::first);
        EXPECT_TRUE(registry_.note_handed_over(file.path, first_of_may));
        EXPECT_EQ(
            registry_.claim_one_time_file(file.path, IpAddress::parse(second).value(), first_of_may + one_time_grace)
                .value(),
            Lookup::Claim::burned);
        const bool holds = !registry_.find_certificate(certificate.fingerprint).value()->revoked;
        const bool other_holds = !registry_.find_certificate(std::string(64, '8')).value()->revoked;
        EXPECT_EQ(other_holds, holds) << "whoever had the file may have renewed what was in it";
        return holds;
    }
};

TEST_F(RevokedCertificates, a_second_address_ends_a_certificate_that_proved_nothing_yet) {
    EXPECT_FALSE(still_holds(DeviceState::enrolled, "192.0.2.8"));
}
TEST_F(RevokedCertificates, nobody_puts_a_set_out_of_service_by_asking_for_its_file) {
    EXPECT_TRUE(still_holds(DeviceState::active, "192.0.2.8"));
}
TEST_F(RevokedCertificates, the_same_address_that_comes_late_ends_nothing) {
    EXPECT_TRUE(still_holds(DeviceState::enrolled, "192.0.2.7"));
}

TEST_F(RegistryTest, a_one_time_file_is_bounded_and_its_path_is_one_devices) {
    ASSERT_TRUE(registry_.add_device({.mac = mac_number(1), .model = "1230"}));
    ASSERT_TRUE(registry_.add_device({.mac = mac_number(2), .model = "1230"}));
    ASSERT_TRUE(registry_.put_one_time_file(file_of(mac_number(1)), "x"));
    EXPECT_EQ(registry_.put_one_time_file(file_of(mac_number(2)), "x").error().code, FaultCode::conflict);
    EXPECT_EQ(registry_.put_one_time_file(file_of(mac_number(1)), std::string(65'537, 'x')).error().code,
              FaultCode::too_large);
    for (const auto* path : {"", "/phone.p12", " x"}) {
        auto bad = file_of(mac_number(1));
        bad.path = path;
        EXPECT_EQ(registry_.put_one_time_file(bad, "x").error().code, FaultCode::malformed) << path;
    }
}

TEST_F(RegistryTest, what_nobody_gets_any_more_is_not_kept) {
    ASSERT_TRUE(registry_.add_device({.mac = mac_number(1), .model = "1230"}));
    ASSERT_TRUE(registry_.put_one_time_file(file_of(mac_number(1)), "x"));
    ASSERT_EQ(registry_.claim_one_time_file("phone.p12", phone, first_of_may).value(), Lookup::Claim::first);
    ASSERT_TRUE(registry_.note_handed_over("phone.p12", first_of_may));
    installation_.clock.advance(one_time_grace);
    auto other = file_of(mac_number(1));
    other.path = "another.p12";
    ASSERT_TRUE(registry_.put_one_time_file(other, "y"));
    EXPECT_EQ(registry_.open_one_time_file("phone.p12").error().code, FaultCode::not_found);
    std::vector<std::string> paths;
    ASSERT_TRUE(registry_.list_one_time_files([&](const OneTimeFile& file) {
        paths.push_back(file.path + (file.burned ? " burned" : ""));
        return true;
    }));
    EXPECT_EQ(paths, (std::vector<std::string>{"another.p12", "phone.p12 burned"}));
}

TEST_F(RegistryTest, a_full_disk_hands_nothing_out_unrecorded) {
    ASSERT_TRUE(registry_.add_device({.mac = mac_number(1), .model = "1230"}));
    ASSERT_TRUE(registry_.put_one_time_file(file_of(mac_number(1)), "x"));
    {
        const suites::SmallDisk full(4096);
        EXPECT_EQ(registry_.claim_one_time_file("phone.p12", phone, first_of_may).error().code, FaultCode::unavailable);
    }
    EXPECT_EQ(registry_.claim_one_time_file("phone.p12", phone, first_of_may).value(), Lookup::Claim::first);
}

TEST(OneTimeThreads, of_two_addresses_at_once_one_is_first_and_the_file_is_burned) {
    Installation installation;
    ASSERT_TRUE(installation.registry->add_device({.mac = mac_number(1), .model = "1230"}));
    ASSERT_TRUE(installation.registry->put_one_time_file(file_of(mac_number(1)), "x"));
    std::vector<std::unique_ptr<Registry>> connections;
    for (int i = 0; i < 2; ++i) connections.push_back(installation.open());
    std::atomic<int> first{0};
    std::atomic<int> burned{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i)
        threads.emplace_back([&, i] {
            const auto claim = connections[static_cast<std::size_t>(i)]->claim_one_time_file(
                "phone.p12", IpAddress::parse("192.0.2." + std::to_string(i + 1)).value(), first_of_may);
            if (claim && *claim == Lookup::Claim::first) ++first;
            if (claim && *claim == Lookup::Claim::burned) ++burned;
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(first, 1);
    EXPECT_EQ(burned, 1);
    EXPECT_EQ(installation.registry->open_one_time_file("phone.p12").error().code, FaultCode::not_found);
}

}  // namespace
}  // namespace ringfence::registry
