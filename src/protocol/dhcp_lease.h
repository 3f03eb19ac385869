// What a 1200 set asks of DHCP and what it takes from the answer (reference 1.3; RFC 2131, 2132). Pure and thread-safe.
//
// All of it is a hint by whoever answered first: it says where to look and never what to believe (docs/TRUST.md).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip_address.h"
#include "base/mac_address.h"
#include "base/url.h"
#include "protocol/dhcp_packet.h"

namespace ringfence::protocol {

inline constexpr std::size_t max_dns_servers = 2;  // further ones are not used
inline constexpr std::size_t max_ntp_servers = 4;  // as many as a person would list; each costs a wait when it is dead
inline constexpr std::size_t max_vlan_ids = 10;
inline constexpr std::uint16_t highest_vlan_id = 4094;  // IEEE 802.1Q: 4095 is reserved

inline constexpr std::string_view phone_vendor_class = "Nortel-SIP-Phone-A";
// How the strings begin that the set looks for in option 43 and the site's own options.
inline constexpr std::string_view vlan_heading = "VLAN-A:";
inline constexpr std::string_view block_b_heading = "Nortel-SIP-Phone-B";
inline constexpr std::string_view block_a_heading = "Nortel-SIP-Phone-A";

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

DhcpLease read_dhcp_options(DhcpOptions options, std::optional<IpAddress> address = {},
                            InfoBlockGrammar grammar = InfoBlockGrammar::name_value);
// The same from an OFFER or ACK.
DhcpLease read_dhcp_reply(DhcpPacket reply, InfoBlockGrammar grammar = InfoBlockGrammar::name_value);

// Among the offers of one second: the longest lease, the first of equal ones; one without a lease time is the shortest.
// Null if there is none; lives as long as `offers`.
const DhcpLease* choose_lease(const std::vector<DhcpLease>& offers);

// What the set sends with DISCOVER and REQUEST.
struct DhcpRequest {
    std::string host_name;                         // 12
    std::vector<std::uint8_t> parameters;          // 55, in order
    std::uint16_t max_message = max_dhcp_message;  // 57
    std::string class_id{phone_vendor_class};      // 60
    std::string client_id;                         // 61: hardware type 1 and the MAC address, 7 bytes
};

// `host_name` empty: "T" and the MAC address.
DhcpRequest request_dhcp(const MacAddress& mac, std::string_view host_name = {});

// As they stand in the packet.
DhcpOptions format_dhcp_options(const DhcpRequest& request);

// "VLAN-A:100+200."; the ids are as many and as high as the set takes.
std::string format_vlan_ids(const std::vector<std::uint16_t>& ids);

// Options that may carry the VLAN-A string, in the order in which they are looked at; and those that it is best put
// into, because RFC 3942 took the others back and 43 may be another device's.
const std::vector<std::uint8_t>& vlan_options();
bool is_recommended_vlan_option(std::uint8_t option);

// RFC 2132 section 2: a string should not end with a NUL, and some do.
std::string_view without_final_nul(std::string_view text);

}  // namespace ringfence::protocol
