#include "network/dhcp_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace ringfence::network {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view odd_text = R"(a"b'c\d$e`f;g#h!i?j{k}l<m>)";

DhcpPlan full_plan() {
    DhcpPlan plan;
    plan.server = "https://prov.example.net/sets";
    plan.option_43 = "Nortel-SIP-Phone-B,x=1;";
    plan.vlan_ids = {100, 200};
    plan.time_servers = {IpAddress::parse("192.0.2.5").value(), IpAddress::parse("192.0.2.6").value()};
    return plan;
}

TEST(DhcpConfig, Kea) {
    EXPECT_EQ(
        format_dhcp_config(DhcpServer::kea, full_plan()),
        R"(// Kea 2.2 or later: one element of "client-classes" in "Dhcp4". Save it beside kea-dhcp4.conf and include it there:
//   "client-classes": [ <?include "/etc/kea/ringfence-phones.json"?> ],
// A phone gets its address from the subnets as every other device; only what stands here is for phones alone.
{
  "name": "ringfence-phones",
  "test": "substring(option[60].hex,0,18) == 'Nortel-SIP-Phone-A'",
  "option-def": [
    { "name": "vendor-encapsulated-options", "code": 43, "type": "binary" },
    { "name": "ringfence-232", "code": 232, "type": "binary" }
  ],
  "option-data": [
    { "code": 43, "always-send": true, "csv-format": false, "data": "'Nortel-SIP-Phone-B,x=1;'" },
    { "code": 66, "always-send": true, "csv-format": false, "data": "'https://prov.example.net/sets'" },
    { "code": 232, "always-send": true, "csv-format": false, "data": "'VLAN-A:100+200.'" },
    { "name": "ntp-servers", "data": "192.0.2.5, 192.0.2.6" }
  ]
}
)");
}

TEST(DhcpConfig, Dnsmasq) {
    EXPECT_EQ(
        format_dhcp_config(DhcpServer::dnsmasq, full_plan()),
        R"(# dnsmasq: save it as /etc/dnsmasq.d/ringfence-phones.conf, then restart dnsmasq. A phone gets its address from
# your dhcp-range as every other device; only what stands here is for phones alone. A set waits one second for
# offers, and dnsmasq first asks by ping for three whether an address is free: no-ping ends that.
dhcp-vendorclass=set:ringfence-phones,Nortel-SIP-Phone-A
dhcp-option=tag:ringfence-phones,43,"Nortel-SIP-Phone-B,x=1;"
dhcp-option=tag:ringfence-phones,66,"https://prov.example.net/sets"
dhcp-option=tag:ringfence-phones,232,"VLAN-A:100+200."
dhcp-option=tag:ringfence-phones,42,192.0.2.5,192.0.2.6
)");
}

TEST(DhcpConfig, Windows) {
    DhcpPlan plan = full_plan();
    plan.option_43 = "VLAN";
    EXPECT_EQ(
        format_dhcp_config(DhcpServer::windows, plan),
        R"(# Windows Server 2012 or later: paste into PowerShell on the DHCP server, as an administrator, once for each scope
# that phones get their addresses from. Only the policy's devices are handed these options.
$scope = '192.0.2.0'  # the ScopeId of that scope
Add-DhcpServerv4Class -Name 'Ringfence phones' -Type Vendor -Data 'Nortel-SIP-Phone-A'
Add-DhcpServerv4Policy -ScopeId $scope -Name 'Ringfence phones' -Condition OR -VendorClass EQ,'Ringfence phones'
Set-DhcpServerv4OptionValue -ScopeId $scope -PolicyName 'Ringfence phones' -OptionId 43 -Value 0x56,0x4c,0x41,0x4e
Set-DhcpServerv4OptionValue -ScopeId $scope -PolicyName 'Ringfence phones' -OptionId 66 -Value 'https://prov.example.net/sets'
Add-DhcpServerv4OptionDefinition -OptionId 232 -Name 'Ringfence 232' -Type String
Set-DhcpServerv4OptionValue -ScopeId $scope -PolicyName 'Ringfence phones' -OptionId 232 -Value 'VLAN-A:100+200.'
Set-DhcpServerv4OptionValue -ScopeId $scope -PolicyName 'Ringfence phones' -OptionId 42 -Value 192.0.2.5,192.0.2.6
)");
}

