// What has to change at a port, and the request that brings it about (RFC 5176). A device was let in with the right
// that it had then; when that became another, its switch is told: to close the port, so that the device logs in anew,
// or to move it to another part of the network. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "network/standing.h"
#include "protocol/radius_packet.h"
#include "registry/network.h"
#include "trust/admission.h"

namespace ringfence::network {

enum class Turn {
    stays,
    other_segment,
    out,
};

struct Verdict {
    Turn turn = Turn::stays;
    trust::Segment segment = trust::Segment::onboarding;  // that it may use now; unless `out`
    friend bool operator==(const Verdict&, const Verdict&) = default;
};

// What the device may do there now, by the proof that it came in by: the password that it has, or any good certificate
// of it that is left. `standing` empty: there is no such device any more.
Verdict judge_port(const std::optional<Standing>& standing, const registry::DevicePort& port, WallTime now);

// When the verdict may become another though nobody changes anything: a window, a certificate or the lane of old TLS
// ends.
std::optional<WallTime> find_lapse(const Standing& standing, WallTime now);

// How closely a request names the session (RFC 5176 section 3). hostapd refuses what names a port (401), ArubaOS-CX
// wants it, and Cisco refuses when anything named differs (407): so `full` is tried first, and `bare` when that is
// refused. There is no Acct-Session-Id in either, because it is another after each login.
enum class Naming {
    full,
    bare,  // the switch and the hardware address, or the user where that is not known; a user who was proved inside a
           // tunnel has another name outside, which the switch goes by
};

struct ChangeOrder {
    registry::DevicePort port;
    registry::Switch at;  // that the port is of; its `change` is not `none`
    Turn turn = Turn::out;
    trust::Segment segment = trust::Segment::onboarding;  // of `other_segment`
    std::string segment_name{};                           // the VLAN's name or number, for CoA
    Naming naming = Naming::full;

    bool is_coa() const { return turn == Turn::other_segment && at.change == registry::PortChange::coa; }
};

// Without authenticator and identifier. `now` is what the switch may compare with its own clock.
protocol::RadiusPacket make_change_request(const ChangeOrder& order, WallTime now);

// RFC 5176 section 3.6 and RFC 3576: what a switch gives as its reason.
namespace error_cause {
inline constexpr std::uint32_t unsupported_attribute = 401;
inline constexpr std::uint32_t invalid_request = 404;
inline constexpr std::uint32_t invalid_attribute_value = 407;
inline constexpr std::uint32_t session_context_not_found = 503;
inline constexpr std::uint32_t resources_unavailable = 506;
}  // namespace error_cause
std::string format_error_cause(std::uint32_t cause);  // "503, session context not found"

// The order that is worth a try after the switch refused this one; empty: none.
std::optional<ChangeOrder> find_next_try(ChangeOrder refused, std::optional<std::uint32_t> cause);

}  // namespace ringfence::network
