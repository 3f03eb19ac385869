// What every Lookup promises (src/registry/lookup.h), asked of each implementation alike. A test program instantiates
// it:
//   INSTANTIATE_TEST_SUITE_P(Registry, LookupSuite, testing::Values(&make_one));  // and OneTimeSuite
// where make_one gives the Lookup under test and a Registry over the same data to fill it through.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "tests/registry/installation.h"

namespace ringfence::registry {

struct LookupUnderTest {
    virtual ~LookupUnderTest() = default;
    virtual Lookup& lookup() = 0;
    virtual Registry& office() = 0;  // another connection, as another process has
    virtual ManualClock& clock() = 0;
    virtual std::string directory() = 0;
};

inline WindowVisitor at(const std::string& address) { return {address, address}; }

class LookupSuite : public testing::TestWithParam<std::unique_ptr<LookupUnderTest> (*)()> {
protected:
    std::unique_ptr<LookupUnderTest> made_ = GetParam()();
    Lookup& lookup_ = made_->lookup();
    Registry& office_ = made_->office();

    Window open_window(std::uint32_t count) {
        Window window;
        window.networks = {Network::parse("192.0.2.0/24").value()};
        window.closes = made_->clock().wall_now() + std::chrono::minutes(10);
        window.count = count;
        return office_.open_window(window).value();
    }
};

TEST_P(LookupSuite, a_device_is_found_with_its_user_and_only_while_it_is_there) {
    const auto mac = mac_number(1);
    EXPECT_FALSE(lookup_.find_device(mac).value());
    ASSERT_TRUE(office_.add_site(site_with("oslo", {})));
    ASSERT_TRUE(office_.add_device({.mac = mac, .model = "1230", .site = "oslo", .requires_certificate = true},
                                   login_of(mac, "phone-1")));
    const auto device = lookup_.find_device(mac).value();
    ASSERT_TRUE(device);
    EXPECT_EQ(device->mac, mac);
    EXPECT_EQ(device->model, "1230");
    EXPECT_EQ(device->site, "oslo");
    EXPECT_EQ(device->user, "phone-1");
    EXPECT_EQ(device->login_kind, LoginKind::keypad);
    EXPECT_TRUE(device->requires_certificate);
    EXPECT_EQ(device->added, made_->clock().wall_now());
    EXPECT_FALSE(device->last_proved);
    ASSERT_TRUE(office_.remove_device(mac));
    EXPECT_FALSE(lookup_.find_device(mac).value());
}

TEST_P(LookupSuite, a_visitor_that_says_later_which_device_it_is_takes_one_place_of_a_window) {
    const auto window = open_window(2);
    const WindowVisitor named{"00:24:7f:00:00:01", "192.0.2.1"};
    EXPECT_TRUE(lookup_.enter_window(window.id, at("192.0.2.1")).value());
    EXPECT_TRUE(lookup_.may_enter_window(window.id, named).value());
    EXPECT_TRUE(lookup_.enter_window(window.id, named).value());
    EXPECT_TRUE(lookup_.enter_window(window.id, named).value());
    EXPECT_EQ(office_.list_windows(1).value().at(0).used, 1U);
    // Another one behind the same address takes another.
    EXPECT_TRUE(lookup_.enter_window(window.id, {"00:24:7f:00:00:02", "192.0.2.1"}).value());
    EXPECT_FALSE(lookup_.enter_window(window.id, {"00:24:7f:00:00:03", "192.0.2.1"}).value());
    EXPECT_TRUE(lookup_.enter_window(window.id, named).value());
}

TEST_P(LookupSuite, a_snapshot_shows_one_state_until_it_ends) {
    {
        const Snapshot snapshot(lookup_);
        EXPECT_FALSE(lookup_.find_device(mac_number(1)).value());
        ASSERT_TRUE(office_.add_site(site_with("oslo", {})));
        ASSERT_TRUE(office_.add_device({.mac = mac_number(1), .model = "1230", .site = "oslo"}));
        EXPECT_FALSE(lookup_.find_device(mac_number(1)).value());
        EXPECT_TRUE(lookup_.catalogue().value()->sites.empty());
    }
    EXPECT_TRUE(lookup_.find_device(mac_number(1)).value());
    EXPECT_EQ(lookup_.catalogue().value()->sites.size(), 1U);
}

TEST_P(LookupSuite, a_write_within_a_snapshot_is_kept_although_others_have_written_since) {
    const auto mac = mac_number(1);
    ASSERT_TRUE(office_.add_device({.mac = mac, .model = "1230"}));
    const auto window = open_window(1);
    {
        const Snapshot snapshot(lookup_);
        ASSERT_TRUE(lookup_.find_device(mac).value());
        ASSERT_TRUE(office_.add_site(site_with("oslo", {})));
        EXPECT_TRUE(lookup_.enter_window(window.id, at("192.0.2.1")).value());
    }
    {
        const Snapshot snapshot(lookup_);
        ASSERT_TRUE(lookup_.find_device(mac).value());
        ASSERT_TRUE(office_.add_site(site_with("bergen", {})));
        ASSERT_TRUE(lookup_.note_proved(mac, trust::Wire::https, made_->clock().wall_now()));
    }
    EXPECT_FALSE(lookup_.enter_window(window.id, at("192.0.2.2")).value());
    EXPECT_EQ(office_.find_device(mac).value()->last_proved, made_->clock().wall_now());
}

TEST_P(LookupSuite, a_login_is_found_open_by_its_exact_user_name) {
    const auto mac = mac_number(1);
    ASSERT_TRUE(office_.add_device({.mac = mac, .model = "1230"}, login_of(mac, "phone-1")));
    EXPECT_FALSE(lookup_.find_login("phone").value());
    EXPECT_FALSE(lookup_.find_login("PHONE-1").value());
    EXPECT_FALSE(lookup_.find_login("").value());
    EXPECT_FALSE(lookup_.find_login(std::string("phone-1\0", 8)).value());
    const auto login = lookup_.find_login("phone-1").value();
    ASSERT_TRUE(login);
    EXPECT_EQ(login->device, mac);
    EXPECT_TRUE(login->site.empty());
    EXPECT_EQ(login->ha1_md5.reveal(), std::string(32, 'a'));
    EXPECT_EQ(login->ha1_sha256.reveal(), std::string(64, 'b'));
    EXPECT_EQ(login->kind, LoginKind::keypad);
}

TEST_P(LookupSuite, a_revocation_shows_at_the_next_look) {
    const auto mac = mac_number(1);
    ASSERT_TRUE(office_.add_device({.mac = mac, .model = "1230"}));
    ASSERT_TRUE(office_.add_certificate(certificate_of(mac, '7')));
    const std::string fingerprint(64, '7');
    const auto before = lookup_.find_certificate(fingerprint).value();
    ASSERT_TRUE(before);
    EXPECT_EQ(before->device, mac);
    EXPECT_FALSE(before->revoked);
    ASSERT_TRUE(office_.revoke_certificate(std::string(16, '7')));
    EXPECT_EQ(lookup_.find_certificate(fingerprint).value()->revoked, made_->clock().wall_now());
    EXPECT_FALSE(lookup_.find_certificate(std::string(64, '8')).value());
}

TEST_P(LookupSuite, device_settings_come_by_name_and_remember_what_was_unset) {
    const auto mac = mac_number(1);
    EXPECT_TRUE(lookup_.device_settings(mac).value().empty());
    ASSERT_TRUE(office_.add_device({.mac = mac, .model = "1230"}));
    ASSERT_TRUE(office_.set_setting(device_scope(mac), "B", Secret("two")));
    ASSERT_TRUE(office_.set_setting(device_scope(mac), "A", Secret("")));
    ASSERT_TRUE(office_.set_setting(device_scope(mac), "C", Secret("three")));
    ASSERT_TRUE(office_.unset_setting(device_scope(mac), "C"));
    const auto settings = lookup_.device_settings(mac).value();
    ASSERT_EQ(settings.size(), 3u);
    EXPECT_EQ(settings[0].name, "A");
    ASSERT_TRUE(settings[0].value);
    EXPECT_TRUE(settings[0].value->empty());
    EXPECT_EQ(settings[1].value->reveal(), "two");
    EXPECT_EQ(settings[2].name, "C");
    EXPECT_FALSE(settings[2].value);
}

TEST_P(LookupSuite, the_snapshot_is_the_same_object_until_the_shared_part_changes) {
    const auto first = lookup_.catalogue().value();
    const auto mac = mac_number(1);
    ASSERT_TRUE(office_.add_device({.mac = mac, .model = "1230"}, login_of(mac, "phone-1")));
    ASSERT_TRUE(office_.set_setting(device_scope(mac), "A", Secret("1")));
    ASSERT_TRUE(lookup_.note_proved(mac, trust::Wire::https, made_->clock().wall_now()));
    EXPECT_EQ(lookup_.catalogue().value(), first);
    ASSERT_TRUE(office_.add_site(site_with("oslo", {"192.0.2.0/24"})));
    const auto second = lookup_.catalogue().value();
    EXPECT_NE(second, first);
    EXPECT_TRUE(first->sites.empty());
    ASSERT_EQ(second->sites.size(), 1u);
    EXPECT_EQ(second->sites[0].networks, std::vector{Network::parse("192.0.2.0/24").value()});
    EXPECT_EQ(lookup_.catalogue().value(), second);
}

TEST_P(LookupSuite, files_stand_by_path_and_the_most_specific_first) {
    ASSERT_TRUE(office_.add_site(site_with("oslo", {})));
    for (const auto& [model, site] :
         {std::pair("", ""), std::pair("1230", ""), std::pair("", "oslo"), std::pair("1230", "oslo")}) {
        FileRecord file = file_at("tones/a.wav", "TONES");
        file.model = model;
        file.site = site;
        ASSERT_TRUE(office_.put_file(file, "bytes"));
    }
    ASSERT_TRUE(office_.put_file(file_at("another"), "bytes"));
    const auto catalogue = lookup_.catalogue().value();
    std::vector<std::string> seen;
    for (const auto& file : catalogue->files) seen.push_back(file.path + "|" + file.model + "|" + file.site);
    EXPECT_EQ(seen, (std::vector<std::string>{"another||", "tones/a.wav|1230|oslo", "tones/a.wav||oslo",
                                              "tones/a.wav|1230|", "tones/a.wav||"}));
}

TEST_P(LookupSuite, content_is_what_was_put) {
    const auto file = office_.put_file(file_at("a"), std::string("x\0y", 3)).value();
    EXPECT_EQ(lookup_.open_content(file.sha256).value().view(), std::string_view("x\0y", 3));
    EXPECT_EQ(lookup_.open_content(std::string(64, '0')).error().code, FaultCode::not_found);
    EXPECT_EQ(lookup_.open_content("../../registry.db").error().code, FaultCode::not_found);
}

TEST_P(LookupSuite, content_that_rotted_is_not_handed_out) {
    const auto file = office_.put_file(file_at("a"), "what was put").value();
    const std::string path = made_->directory() + "/content/" + file.sha256.substr(0, 2) + "/" + file.sha256;
    std::ofstream(path, std::ios::binary | std::ios::trunc) << "what was not";
    const auto body = lookup_.open_content(file.sha256);
    ASSERT_FALSE(body);
    EXPECT_EQ(body.error().code, FaultCode::corrupt);
}

TEST_P(LookupSuite, a_window_counts_each_visitor_once_and_then_is_full) {
    const auto window = open_window(2);
    for (const auto* visitor : {"192.0.2.7", "192.0.2.8", "192.0.2.9"})
        EXPECT_TRUE(lookup_.may_enter_window(window.id, at(visitor)).value()) << "looking counts nothing";
    EXPECT_TRUE(lookup_.enter_window(window.id, at("192.0.2.1")).value());
    EXPECT_TRUE(lookup_.enter_window(window.id, at("192.0.2.1")).value());
    EXPECT_TRUE(lookup_.enter_window(window.id, at("192.0.2.2")).value());
    EXPECT_FALSE(lookup_.enter_window(window.id, at("192.0.2.3")).value());
    EXPECT_FALSE(lookup_.may_enter_window(window.id, at("192.0.2.3")).value());
    EXPECT_TRUE(lookup_.may_enter_window(window.id, at("192.0.2.1")).value());
    EXPECT_TRUE(lookup_.enter_window(window.id, at("192.0.2.2")).value());
    EXPECT_EQ(office_.list_windows(1).value().at(0).used, 2u);
}

TEST_P(LookupSuite, a_window_that_is_over_closed_or_unknown_lets_nobody_in) {
    const auto timed = open_window(0);
    EXPECT_TRUE(lookup_.enter_window(timed.id, at("192.0.2.1")).value());
    made_->clock().advance(std::chrono::minutes(10));
    EXPECT_FALSE(lookup_.enter_window(timed.id, at("192.0.2.1")).value());
    const auto closed = open_window(0);
    ASSERT_TRUE(office_.close_window(closed.id));
    EXPECT_FALSE(lookup_.enter_window(closed.id, at("192.0.2.1")).value());
    EXPECT_FALSE(lookup_.enter_window(closed.id + 1, at("192.0.2.1")).value());
    EXPECT_FALSE(lookup_.may_enter_window(closed.id, at("192.0.2.1")).value());
}

TEST_P(LookupSuite, open_windows_stand_in_the_snapshot_and_closed_ones_do_not) {
    const auto window = open_window(5);
    auto windows = lookup_.catalogue().value()->windows;
    ASSERT_EQ(windows.size(), 1u);
    EXPECT_EQ(windows[0].id, window.id);
    EXPECT_EQ(windows[0].closes, window.closes);
    EXPECT_EQ(windows[0].networks, window.networks);
    ASSERT_TRUE(office_.close_window(window.id));
    EXPECT_TRUE(lookup_.catalogue().value()->windows.empty());
}

TEST_P(LookupSuite, a_proof_is_noted_once_an_hour) {
    const auto mac = mac_number(1);
    ASSERT_TRUE(lookup_.note_proved(mac, trust::Wire::https, first_of_may));  // of an unknown device: nothing to note
    ASSERT_TRUE(office_.add_device({.mac = mac, .model = "1230"}));
    ASSERT_TRUE(lookup_.note_proved(mac, trust::Wire::https, first_of_may));
    ASSERT_TRUE(lookup_.note_proved(mac, trust::Wire::https, first_of_may + std::chrono::minutes(59)));
    EXPECT_EQ(lookup_.find_device(mac).value()->last_proved, first_of_may);
    ASSERT_TRUE(lookup_.note_proved(mac, trust::Wire::https, first_of_may + std::chrono::minutes(60)));
    EXPECT_EQ(office_.find_device(mac).value()->last_proved, first_of_may + std::chrono::minutes(60));
}

TEST_P(LookupSuite, a_proof_on_the_legacy_lane_is_noted_apart) {
    const auto mac = mac_number(1);
    ASSERT_TRUE(office_.add_device({.mac = mac, .model = "1230"}));
    ASSERT_TRUE(lookup_.note_proved(mac, trust::Wire::https, first_of_may));
    EXPECT_FALSE(office_.find_device(mac).value()->last_proved_legacy);
    const auto later = first_of_may + std::chrono::minutes(5);
    ASSERT_TRUE(lookup_.note_proved(mac, trust::Wire::https_legacy, later));
    ASSERT_TRUE(lookup_.note_proved(mac, trust::Wire::https_legacy, later + std::chrono::minutes(59)));
    EXPECT_EQ(office_.find_device(mac).value()->last_proved_legacy, later);
    EXPECT_EQ(office_.find_device(mac).value()->last_proved, later);
    ASSERT_TRUE(lookup_.note_proved(mac, trust::Wire::https, later + std::chrono::hours(2)));
    EXPECT_EQ(office_.find_device(mac).value()->last_proved_legacy, later);
}

TEST_P(LookupSuite, a_state_is_noted_where_it_is_the_next_step) {
    const auto mac = mac_number(1);
    ASSERT_TRUE(lookup_.note_state(mac, DeviceState::seen));  // of an unknown device: nothing to note
    ASSERT_TRUE(office_.add_device({.mac = mac, .model = "1230"}));
    const auto state = [&] { return office_.find_device(mac).value()->state; };
    ASSERT_TRUE(lookup_.note_state(mac, DeviceState::active));
    EXPECT_EQ(state(), DeviceState::expected);
    ASSERT_TRUE(lookup_.note_state(mac, DeviceState::seen));
    EXPECT_EQ(state(), DeviceState::seen);
    ASSERT_TRUE(office_.set_device_state(mac, DeviceState::enrolled));
    ASSERT_TRUE(lookup_.note_state(mac, DeviceState::seen));
    EXPECT_EQ(state(), DeviceState::enrolled);
    {
        const Snapshot snapshot(lookup_);
        ASSERT_TRUE(lookup_.find_device(mac).value());
        ASSERT_TRUE(lookup_.note_state(mac, DeviceState::active));
    }
    EXPECT_EQ(state(), DeviceState::active);
    ASSERT_TRUE(office_.set_device_state(mac, DeviceState::retired));
    for (const auto noted : {DeviceState::seen, DeviceState::active}) ASSERT_TRUE(lookup_.note_state(mac, noted));
    EXPECT_EQ(lookup_.find_device(mac).value()->state, DeviceState::retired);
}

TEST_P(LookupSuite, the_login_before_holds_until_the_next_one_is_promoted) {
    const auto mac = mac_number(1);
    ASSERT_TRUE(office_.add_device({.mac = mac, .model = "1230"}, login_of(mac, "phone-1")));
    auto next = login_of(mac, "phone-1-next");
    next.ha1_md5 = Secret(std::string(32, 'e'));
    next.kind = LoginKind::random;
    ASSERT_TRUE(office_.store_next_login(next));
    EXPECT_FALSE(lookup_.find_login("phone-1").value()->is_next);
    EXPECT_EQ(lookup_.find_device(mac).value()->user, "phone-1");
    const auto found = lookup_.find_login("phone-1-next").value();
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->is_next);
    EXPECT_EQ(found->device, mac);
    ASSERT_TRUE(lookup_.promote_login("phone-1"));  // no next one: nothing to promote
    EXPECT_TRUE(lookup_.find_login("phone-1").value());
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(lookup_.promote_login("phone-1-next"));
    EXPECT_FALSE(lookup_.find_login("phone-1").value());
    const auto promoted = lookup_.find_login("phone-1-next").value();
    EXPECT_FALSE(promoted->is_next);
    EXPECT_EQ(promoted->ha1_md5.reveal(), std::string(32, 'e'));
    EXPECT_EQ(promoted->kind, LoginKind::random);
    EXPECT_EQ(lookup_.find_device(mac).value()->user, "phone-1-next");
}