TEST(DhcpConfig, Cisco) {
    EXPECT_EQ(
        format_dhcp_config(DhcpServer::cisco, full_plan()),
        R"(! Cisco IOS or IOS XE: paste in configuration mode, with the network and the router of your phones. IOS hands a
! pool's options to all of the pool, so phones need a pool, and with it a network, of their own: this one gives
! addresses to their class alone. A release whose classes know no option 60 refuses that line; then leave the
! class out, and every device of that network is handed the options.
ip dhcp class RINGFENCE-PHONES
 option 60 hex 4e6f7274656c2d5349502d50686f6e652d41
 exit
ip dhcp pool RINGFENCE-PHONES
 network 192.0.2.0 255.255.255.0
 default-router 192.0.2.1
 option 43 ascii "Nortel-SIP-Phone-B,x=1;"
 option 66 ascii "https://prov.example.net/sets"
 option 232 ascii "VLAN-A:100+200."
 option 42 ip 192.0.2.5 192.0.2.6
 class RINGFENCE-PHONES
  exit
 exit
)");
}

TEST(DhcpConfig, TheLeastPlanNamesTheServerAlone) {
    DhcpPlan plan;
    plan.server = "192.0.2.10";
    for (const auto& name : dhcp_server_names()) {
        const auto text = format_dhcp_config(*parse_dhcp_server(name), plan);
        EXPECT_THAT(text, HasSubstr("192.0.2.10")) << name;
        EXPECT_THAT(text, Not(HasSubstr("232"))) << name;
        EXPECT_THAT(text, Not(HasSubstr("option-def"))) << name;
    }
}

// Whatever may stand in a text is bytes or stands in quotes that it cannot leave.
TEST(DhcpConfig, NoTextLeavesItsPlace) {
    DhcpPlan plan;
    plan.server = "http://prov/it's";
    plan.option_43 = odd_text;
    ASSERT_TRUE(check_dhcp_plan(plan));
    for (const auto& name : dhcp_server_names()) {
        const auto text = format_dhcp_config(*parse_dhcp_server(name), plan);
        EXPECT_THAT(text, Not(HasSubstr(odd_text.substr(0, 4)))) << name;
    }
    EXPECT_THAT(format_dhcp_config(DhcpServer::windows, plan), HasSubstr("-Value 'http://prov/it''s'"));
    EXPECT_THAT(format_dhcp_config(DhcpServer::kea, plan), HasSubstr('"' + to_hex(odd_text) + '"'));
}

TEST(DhcpPlan, WhatASetWouldNotTakeIsRefused) {
    EXPECT_TRUE(check_dhcp_plan(full_plan()));
    const auto refused = [](auto change) {
        DhcpPlan plan = full_plan();
        change(plan);
        return !check_dhcp_plan(plan);
    };
    for (const std::string server : {"", "0.0.0.0", "prov", "https://a/\n", "ftp://login:secret@a/", "ftp://login@a/"})
        EXPECT_TRUE(refused([&](DhcpPlan& plan) { plan.server = server; })) << server;
    EXPECT_TRUE(refused([](DhcpPlan& plan) { plan.server = "http://a/" + std::string(max_dhcp_text, 'x'); }));
    for (const std::string text : {"a\n", "\x80", "VLAN-A:1", "Nortel-SIP-Phone-B,x", "Nortel-SIP-Phone-A,x=1"})
        EXPECT_TRUE(refused([&](DhcpPlan& plan) { plan.option_43 = text; })) << text;
    EXPECT_TRUE(refused([](DhcpPlan& plan) { plan.option_43 = std::string(max_dhcp_text + 1, 'x'); }));
    EXPECT_TRUE(refused([](DhcpPlan& plan) { plan.vlan_option = 43; }));
    EXPECT_TRUE(refused([](DhcpPlan& plan) { plan.vlan_ids = {4095}; }));
    EXPECT_TRUE(refused([](DhcpPlan& plan) { plan.vlan_ids.assign(11, 1); }));
    EXPECT_TRUE(refused([](DhcpPlan& plan) { plan.time_servers = {IpAddress::parse("::1").value()}; }));
    EXPECT_TRUE(refused([](DhcpPlan& plan) { plan.time_servers.assign(5, IpAddress()); }));
}

}  // namespace
}  // namespace ringfence::network
