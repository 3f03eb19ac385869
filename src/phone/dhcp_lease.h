// What a phone asks of DHCP and what it takes from the answer (reference 1.3; RFC 2131, 2132). The packets are a DHCP
// client's business; here its result is read, as the variables that it hands to its script: those of busybox's udhcpc
// (router, tftp, opt43 ...) or of ISC dhclient (new_routers, new_tftp_server_name, new_unknown_224 ...), one NAME=VALUE
// a line as `env` prints them. Pure and thread-safe.
//
// All of it is a hint by whoever answered first: it says where to look and never what to believe (docs/TRUST.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip_address.h"
#include "base/mac_address.h"
#include "base/result.h"
#include "base/url.h"

namespace ringfence::phone {

// Far above an environment that a client makes; a DHCP message has at most max_dhcp_message bytes.
inline constexpr std::size_t dhcp_environment_limit = std::size_t{64} * 1024;
// What the phone tells the server in option 57. No option can be longer.
inline constexpr std::uint16_t max_dhcp_message = 1190;
inline constexpr std::size_t max_dns_servers = 2;  // further ones are not used
inline constexpr std::size_t max_ntp_servers = 4;  // as many as a person would list; each costs a wait when it is dead
inline constexpr std::size_t max_vlan_ids = 10;
inline constexpr std::uint16_t highest_vlan_id = 4094;  // IEEE 802.1Q: 4095 is reserved

using DhcpOptions = std::map<std::uint8_t, std::string>;  // by code; the bytes as they came

// How the fields of a Nortel-SIP-Phone string are read. Their grammar is not known for the SIP load.
enum class InfoBlockGrammar {
    name_value,  // "Nortel-SIP-Phone-B,name=value;name=value;", as in the sibling load's string; each ended by ';'
    none,        // the strings are passed over
};

// In order, as written. A value may be a password.
using InfoBlock = std::vector<std::pair<std::string, std::string>>;

struct DroppedOption {
    std::string name;    // the client's variable, or "option 66"
    std::string reason;  // one sentence without the value, which may hold a login
};

// Absent is what was not given or is not readable; the latter is listed.
struct DhcpLease {
    DhcpOptions options;  // never to be shown: 66 may hold a login

    std::optional<IpAddress> address;
    std::optional<IpAddress> subnet_mask;        // 1
    std::optional<IpAddress> router;             // 3, the first
    std::vector<IpAddress> dns_servers;          // 6, the first max_dns_servers
    std::vector<IpAddress> ntp_servers;          // 42, the first max_ntp_servers; the set itself does not ask for them
    std::string domain;                          // 15, without a final dot
    std::optional<IpAddress> broadcast;          // 28, or computed from address and mask
    std::optional<IpAddress> server_identifier;  // 54
    std::optional<IpAddress> next_server;        // siaddr. The set finds its server by option 66 alone
    std::optional<std::chrono::seconds> lease_time, renewal_time, rebinding_time;  // 51, 58, 59
    std::optional<Url> server;                                                     // 66, by parse_server()
    std::vector<std::uint16_t> vlan_ids;        // of the first "VLAN-A:100+200." in an option that may carry it
    std::optional<InfoBlock> block_b, block_a;  // of the first Nortel-SIP-Phone-B and -A string

    std::vector<DroppedOption> dropped;
};

// Variables that are no DHCP client's are passed over; one that cannot be read is dropped, and of one that stands twice
// the last holds. Where the text holds a NUL, NULs part the variables in place of line ends, as `env -0` writes them.
// Fault: too_large above dhcp_environment_limit.
Result<DhcpLease> parse_dhcp_environment(std::string_view text,
                                         InfoBlockGrammar grammar = InfoBlockGrammar::name_value);

// The same from the options themselves.
DhcpLease read_dhcp_options(DhcpOptions options, std::optional<IpAddress> address = {},
                            InfoBlockGrammar grammar = InfoBlockGrammar::name_value);

// Among the offers of one second: the longest lease, the first of equal ones; one without a lease time is the shortest.
// Null if there is none; lives as long as `offers`.
const DhcpLease* choose_lease(const std::vector<DhcpLease>& offers);

// What the set sends with DISCOVER and REQUEST.
struct DhcpRequest {
    std::string host_name;                         // 12
    std::vector<std::uint8_t> parameters;          // 55, in order
    std::uint16_t max_message = max_dhcp_message;  // 57
    std::string class_id = "Nortel-SIP-Phone-A";   // 60
    std::string client_id;                         // 61: hardware type 1 and the MAC address, 7 bytes
};

// `host_name` empty: "T" and the MAC address.
DhcpRequest request_dhcp(const MacAddress& mac, std::string_view host_name = {});

// The words that make busybox's udhcpc ask so. It sends the parameters in the order of their numbers.
std::vector<std::string> udhcpc_arguments(const DhcpRequest& request);

}  // namespace ringfence::phone
