#include "protocol/dhcp_lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "protocol/server_text.h"

namespace ringfence::protocol {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::SizeIs;

DhcpLease of(std::uint8_t option, std::string bytes) { return read_dhcp_options({{option, std::move(bytes)}}); }

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

std::string server_of(std::string_view text) {
    const auto server = parse_server(text);
    if (!server) return "refused";
    return *server ? (*server)->without_login() : "unset";
}

TEST(ServerText, TakesTheFormsOfTheManual) {
    EXPECT_EQ(server_of("192.0.2.1"), "tftp://192.0.2.1/");
    EXPECT_EQ(server_of(" tftp://prov.example.net\n"), "tftp://prov.example.net/");
    EXPECT_EQ(server_of("HTTP://192.0.2.1/sets"), "http://192.0.2.1/sets");
    EXPECT_EQ(server_of("https://prov.example.net:8443/a/b.cfg"), "https://prov.example.net:8443/a/b.cfg");
    const auto ftp = parse_server("ftp://login:pass%40word@prov.example.net").value();
    EXPECT_EQ(ftp->user, "login");
    EXPECT_EQ(ftp->password.reveal(), "pass@word");
}

TEST(ServerText, AllZerosAndNothingAreUnset) {
    for (const auto* text : {"", " ", "0.0.0.0", "tftp://0.0.0.0", "https://0.0.0.0/x"})
        EXPECT_EQ(server_of(text), "unset") << text;
}

TEST(ServerText, RefusesABareNameAndWhatIsNoUrl) {
    for (const auto* text : {"prov", "prov.example.net", "192.0.2", "192.0.2.1/x", "192.0.2.1:69", "::1",
                             "::ffff:192.0.2.1", "sftp://a", "http://", "a b"})
        EXPECT_EQ(server_of(text), "refused") << text;
    EXPECT_THAT(parse_server("u:canary@host").error().message, Not(HasSubstr("canary")));
}

TEST(DhcpOptions, TimeServersAreWholeAddresses) { EXPECT_THAT(of(42, "\xC0\x02\x01").dropped, SizeIs(1)); }

TEST(DhcpOptions, ServerMayEndWithANul) {
    EXPECT_EQ(of(66, std::string("http://prov/\0", 13)).server->without_login(), "http://prov/");
    EXPECT_FALSE(of(66, "0.0.0.0").server);
    EXPECT_THAT(of(66, "0.0.0.0").dropped, IsEmpty());
    EXPECT_THAT(of(66, "prov").dropped, SizeIs(1));
}

TEST(DhcpOptions, VlanListsAreExact) {
    EXPECT_THAT(of(131, "VLAN-A:1+4094.").vlan_ids, ElementsAre(1, 4094));
    EXPECT_THAT(of(43, std::string("VLAN-A:1.\0", 10)).vlan_ids, ElementsAre(1));
    EXPECT_THAT(of(232, "VLAN-A:1+2+3+4+5+6+7+8+9+10.").vlan_ids, SizeIs(10));
    for (const auto* list : {"VLAN-A:1+2+3+4+5+6+7+8+9+10+11.", "VLAN-A:.", "VLAN-A:1", "VLAN-A:0.", "VLAN-A:4095.",
                             "VLAN-A:1+.", "VLAN-A:1,2.", "VLAN-A:-1.", "VLAN-A: 1.", "VLAN-A:1..", "VLAN-A:1.x"}) {
        EXPECT_THAT(of(232, list).vlan_ids, IsEmpty()) << list;
        EXPECT_THAT(of(232, list).dropped, SizeIs(1)) << list;
    }
    EXPECT_THAT(of(232, "vlan-a:1.").dropped, IsEmpty());
    EXPECT_THAT(of(224, "VLAN-A:1.").vlan_ids, IsEmpty());
    EXPECT_THAT(read_dhcp_options({{232, "VLAN-A:2."}, {128, "VLAN-A:x."}, {191, "VLAN-A:1."}}).vlan_ids,
                ElementsAre(1));
}

TEST(DhcpOptions, InfoBlocksAreExactAndCanBeSwitchedOff) {
    const auto lease = of(254, "Nortel-SIP-Phone-B,Prov=http://a/?x=1; dns = 192.0.2.1;empty=;");
    EXPECT_THAT(lease.block_b.value(),
                ElementsAre(Pair("prov", "http://a/?x=1"), Pair("dns", "192.0.2.1"), Pair("empty", "")));
    for (const std::string text : {"", ",", ",a=1", "a=1;", ",a=1;b", ",a=1;;", ",=1;", ",a-b=1;", ",a=\x01;", ",;"}) {
        EXPECT_FALSE(of(43, "Nortel-SIP-Phone-B" + text).block_b) << text;
        EXPECT_THAT(of(43, "Nortel-SIP-Phone-B" + text).dropped, SizeIs(1)) << text;
    }
    EXPECT_TRUE(of(43, "Nortel-SIP-Phone-A,a=1;").block_a);
    EXPECT_FALSE(of(66, "Nortel-SIP-Phone-B,a=1;").block_b);
    const auto off = read_dhcp_options({{43, "Nortel-SIP-Phone-B,a=1;"}}, {}, InfoBlockGrammar::none);
    EXPECT_FALSE(off.block_b);
    EXPECT_THAT(off.dropped, IsEmpty());
}

TEST(DhcpOptions, VendorsOptionComesFirstThenTheNewSitesOwn) {
    const auto block = [](DhcpOptions options) { return read_dhcp_options(std::move(options)).block_b.value(); };
    const std::string heading = "Nortel-SIP-Phone-B,";
    EXPECT_THAT(block({{128, heading + "a=1;"}, {224, heading + "a=2;"}, {43, heading + "a=3;"}}),
                ElementsAre(Pair("a", "3")));
    EXPECT_THAT(block({{128, heading + "a=1;"}, {224, heading + "a=2;"}}), ElementsAre(Pair("a", "2")));
}

TEST(ChooseLease, LongestWinsAndTheFirstOfEqualOnes) {
    const auto offer = [](std::string_view address_text, std::optional<std::chrono::seconds> length = {}) {
        DhcpLease lease;
        lease.address = address(address_text);
        lease.lease_time = length;
        return lease;
    };
    EXPECT_EQ(choose_lease({}), nullptr);
    const std::vector<DhcpLease> offers = {offer("192.0.2.1"), offer("192.0.2.2", std::chrono::minutes(1)),
                                           offer("192.0.2.3", std::chrono::hours(1)),
                                           offer("192.0.2.4", std::chrono::hours(1))};
    EXPECT_EQ(choose_lease(offers)->address, address("192.0.2.3"));
}

TEST(DhcpRequest, AsksAsTheManualSays) {
    const auto mac = MacAddress::parse("00:17:65:FD:BF:1D").value();
    const auto request = request_dhcp(mac);
    EXPECT_EQ(request.host_name, "T001765FDBF1D");
    EXPECT_THAT(request.parameters, ElementsAre(1, 3, 6, 15, 28, 43, 58, 59, 66, 128, 131, 144, 157, 188, 191, 205, 219,
                                                223, 224, 227, 230, 232, 235, 238, 241, 244, 247, 249, 251, 254));
    EXPECT_EQ(request.max_message, 1190);
    EXPECT_EQ(request.class_id, "Nortel-SIP-Phone-A");
    EXPECT_EQ(to_hex(request.client_id), "01001765fdbf1d");
    EXPECT_EQ(request_dhcp(mac, "lobby").host_name, "lobby");
    EXPECT_EQ(to_hex(format_dhcp_options(request).at(57)), "04a6");
}

}  // namespace
}  // namespace ringfence::protocol
