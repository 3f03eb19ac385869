#include "network/dhcp_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "protocol/dhcp_lease.h"

namespace ringfence::network {

namespace {

using protocol::DhcpOption;
using protocol::DhcpOptions;
using protocol::phone_vendor_class;

struct NamedServer {
    DhcpServer server;
    std::string_view name;
};
constexpr std::array<NamedServer, 4> servers{{{DhcpServer::kea, "kea"},
                                              {DhcpServer::dnsmasq, "dnsmasq"},
                                              {DhcpServer::windows, "windows"},
                                              {DhcpServer::cisco, "cisco"}}};

// Characters that stand for themselves between the quotes of all four syntaxes.
bool is_plain(std::string_view text) {
    constexpr std::string_view marks = " .:/_+=;,-%~@";
    return std::all_of(text.begin(), text.end(), [&](char c) {
        const char lower = to_lower(c);
        return (lower >= 'a' && lower <= 'z') || is_ascii_digit(c) || marks.find(c) != std::string_view::npos;
    });
}

// Each byte in two digits, the prefix before and the separator between them.
std::string spell_bytes(std::string_view bytes, std::string_view prefix, std::string_view separator) {
    std::string out;
    for (const char byte : bytes) {
        out.append(out.empty() ? "" : separator);
        out.append(prefix).append(to_hex(std::string_view(&byte, 1)));
    }
    return out;
}

std::vector<std::string> address_texts(const DhcpPlan& plan) {
    std::vector<std::string> out;
    for (const auto& address : plan.time_servers) out.push_back(address.to_string());
    return out;
}

// The texts of the plan, by option.
DhcpOptions planned_texts(const DhcpPlan& plan) {
    auto options = planned_options(plan);
    options.erase(DhcpOption::time_servers);
    return options;
}

// The bytes as they are: with csv-format Kea would part texts at their commas.
std::string kea_option(std::uint8_t code, std::string_view text) {
    const std::string data = is_plain(text) ? fmt::format("'{}'", text) : to_hex(text);
    return fmt::format(R"(    {{ "code": {}, "always-send": true, "csv-format": false, "data": "{}" }})", code, data);
}

// Kea knows 43 as a container of sub-options, and the site's own options not at all.
std::string kea_definition(std::uint8_t code) {
    if (code == DhcpOption::vendor_options)
        return R"(    { "name": "vendor-encapsulated-options", "code": 43, "type": "binary" })";
    return fmt::format(R"(    {{ "name": "ringfence-{0}", "code": {0}, "type": "binary" }})", code);
}

std::string format_kea(const DhcpPlan& plan) {
    std::vector<std::string> definitions;
    std::vector<std::string> values;
    for (const auto& [code, text] : planned_texts(plan)) {
        if (code != DhcpOption::tftp_server) definitions.push_back(kea_definition(code));
        values.push_back(kea_option(code, text));
    }
    if (!plan.time_servers.empty())
        values.push_back(
            fmt::format(R"(    {{ "name": "ntp-servers", "data": "{}" }})", fmt::join(address_texts(plan), ", ")));
    std::string out = fmt::format(
        R"(// Kea 2.2 or later: one element of "client-classes" in "Dhcp4". Save it beside kea-dhcp4.conf and include it there:
//   "client-classes": [ <?include "/etc/kea/ringfence-phones.json"?> ],
// A phone gets its address from the subnets as every other device; only what stands here is for phones alone.
{{
  "name": "ringfence-phones",
  "test": "substring(option[60].hex,0,{}) == '{}'",
)",
        phone_vendor_class.size(), phone_vendor_class);
    if (!definitions.empty()) out += fmt::format("  \"option-def\": [\n{}\n  ],\n", fmt::join(definitions, ",\n"));
    return out + fmt::format("  \"option-data\": [\n{}\n  ]\n}}\n", fmt::join(values, ",\n"));
}

std::string format_dnsmasq(const DhcpPlan& plan) {
    std::string out = fmt::format(
        R"(# dnsmasq: save it as /etc/dnsmasq.d/ringfence-phones.conf, then restart dnsmasq. A phone gets its address from
# your dhcp-range as every other device; only what stands here is for phones alone. A set waits one second for
# offers, and dnsmasq first asks by ping for three whether an address is free: no-ping ends that.
dhcp-vendorclass=set:ringfence-phones,{}
)",
        phone_vendor_class);
    for (const auto& [code, text] : planned_texts(plan)) {
        const std::string data = is_plain(text) ? fmt::format("\"{}\"", text) : spell_bytes(text, "", ":");
        out += fmt::format("dhcp-option=tag:ringfence-phones,{},{}\n", code, data);
    }
    if (!plan.time_servers.empty())
        out += fmt::format("dhcp-option=tag:ringfence-phones,{},{}\n", DhcpOption::time_servers,
                           fmt::join(address_texts(plan), ","));
    return out;
}

std::string windows_value(std::uint8_t code, std::string_view text) {
    // 43 is binary there.
    if (code == DhcpOption::vendor_options) return spell_bytes(text, "0x", ",");
    return fmt::format("'{}'", replace_all(std::string(text), "'", "''"));
}

std::string format_windows(const DhcpPlan& plan) {
    std::string out = fmt::format(
        R"(# Windows Server 2012 or later: paste into PowerShell on the DHCP server, as an administrator, once for each scope
# that phones get their addresses from. Only the policy's devices are handed these options.
$scope = '192.0.2.0'  # the ScopeId of that scope
Add-DhcpServerv4Class -Name 'Ringfence phones' -Type Vendor -Data '{}'
Add-DhcpServerv4Policy -ScopeId $scope -Name 'Ringfence phones' -Condition OR -VendorClass EQ,'Ringfence phones'
)",
        phone_vendor_class);
    for (const auto& [code, text] : planned_texts(plan)) {
        if (code >= 128)
            out += fmt::format("Add-DhcpServerv4OptionDefinition -OptionId {0} -Name 'Ringfence {0}' -Type String\n",
                               code);
        out += fmt::format(
            "Set-DhcpServerv4OptionValue -ScopeId $scope -PolicyName 'Ringfence phones' -OptionId {} -Value {}\n", code,
            windows_value(code, text));
    }
    if (!plan.time_servers.empty())
        out += fmt::format(
            "Set-DhcpServerv4OptionValue -ScopeId $scope -PolicyName 'Ringfence phones' -OptionId {} -Value {}\n",
            DhcpOption::time_servers, fmt::join(address_texts(plan), ","));
    return out;
}

std::string format_cisco(const DhcpPlan& plan) {
    std::string out = fmt::format(
        R"(! Cisco IOS or IOS XE: paste in configuration mode, with the network and the router of your phones. IOS hands a
! pool's options to all of the pool, so phones need a pool, and with it a network, of their own: this one gives
! addresses to their class alone. A release whose classes know no option 60 refuses that line; then leave the
! class out, and every device of that network is handed the options.
ip dhcp class RINGFENCE-PHONES
 option 60 hex {}
 exit
ip dhcp pool RINGFENCE-PHONES
 network 192.0.2.0 255.255.255.0
 default-router 192.0.2.1
)",
        to_hex(phone_vendor_class));
    for (const auto& [code, text] : planned_texts(plan)) {
        out += is_plain(text) ? fmt::format(" option {} ascii \"{}\"\n", code, text)
                              : fmt::format(" option {} hex {}\n", code, to_hex(text));
    }
    if (!plan.time_servers.empty())
        out += fmt::format(" option {} ip {}\n", DhcpOption::time_servers, fmt::join(address_texts(plan), " "));
    return out + " class RINGFENCE-PHONES\n  exit\n exit\n";
}

}  // namespace

std::string_view to_string(DhcpServer server) {
    for (const auto& named : servers)
        if (named.server == server) return named.name;
    return {};
}

std::optional<DhcpServer> parse_dhcp_server(std::string_view name) {
    for (const auto& named : servers)
        if (named.name == name) return named.server;
    return std::nullopt;
}

std::vector<std::string> dhcp_server_names() {
    std::vector<std::string> out;
    for (const auto& named : servers) out.emplace_back(named.name);
    return out;
}

std::string format_dhcp_config(DhcpServer server, const DhcpPlan& plan) {
    switch (server) {
        case DhcpServer::kea: return format_kea(plan);
        case DhcpServer::dnsmasq: return format_dnsmasq(plan);
        case DhcpServer::windows: return format_windows(plan);
        case DhcpServer::cisco: break;
    }
    return format_cisco(plan);
}

}  // namespace ringfence::network
