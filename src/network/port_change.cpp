#include "network/port_change.h"

#include <algorithm>
#include <array>
#include <utility>

#include "network/query_codec.h"

namespace ringfence::network {

namespace {

using protocol::RadiusAttribute;
using protocol::RadiusCode;
using registry::DevicePort;

// RFC 3580 section 3.31: VLAN, over IEEE 802; the tag in front of each is 0.
constexpr std::uint32_t tunnel_type_vlan = 13;
constexpr std::uint32_t tunnel_medium_802 = 6;

std::optional<trust::Segment> find_right_by_password(const Standing& standing, const Claim& claim, WallTime now) {
    const auto credential = find_credential(standing, claim, now);
    if (!credential || credential->password.empty()) return std::nullopt;
    const auto admission = admit(standing, claim, now);
    return admission ? std::optional(admission->segment) : std::nullopt;
}

std::optional<trust::Segment> find_right_by_certificate(const Standing& standing, Claim claim, WallTime now) {
    for (const auto& held : standing.certificates) {
        claim.certificate = held.serial;
        claim.is_on_legacy_lane = held.is_legacy;
        if (const auto admission = admit(standing, claim, now)) return admission->segment;
    }
    return std::nullopt;
}

std::optional<trust::Segment> find_right(const Standing& standing, const DevicePort& port, WallTime now) {
    const Claim claim{.identity = port.identity, .hardware = read_hardware(port.hardware)};
    return port.proof == trust::NetworkProof::password ? find_right_by_password(standing, claim, now)
                                                       : find_right_by_certificate(standing, claim, now);
}

std::uint32_t seconds_since_1970(WallTime now) {
    return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
}

void name_session(protocol::RadiusPacket& packet, const ChangeOrder& order) {
    const DevicePort& port = order.port;
    if (port.told_address) packet.add_nas_address(*port.told_address);
    if (!port.switch_name.empty()) packet.add(RadiusAttribute::nas_identifier, port.switch_name);
    if (!port.hardware.empty()) packet.add(RadiusAttribute::calling_station_id, port.hardware);
    if (order.naming == Naming::bare && !port.hardware.empty()) return;
    packet.add(RadiusAttribute::user_name, port.identity);
    if (order.naming == Naming::bare) return;
    if (port.port_number != 0) packet.add(RadiusAttribute::nas_port, port.port_number);
    if (!port.port.empty()) packet.add(RadiusAttribute::nas_port_id, port.port);
}

void name_segment(protocol::RadiusPacket& packet, const ChangeOrder& order) {
    packet.add(RadiusAttribute::tunnel_type, tunnel_type_vlan);
    packet.add(RadiusAttribute::tunnel_medium_type, tunnel_medium_802);
    packet.add(RadiusAttribute::tunnel_private_group_id, order.segment_name);
}

constexpr std::array<std::pair<std::uint32_t, std::string_view>, 18> cause_names = {{
    {201, "residual session context removed"},
    {202, "invalid EAP packet"},
    {401, "unsupported attribute"},
    {402, "missing attribute"},
    {403, "the switch has another name or address"},
    {404, "invalid request"},
    {405, "unsupported service"},
    {406, "unsupported extension"},
    {407, "invalid attribute value"},
    {501, "administratively prohibited"},
    {502, "request not routable"},
    {503, "session context not found"},
    {504, "session context not removable"},
    {505, "other proxy processing error"},
    {506, "resources unavailable"},
    {507, "request initiated"},
    {508, "multiple session selection unsupported"},
    {509, "location information required"},
}};

}  // namespace

Verdict judge_port(const std::optional<Standing>& standing, const DevicePort& port, WallTime now) {
    const auto right = standing ? find_right(*standing, port, now) : std::nullopt;
    if (!right) return {Turn::out};
    return {*right == port.segment ? Turn::stays : Turn::other_segment, *right};
}

std::optional<WallTime> find_lapse(const Standing& standing, WallTime now) {
    std::optional<WallTime> out;
    const auto consider = [&](WallTime end) {
        if (end >= now) out = std::min(out.value_or(end), end);
    };
    if (standing.window_closes) consider(*standing.window_closes);
    if (standing.legacy_closes) consider(*standing.legacy_closes);
    for (const auto& held : standing.certificates) consider(held.not_after);
    return out;
}

protocol::RadiusPacket make_change_request(const ChangeOrder& order, WallTime now) {
    protocol::RadiusPacket out{.code = order.is_coa() ? RadiusCode::coa_request : RadiusCode::disconnect_request};
    name_session(out, order);
    out.add(RadiusAttribute::event_timestamp, seconds_since_1970(now));
    if (order.is_coa()) name_segment(out, order);
    return out;
}

std::string format_error_cause(std::uint32_t cause) {
    const auto* const known = std::find_if(cause_names.begin(), cause_names.end(),
                                           [cause](const auto& entry) { return entry.first == cause; });
    const std::string number = std::to_string(cause);
    return known == cause_names.end() ? number : number + ", " + std::string(known->second);
}

std::optional<ChangeOrder> find_next_try(ChangeOrder refused, std::optional<std::uint32_t> cause) {
    const bool is_too_much = cause == error_cause::unsupported_attribute || cause == error_cause::invalid_request ||
                             cause == error_cause::invalid_attribute_value;
    if (refused.naming == Naming::bare || !is_too_much) return std::nullopt;
    refused.naming = Naming::bare;
    return refused;
}

}  // namespace ringfence::network
