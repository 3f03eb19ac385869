// What the network's DHCP servers shall hand to phones of the class Nortel-SIP-Phone-A, from the [dhcp] table of the
// settings file: the one source of what `ringfence dhcp config` writes and `ringfence dhcp check` compares with. Pure
// and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "base/result.h"
#include "protocol/dhcp_packet.h"

namespace ringfence::network {

// Every DHCP server that we write for takes one option of this length; longer ones would be parted (RFC 3396).
inline constexpr std::size_t max_dhcp_text = 255;
inline constexpr std::size_t max_planned_time_servers = 4;  // the agent reads no more

// Of the options that may carry the VLAN string, those of the site's own range that nothing else is known to use.
inline constexpr std::uint8_t default_vlan_option = 232;

struct DhcpPlan {
    std::string server;                   // option 66: an IPv4 address, which means TFTP, or a URL without a login
    std::string option_43;                // empty: none
    std::vector<std::uint16_t> vlan_ids;  // empty: the phone stays untagged
    std::uint8_t vlan_option = default_vlan_option;
    std::vector<IpAddress> time_servers;  // option 42
};

// malformed, with the key of [dhcp] that is wrong: a server or a string that a set would not take, a login that every
// device on the network could read, a VLAN option outside 232, 247 and 251, an IPv6 address.
Status check_dhcp_plan(const DhcpPlan& plan);

// The same as options, as they stand in an OFFER.
protocol::DhcpOptions planned_options(const DhcpPlan& plan);

}  // namespace ringfence::network