class OneTimeSuite : public LookupSuite {
protected:
    OneTimeSuite() {
        EXPECT_TRUE(office_.add_device({.mac = mac_number(1), .model = "1230"}));
        OneTimeFile file{.path = "phone.p12", .section = "DEV_CERT", .device = mac_number(1)};
        file.certificate = std::string(64, '7');
        file.created = first_of_may;
        file.expires = first_of_may + std::chrono::hours(1);
        EXPECT_TRUE(office_.put_one_time_file(file, std::string("p12\0", 4)));
    }
    Lookup::Claim claim(const std::string& source, Duration after) {
        return lookup_.claim_one_time_file("phone.p12", IpAddress::parse(source).value(), first_of_may + after).value();
    }
};

TEST_P(OneTimeSuite, a_one_time_file_is_found_by_path_and_by_device) {
    const auto file = lookup_.find_one_time_file("phone.p12").value();
    ASSERT_TRUE(file);
    EXPECT_EQ(file->section, "DEV_CERT");
    EXPECT_EQ(file->device, mac_number(1));
    EXPECT_FALSE(file->version.empty());
    EXPECT_EQ(file->certificate, std::string(64, '7'));
    EXPECT_EQ(file->created, first_of_may);
    EXPECT_EQ(file->expires, first_of_may + std::chrono::hours(1));
    EXPECT_TRUE(file->fetched_by.empty());
    EXPECT_FALSE(lookup_.find_one_time_file("other.p12").value());
    EXPECT_EQ(lookup_.one_time_files_of(mac_number(1)).value().size(), 1u);
    EXPECT_TRUE(lookup_.one_time_files_of(mac_number(2)).value().empty());
    EXPECT_EQ(lookup_.open_one_time_file("phone.p12").value().view(), std::string_view("p12\0", 4));
    EXPECT_EQ(lookup_.open_one_time_file("other.p12").error().code, FaultCode::not_found);
}

