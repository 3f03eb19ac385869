// The configuration of DHCP servers that hands a plan to phones of the class Nortel-SIP-Phone-A and to nobody else.
// Each text says in comments where it goes. Pure and thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "network/dhcp_plan.h"

namespace ringfence::network {

enum class DhcpServer {
    kea,      // 2.2 and later: one element of "client-classes", which may be included
    dnsmasq,  // 2.8x: lines for a file in /etc/dnsmasq.d
    windows,  // Server 2012 and later: PowerShell to paste
    cisco,    // IOS and IOS XE: commands to paste
};

std::string_view to_string(DhcpServer server);  // "kea" ...
std::optional<DhcpServer> parse_dhcp_server(std::string_view name);
std::vector<std::string> dhcp_server_names();

// `plan` must have passed check_dhcp_plan(). Text that holds other than plain characters is written as bytes, so that
// no syntax can read it as anything else; PowerShell, which has no such form for texts, gets it in single quotes.
std::string format_dhcp_config(DhcpServer server, const DhcpPlan& plan);

}  // namespace ringfence::network
