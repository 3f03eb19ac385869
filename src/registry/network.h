// What the registry remembers for the network door (802.1X), as plain values: what a device shows to RADIUS, the
// switches that ask, where each device was let in, and the journal of what changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/mac_address.h"
#include "base/secret.h"
#include "registry/records.h"
#include "trust/admission.h"

namespace ringfence::registry {

// What a device shows at the port for EAP-MD5 and PEAP. At most one per device.
struct NetworkLogin {
    std::string identity;
    MacAddress device;
    Secret password{};  // in clear, because EAP-MD5 needs it (RFC 3748 section 5.4); sealed at rest
    LoginKind kind = LoginKind::random;
    // Made from the device's provisioning login: a set that has one field for both shows the same everywhere.
    bool is_provisioning_login = false;
};

// How a switch is told to ask again for a port (RFC 5176).
enum class PortChange { none, disconnect, coa };
std::string_view to_string(PortChange change);  // "none", "disconnect", "coa"
std::optional<PortChange> parse_port_change(std::string_view name);

inline constexpr std::uint16_t dynamic_authorization_port = 3799;  // RFC 5176 section 2.1
inline constexpr std::size_t max_switches = 10'000;                // each stands in FreeRADIUS's file of clients

struct Switch {
    std::string name;
    Network network;  // that its requests come from; mostly one address
    Secret secret{};  // shared with the RADIUS server; sealed at rest
    PortChange change = PortChange::disconnect;
    std::uint16_t port = dynamic_authorization_port;
};

// Where a device was let in, as the switch said it (RFC 2865 sections 5.4, 5.5, 5.31, 5.32; RFC 2869 section 5.17).
struct DevicePort {
    MacAddress device;
    IpAddress switch_address{};               // where its requests come from, which its secret proved
    std::optional<IpAddress> told_address{};  // NAS-IP-Address, which may be another of its own; empty: not told
    std::string switch_name{};                // NAS-Identifier
    std::string port{};                       // NAS-Port-Id, else NAS-Port
    std::uint32_t port_number{};              // NAS-Port; 0: not told
    std::string hardware{};                   // Calling-Station-Id, letter by letter: the switch wants it back so
    std::string identity{};                   // User-Name
    trust::NetworkProof proof = trust::NetworkProof::password;
    trust::Segment segment = trust::Segment::onboarding;
    WallTime since{};  // let in there first; filled in by note_port()
    WallTime last{};   // and last
    friend bool operator==(const DevicePort&, const DevicePort&) = default;
};

enum class Move {
    none,        // where it was, or nobody knew where
    other_port,  // elsewhere than before
    two_ports,   // back where it was a moment ago: two of them take turns
};

struct NotedPort {
    bool is_new = false;  // it was written down: something about it changed, or port_note_interval has passed
    Move move = Move::none;
    std::optional<DevicePort> before{};  // set unless `none`
};

// A device that was let in at two ports in turn within this time is seen on two. Phones are not carried about so fast.
inline constexpr Duration two_ports_time = std::chrono::minutes(10);
// A port is noted at most so often while nothing about it changes.
inline constexpr Duration port_note_interval = std::chrono::minutes(10);

// What changed about the network door, in order: a device's standing, or everybody's (a window opened or closed).
struct JournalEntry {
    std::int64_t id = 0;
    std::optional<MacAddress> device{};  // empty: all
};

struct JournalPage {
    std::vector<JournalEntry> entries;
    std::int64_t last = 0;    // the newest number there is, on this page or not
    bool is_complete = true;  // false: what followed `after` is partly forgotten; look at everything anew
};
inline constexpr std::size_t max_journal_page = 1'000;

}  // namespace ringfence::registry
