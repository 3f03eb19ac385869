#include "network/dhcp_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "protocol/dhcp_lease.h"
#include "protocol/server_text.h"

namespace ringfence::network {

namespace {

using protocol::DhcpOption;

tl::unexpected<Fault> wrong(std::string_view key, std::string_view what) {
    return fail(FaultCode::malformed, fmt::format("[dhcp] {} {}", key, what));
}

Status check_server(const std::string& text) {
    const auto server = protocol::parse_server(text);
    if (!server || !*server || !is_printable(text) || text.size() > max_dhcp_text)
        return wrong("server", "must be an IPv4 address or a URL, as in \"https://prov.example.net/\"");
    if (!(*server)->user.empty() || !(*server)->password.empty())
        return wrong("server", "must hold no login: DHCP hands it to whoever asks");
    return {};
}

// A string that begins as one of the phone's own must be one that it can read.
Status check_option_43(const std::string& text) {
    if (text.size() > max_dhcp_text || !is_printable(text))
        return wrong("option_43", fmt::format("must be printable ASCII of at most {} bytes", max_dhcp_text));
    const auto lease = protocol::read_dhcp_options({{DhcpOption::vendor_options, text}});
    if (!lease.dropped.empty()) return wrong("option_43", "is not as a phone reads it: " + lease.dropped[0].reason);
    return {};
}

Status check_vlans(const DhcpPlan& plan) {
    if (!protocol::is_recommended_vlan_option(plan.vlan_option))
        return wrong("vlan_option", "must be 232, 247 or 251, where a set looks and nobody else does");
    const bool are_ids = std::all_of(plan.vlan_ids.begin(), plan.vlan_ids.end(),
                                     [](std::uint16_t id) { return id > 0 && id <= protocol::highest_vlan_id; });
    if (!are_ids || plan.vlan_ids.size() > protocol::max_vlan_ids)
        return wrong("vlan_ids", fmt::format("must be at most {} numbers from 1 to {}", protocol::max_vlan_ids,
                                             protocol::highest_vlan_id));
    return {};
}

}  // namespace

Status check_dhcp_plan(const DhcpPlan& plan) {
    if (auto checked = check_server(plan.server); !checked) return checked;
    if (auto checked = check_option_43(plan.option_43); !checked) return checked;
    if (auto checked = check_vlans(plan); !checked) return checked;
    const bool are_v4 = std::all_of(plan.time_servers.begin(), plan.time_servers.end(),
                                    [](const IpAddress& address) { return address.is_v4(); });
    if (!are_v4 || plan.time_servers.size() > max_planned_time_servers)
        return wrong("time_servers", fmt::format("must be at most {} IPv4 addresses", max_planned_time_servers));
    return {};
}

protocol::DhcpOptions planned_options(const DhcpPlan& plan) {
    protocol::DhcpOptions options{{DhcpOption::tftp_server, plan.server}};
    if (!plan.option_43.empty()) options[DhcpOption::vendor_options] = plan.option_43;
    if (!plan.vlan_ids.empty()) options[plan.vlan_option] = protocol::format_vlan_ids(plan.vlan_ids);
    for (const auto& address : plan.time_servers) options[DhcpOption::time_servers] += address.bytes();
    return options;
}

}  // namespace ringfence::network