TEST_P(OneTimeSuite, its_own_address_may_ask_again_until_the_grace_is_over) {
    using std::chrono::minutes;
    EXPECT_EQ(claim("192.0.2.7", minutes(0)), Lookup::Claim::first);
    EXPECT_EQ(claim("192.0.2.7", minutes(5)), Lookup::Claim::again) << "it was not handed over yet";
    ASSERT_TRUE(lookup_.note_handed_over("phone.p12", first_of_may + minutes(5)));
    EXPECT_EQ(claim("192.0.2.7", minutes(5) + one_time_grace - Duration(1)), Lookup::Claim::again);
    // A repetition does not stretch the grace.
    ASSERT_TRUE(lookup_.note_handed_over("phone.p12", first_of_may + minutes(6)));
    EXPECT_EQ(claim("192.0.2.7", minutes(5) + one_time_grace), Lookup::Claim::burned);
    EXPECT_EQ(claim("192.0.2.7", minutes(7)), Lookup::Claim::gone);
    const auto file = lookup_.find_one_time_file("phone.p12").value();
    EXPECT_EQ(file->fetched_by, "192.0.2.7");
    EXPECT_EQ(file->fetched, first_of_may);
    EXPECT_EQ(file->handed_over, first_of_may + minutes(5));
    EXPECT_EQ(file->burned, first_of_may + minutes(5) + one_time_grace);
}

TEST_P(OneTimeSuite, another_address_burns_it_for_everybody) {
    EXPECT_EQ(claim("192.0.2.7", {}), Lookup::Claim::first);
    EXPECT_EQ(claim("192.0.2.8", {}), Lookup::Claim::burned);
    EXPECT_EQ(claim("192.0.2.7", {}), Lookup::Claim::gone);
    EXPECT_EQ(claim("192.0.2.8", {}), Lookup::Claim::gone);
    EXPECT_EQ(lookup_.open_one_time_file("phone.p12").error().code, FaultCode::not_found);
}

TEST_P(OneTimeSuite, one_that_ran_out_or_is_not_there_is_gone) {
    EXPECT_EQ(claim("192.0.2.7", std::chrono::hours(1)), Lookup::Claim::gone);
    EXPECT_EQ(claim("192.0.2.7", {}), Lookup::Claim::gone) << "also when the clock was set back";
    EXPECT_EQ(lookup_.claim_one_time_file("other.p12", IpAddress::parse("192.0.2.7").value(), first_of_may).value(),
              Lookup::Claim::gone);
    ASSERT_TRUE(lookup_.note_handed_over("other.p12", first_of_may));
}

}  // namespace ringfence::registry
