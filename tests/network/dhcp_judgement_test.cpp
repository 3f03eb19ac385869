#include "network/dhcp_judgement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace ringfence::network {
namespace {

using protocol::DhcpLease;
using protocol::DhcpOptions;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

DhcpPlan plan() {
    DhcpPlan plan;
    plan.server = "https://prov.example.net/";
    return plan;
}

// An offer of this server; without options, what the plan says.
DhcpLease offer(std::string_view server, unsigned seconds, DhcpOptions options = planned_options(plan())) {
    options[54] = IpAddress::parse(server).value().bytes();
    options[51] = from_hex(std::string(8 - 4, '0') + (seconds == 60 ? "003c" : "0e10")).value();
    return protocol::read_dhcp_options(std::move(options), IpAddress::parse("192.0.2.50").value());
}

std::string said(const DhcpJudgement& judgement) {
    std::string out;
    for (const auto& finding : judgement.findings)
        out += (finding.is_difference ? "DIFFERS " : "- ") + finding.sentence + "\n";
    return out;
}

TEST(DhcpJudgement, ThePlanIsFoundAsPlanned) {
    const auto judgement = judge_dhcp({{offer("192.0.2.1", 60)}, {offer("192.0.2.1", 60, {})}}, plan());
    EXPECT_TRUE(judgement.is_as_planned()) << said(judgement);
    EXPECT_EQ(judgement.winner, 0U);
    EXPECT_EQ(judgement.server, "https://prov.example.net/");
    EXPECT_THAT(said(judgement), AllOf(HasSubstr("typed on the set outranks"), HasSubstr("no VLAN is named"),
                                       HasSubstr("by HTTPS: option 66 says so"), HasSubstr("udhcpc withholds")));
}

TEST(DhcpJudgement, NobodyIsADifference) {
    const auto judgement = judge_dhcp({}, plan());
    EXPECT_FALSE(judgement.is_as_planned());
    EXPECT_FALSE(judgement.winner);
}

TEST(DhcpJudgement, TheLongestLeaseWinsThenTheFirst) {
    EXPECT_EQ(judge_dhcp({{offer("192.0.2.1", 60), offer("192.0.2.2", 3600)}, {}}, plan()).winner, 1U);
    const auto equal = judge_dhcp({{offer("192.0.2.1", 60), offer("192.0.2.2", 60)}, {}}, plan());
    EXPECT_EQ(equal.winner, 0U);
    EXPECT_THAT(said(equal), HasSubstr("it came first"));
    EXPECT_TRUE(equal.is_as_planned());
}

TEST(DhcpJudgement, ServersThatDisagreeAreNamed) {
    const auto judgement =
        judge_dhcp({{offer("192.0.2.1", 3600), offer("192.0.2.2", 60, {{66, "192.0.2.9"}})}, {}}, plan());
    EXPECT_THAT(said(judgement), HasSubstr("DIFFERS 192.0.2.1 and 192.0.2.2 disagree"));
}

TEST(DhcpJudgement, AnAddressAloneMeansTftpAndDiffersFromThePlan) {
    const auto judgement = judge_dhcp({{offer("192.0.2.1", 60, {{66, "192.0.2.9"}})}, {}}, plan());
    EXPECT_EQ(judgement.server, "tftp://192.0.2.9/");
    EXPECT_THAT(said(judgement),
                AllOf(HasSubstr("an address alone, which means TFTP"),
                      HasSubstr("DIFFERS option 66 is not what [dhcp] hands out"), Not(HasSubstr("udhcpc"))));
}

TEST(DhcpJudgement, ABlockOutranksOption66AndItsFieldsAreNotShown) {
    auto options = planned_options(plan());
    options[224] = "Nortel-SIP-Phone-B,prov=ftp://u:canary@block/;pass=canary;";
    options[43] = "Nortel-SIP-Phone-A,prov=http://a/;";
    const auto lease = offer("192.0.2.1", 60, options);
    const auto judgement = judge_dhcp({{lease}, {}}, plan());
    EXPECT_EQ(judgement.server, "ftp://block/");
    EXPECT_THAT(said(judgement), AllOf(HasSubstr("DIFFERS option 224 leads the set"), Not(HasSubstr("canary"))));
    for (const auto& lead : find_leads(lease)) EXPECT_THAT(lead.text, Not(HasSubstr("canary")));
}

TEST(DhcpJudgement, VlansAreToldWithTheirOrder) {
    DhcpPlan planned = plan();
    planned.vlan_ids = {200, 100};
    const auto judgement = judge_dhcp({{offer("192.0.2.1", 60, planned_options(planned))}, {}}, planned);
    EXPECT_THAT(said(judgement), HasSubstr("in VLAN 200, then 100"));
    EXPECT_TRUE(judgement.is_as_planned());
    EXPECT_THAT(said(judge_dhcp({{offer("192.0.2.1", 60)}, {}}, planned)), HasSubstr("DIFFERS option 232 is missing"));
}

TEST(DhcpJudgement, AForeignOption43IsSharedWithOthers) {
    auto options = planned_options(plan());
    options[43] = std::string("\x01\x04\xC0\x00\x02\x01", 6);
    const auto judgement = judge_dhcp({{offer("192.0.2.1", 60, options)}, {}}, plan());
    EXPECT_THAT(said(judgement), HasSubstr("option 43 holds 6 bytes that are no string of a set: it is shared"));
    EXPECT_TRUE(judgement.is_as_planned());
}

TEST(DhcpJudgement, WhatEveryClassIsHandedIsADifference) {
    DhcpPlan planned = plan();
    planned.option_43 = "Nortel-SIP-Phone-B,x=1;";
    const auto options = planned_options(planned);
    EXPECT_THAT(said(judge_dhcp({{offer("192.0.2.1", 60, options)}, {offer("192.0.2.1", 60, options)}}, planned)),
                HasSubstr("DIFFERS devices of any class are handed option 43 and 66 too"));
    // Their own boot server is nobody's business.
    EXPECT_TRUE(judge_dhcp({{offer("192.0.2.1", 60, options)}, {offer("192.0.2.1", 60, {{66, "192.0.2.7"}})}}, planned)
                    .is_as_planned());
}

TEST(DhcpJudgement, WhatTheSetCannotReadIsListed) {
    const auto judgement = judge_dhcp({{offer("192.0.2.1", 60, {{66, "canary"}, {232, "VLAN-A:1"}})}, {}}, plan());
    EXPECT_THAT(said(judgement),
                AllOf(HasSubstr("the set cannot use option 66"), HasSubstr("the set cannot use option 232"),
                      HasSubstr("nothing here names a server"), Not(HasSubstr("canary"))));
}

TEST(DhcpJudgement, NoControlByteReachesTheTerminal) {
    const auto lease = offer("192.0.2.1", 60, {{66, "https://prov/%1b[31m"}, {232, "VLAN-A:\x1b[31m."}});
    const auto judgement = judge_dhcp({{lease}, {}}, plan());
    EXPECT_THAT(said(judgement) + judgement.server, Not(HasSubstr("\x1b")));
    for (const auto& lead : find_leads(lease)) EXPECT_THAT(lead.text, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace ringfence::network
