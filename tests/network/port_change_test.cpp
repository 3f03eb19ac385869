#include "network/port_change.h"

#include <gtest/gtest.h>

#include <vector>

namespace ringfence::network {
namespace {

using protocol::RadiusAttribute;
using protocol::RadiusCode;
using registry::DevicePort;
using trust::NetworkProof;
using trust::Segment;

const WallTime now = parse_time("2026-05-01T08:00:00Z").value();
const MacAddress phone = MacAddress::parse("00247F0102AB").value();

Standing standing_of_phone() {
    Standing out{.device = phone, .identity = "phone", .password = Secret("known to both")};
    out.is_in_service = true;
    return out;
}

DevicePort port_of_phone(NetworkProof proof, Segment segment) {
    DevicePort out{.device = phone,
                   .switch_address = IpAddress::parse("198.51.100.1").value(),
                   .told_address = IpAddress::parse("192.0.2.1").value()};
    out.switch_name = "floor-1";
    out.port = "GigabitEthernet1/0/7";
    out.port_number = 50107;
    out.hardware = "00-24-7F-01-02-AB";
    out.identity = "phone";
    out.proof = proof;
    out.segment = segment;
    return out;
}

// Written from the words of the issue, not from the code: by password, a device is in production once it proved itself,
// unless it has to show a certificate; before that in onboarding while a window is open; else nowhere.
Verdict expected_by_password(const Standing& standing, Segment noted) {
    if (!standing.is_in_service) return {Turn::out};
    const bool is_proved = standing.has_proved_itself && !standing.requires_certificate;
    if (!is_proved && !standing.window_closes) return {Turn::out};
    const Segment right = is_proved ? Segment::production : Segment::onboarding;
    return {right == noted ? Turn::stays : Turn::other_segment, right};
}

TEST(port_change, a_right_by_password_is_compared_with_the_port_in_every_case) {
    for (int bits = 0; bits < 32; ++bits) {
        Standing standing = standing_of_phone();
        standing.is_in_service = (bits & 1) != 0;
        standing.has_proved_itself = (bits & 2) != 0;
        standing.requires_certificate = (bits & 4) != 0;
        if ((bits & 8) != 0) standing.window_closes = now + std::chrono::hours(1);
        if ((bits & 16) != 0) standing.certificates = {{"0a", now + std::chrono::hours(1)}};
        for (const Segment noted : {Segment::onboarding, Segment::production})
            EXPECT_EQ(judge_port(standing, port_of_phone(NetworkProof::password, noted), now),
                      expected_by_password(standing, noted))
                << bits;
    }
}

TEST(port_change, a_right_by_certificate_lasts_while_any_good_one_is_left) {
    const auto port = port_of_phone(NetworkProof::certificate, Segment::production);
    Standing standing = standing_of_phone();
    EXPECT_EQ(judge_port(standing, port, now), Verdict{Turn::out}) << "a password does not stand in for it";
    standing.certificates = {{"0a", now - std::chrono::seconds(1)}, {"0b", now + std::chrono::seconds(1)}};
    EXPECT_EQ(judge_port(standing, port, now).turn, Turn::stays);
    EXPECT_EQ(judge_port(standing, port, now + std::chrono::seconds(2)), Verdict{Turn::out});
    standing.is_in_service = false;
    EXPECT_EQ(judge_port(standing, port, now), Verdict{Turn::out});
}

TEST(port_change, a_certificate_of_the_legacy_lane_counts_while_the_lane_serves_the_device) {
    const auto port = port_of_phone(NetworkProof::certificate, Segment::production);
    Standing standing = standing_of_phone();
    standing.certificates = {{.serial = "0a", .not_after = now + std::chrono::hours(9), .is_legacy = true}};
    EXPECT_EQ(judge_port(standing, port, now), Verdict{Turn::out});
    standing.legacy_closes = now + std::chrono::hours(1);
    EXPECT_EQ(judge_port(standing, port, now).turn, Turn::stays);
    EXPECT_EQ(find_lapse(standing, now), standing.legacy_closes);
}

TEST(port_change, without_device_password_or_own_hardware_there_is_no_right) {
    const auto port = port_of_phone(NetworkProof::password, Segment::production);
    Standing standing = standing_of_phone();
    standing.has_proved_itself = true;
    ASSERT_EQ(judge_port(standing, port, now).turn, Turn::stays);
    EXPECT_EQ(judge_port(std::nullopt, port, now), Verdict{Turn::out});
    auto other_hardware = port;
    other_hardware.hardware = "00-24-7F-01-02-AC";
    EXPECT_EQ(judge_port(standing, other_hardware, now), Verdict{Turn::out});
    auto other_name = port;
    other_name.identity = "another";
    EXPECT_EQ(judge_port(standing, other_name, now), Verdict{Turn::out});
    standing.password = Secret();
    standing.certificates = {{"0a", now + std::chrono::hours(1)}};
    EXPECT_EQ(judge_port(standing, port, now), Verdict{Turn::out}) << "what it came in by was taken from it";
}

TEST(port_change, a_lapse_is_the_first_end_that_is_still_to_come) {
    Standing standing = standing_of_phone();
    EXPECT_EQ(find_lapse(standing, now), std::nullopt);
    standing.certificates = {{"0a", now - std::chrono::hours(1)}, {"0b", now + std::chrono::hours(2)}};
    EXPECT_EQ(find_lapse(standing, now), now + std::chrono::hours(2));
    standing.window_closes = now + std::chrono::hours(1);
    EXPECT_EQ(find_lapse(standing, now), now + std::chrono::hours(1));
}

ChangeOrder order_for(registry::PortChange change, Turn turn) {
    return {.port = port_of_phone(NetworkProof::password, Segment::onboarding),
            .at = {.name = "floor-1", .network = Network::parse("192.0.2.1").value(), .change = change},
            .turn = turn,
            .segment = Segment::production,
            .segment_name = "phones"};
}

std::vector<RadiusAttribute> types_of(const protocol::RadiusPacket& packet) {
    std::vector<RadiusAttribute> out;
    for (const auto& field : packet.attributes) out.push_back(field.type);
    return out;
}

TEST(port_change, a_disconnect_names_the_session_as_the_switch_did) {
    const auto packet = make_change_request(order_for(registry::PortChange::disconnect, Turn::other_segment), now);
    EXPECT_EQ(packet.code, RadiusCode::disconnect_request);
    EXPECT_EQ(packet.find(RadiusAttribute::nas_ip_address), std::string("\xc0\x00\x02\x01", 4));
    EXPECT_EQ(packet.find(RadiusAttribute::nas_identifier), "floor-1");
    EXPECT_EQ(packet.find(RadiusAttribute::user_name), "phone");
    EXPECT_EQ(packet.find(RadiusAttribute::calling_station_id), "00-24-7F-01-02-AB");
    EXPECT_EQ(packet.find_number(RadiusAttribute::nas_port), 50107U);
    EXPECT_EQ(packet.find(RadiusAttribute::nas_port_id), "GigabitEthernet1/0/7");
    EXPECT_EQ(packet.find_number(RadiusAttribute::event_timestamp), 1777622400U);
    EXPECT_EQ(packet.attributes.size(), 7U) << "a Disconnect that names a VLAN is refused (RFC 5176 section 3.6)";
}

// What hostapd takes; any other attribute is answered with 401.
TEST(port_change, a_bare_request_names_no_port) {
    auto order = order_for(registry::PortChange::disconnect, Turn::out);
    order.naming = Naming::bare;
    EXPECT_EQ(types_of(make_change_request(order, now)),
              (std::vector{RadiusAttribute::nas_ip_address, RadiusAttribute::nas_identifier,
                           RadiusAttribute::calling_station_id, RadiusAttribute::event_timestamp}));
    order.port.hardware.clear();
    EXPECT_TRUE(make_change_request(order, now).find(RadiusAttribute::user_name));
}

TEST(port_change, what_the_switch_did_not_tell_is_not_told_back) {
    auto order = order_for(registry::PortChange::disconnect, Turn::out);
    order.port.port_number = 0;
    order.port.told_address.reset();
    for (std::string* text : {&order.port.port, &order.port.switch_name, &order.port.hardware}) text->clear();
    EXPECT_EQ(types_of(make_change_request(order, now)),
              (std::vector{RadiusAttribute::user_name, RadiusAttribute::event_timestamp}));
}

TEST(port_change, coa_carries_the_vlan_and_never_puts_out) {
    const auto packet = make_change_request(order_for(registry::PortChange::coa, Turn::other_segment), now);
    EXPECT_EQ(packet.code, RadiusCode::coa_request);
    EXPECT_EQ(packet.find_number(RadiusAttribute::tunnel_type), 13U);
    EXPECT_EQ(packet.find_number(RadiusAttribute::tunnel_medium_type), 6U);
    EXPECT_EQ(packet.find(RadiusAttribute::tunnel_private_group_id), "phones");
    EXPECT_EQ(make_change_request(order_for(registry::PortChange::coa, Turn::out), now).code,
              RadiusCode::disconnect_request);
}

TEST(port_change, a_request_that_said_too_much_is_tried_with_less_once) {
    const auto order = order_for(registry::PortChange::disconnect, Turn::out);
    for (const std::uint32_t cause : {401U, 404U, 407U}) {
        const auto next = find_next_try(order, cause);
        ASSERT_TRUE(next) << cause;
        EXPECT_EQ(next->naming, Naming::bare);
        EXPECT_FALSE(find_next_try(*next, cause));
    }
    EXPECT_FALSE(find_next_try(order, 503)) << "it may be at another port of that switch by now";
    EXPECT_FALSE(find_next_try(order, std::nullopt));
}

TEST(port_change, reasons_are_told_in_words_where_they_are_known) {
    EXPECT_EQ(format_error_cause(503), "503, session context not found");
    EXPECT_EQ(format_error_cause(999), "999");
}

}  // namespace
}  // namespace ringfence::network
