#include "phone/dhcp_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>

#include "base/disk.h"
#include "base/text.h"

namespace ringfence::phone {
namespace {

using namespace std::string_view_literals;
using protocol::max_dhcp_message;
using protocol::max_ntp_servers;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::SizeIs;

protocol::DhcpLease read(std::string_view text) { return parse_dhcp_environment(text).value(); }

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

// What udhcpc 1.35 handed its script when dnsmasq 2.89 had answered.
TEST(DhcpEnvironment, ReadsUdhcpc) {
    const auto lease = read(
        "HOME=/root\nbroadcast=192.0.2.255\ndns=192.0.2.2 192.0.2.3 192.0.2.4\ndomain=example.net\nhostname=T0024\n"
        "interface=eth0\nip=192.0.2.56\nlease=3600\nmask=24\nopt232=564c414e2d413a3130302b3230302e\n"
        "opt43=4e6f7274656c2d5349502d50686f6e652d422c783d313b\nopt53=05\nopt58=00000708\nopt59=00000c4e\n"
        "router=192.0.2.1\nserverid=192.0.2.1\nsiaddr=192.0.2.9\nsubnet=255.255.255.0\ntftp=192.0.2.7\n");
    EXPECT_THAT(lease.dropped, IsEmpty());
    EXPECT_EQ(lease.address, address("192.0.2.56"));
    EXPECT_EQ(lease.subnet_mask, address("255.255.255.0"));
    EXPECT_EQ(lease.router, address("192.0.2.1"));
    EXPECT_EQ(lease.broadcast, address("192.0.2.255"));
    EXPECT_EQ(lease.server_identifier, address("192.0.2.1"));
    EXPECT_EQ(lease.next_server, address("192.0.2.9"));
    EXPECT_THAT(lease.dns_servers, ElementsAre(address("192.0.2.2"), address("192.0.2.3")));
    EXPECT_EQ(lease.domain, "example.net");
    EXPECT_EQ(lease.lease_time, std::chrono::hours(1));
    EXPECT_EQ(lease.renewal_time, std::chrono::minutes(30));
    EXPECT_EQ(lease.rebinding_time, std::chrono::seconds(3150));
    EXPECT_EQ(lease.server->without_login(), "tftp://192.0.2.7/");
    EXPECT_THAT(lease.vlan_ids, ElementsAre(100, 200));
    EXPECT_THAT(lease.block_b.value(), ElementsAre(Pair("x", "1")));
    EXPECT_FALSE(lease.block_a);
    EXPECT_EQ(lease.options.at(232), "VLAN-A:100+200.");
    EXPECT_EQ(lease.options.at(3), std::string("\xC0\0\x02\x01", 4));
}

TEST(DhcpEnvironment, ReadsDhclient) {
    const auto lease = read(
        "reason=BOUND\ninterface=eth0\nnew_ip_address=192.0.2.56\nnew_subnet_mask=255.255.255.192\n"
        "new_routers=192.0.2.1 192.0.2.2\nnew_domain_name_servers=192.0.2.2\nnew_domain_name=example.net.\n"
        "new_dhcp_lease_time=3600\nnew_dhcp_renewal_time=1800\nnew_dhcp_rebinding_time=3150\n"
        "new_dhcp_server_identifier=192.0.2.1\nnew_tftp_server_name=https://a:it\\'s@prov.example.net/sets\n"
        "new_vendor_encapsulated_options=1:a:ff\nnew_unknown_224=Nortel-SIP-Phone-B,prov=http://b;\n"
        "new_site_247=VLAN-A:7.\nnew_unknown_254=\\012x\nold_routers=192.0.2.99\n");
    EXPECT_THAT(lease.dropped, IsEmpty());
    EXPECT_EQ(lease.router, address("192.0.2.1"));
    EXPECT_EQ(lease.broadcast, address("192.0.2.63"));
    EXPECT_EQ(lease.domain, "example.net");
    EXPECT_EQ(lease.server->without_login(), "https://prov.example.net/sets");
    EXPECT_EQ(lease.server->password.reveal(), "it's");
    EXPECT_EQ(lease.options.at(43), "\x01\x0a\xff");
    EXPECT_EQ(lease.options.at(254), "\nx");
    EXPECT_THAT(lease.vlan_ids, ElementsAre(7));
    EXPECT_THAT(lease.block_b.value(), ElementsAre(Pair("prov", "http://b")));
    EXPECT_EQ(lease.rebinding_time, std::chrono::seconds(3150));
}

TEST(DhcpEnvironment, ReadsTimeServersOfEitherClient) {
    for (const std::string name : {"ntpsrv", "new_ntp_servers"}) {
        EXPECT_THAT(read(name + "=192.0.2.5 192.0.2.6").ntp_servers,
                    ElementsAre(address("192.0.2.5"), address("192.0.2.6")));
        EXPECT_THAT(read(name + "=192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5").ntp_servers,
                    SizeIs(max_ntp_servers));
        EXPECT_THAT(read(name + "=canary").dropped, SizeIs(1));
    }
}

TEST(DhcpEnvironment, SaysWhatUdhcpcWithheld) {
    const auto lease = read("tftp=bad\nmsstaticroutes=\n");
    EXPECT_FALSE(lease.server);
    ASSERT_THAT(lease.dropped, SizeIs(2));
    EXPECT_THAT(lease.dropped[0].reason, HasSubstr("a URL needs ringfence-phone dhcp-hook"));
    EXPECT_EQ(lease.dropped[1].name, "msstaticroutes");
}

TEST(DhcpEnvironment, UnreadableValuesAreListedAndNeverShown) {
    for (const std::string line :
         {"ip=canary", "ip=2001:db8::1", "router=", "router=192.0.2.1,canary", "dns=::1", "lease=-1",
          "lease=4294967296", "opt66=canary", "opt66=123", "new_tftp_server_name=canary", "tftp=https://u:canary@",
          "opt1=c0", "new_domain_name=-canary", "new_unknown_232=VLAN-A:canary.",
          "new_unknown_43=Nortel-SIP-Phone-B,canary"}) {
        const auto lease = read(line);
        ASSERT_THAT(lease.dropped, SizeIs(1)) << line;
        EXPECT_THAT(lease.dropped[0].name + lease.dropped[0].reason, Not(HasSubstr("canary"))) << line;
    }
}

TEST(DhcpEnvironment, PassesOverWhatIsNoClients) {
    const auto lease = read("PATH=/bin\nnonsense\n=x\nopt0=00\nopt255=00\noptimum=1\nopt1x=00\nnew_unknown_=1\n");
    EXPECT_THAT(lease.options, IsEmpty());
    EXPECT_THAT(lease.dropped, IsEmpty());
}

TEST(DhcpEnvironment, TakesNulsInPlaceOfLineEndsAndTheLastOfARepeatedName) {
    const auto lease = read("tftp=192.0.2.1\0domain=a.example\nopt43=00\0tftp=192.0.2.2"sv);
    EXPECT_EQ(lease.server->host, "192.0.2.2");
    EXPECT_EQ(lease.options.count(43), 0U);
    EXPECT_EQ(read("tftp=192.0.2.1\r\n").server->host, "192.0.2.1");
}

TEST(DhcpEnvironment, IsBounded) {
    EXPECT_TRUE(parse_dhcp_environment(std::string(dhcp_environment_limit, '\n')));
    EXPECT_EQ(parse_dhcp_environment(std::string(dhcp_environment_limit + 1, '\n')).error().code, FaultCode::too_large);
    EXPECT_THAT(read("opt43=" + std::string(2 * max_dhcp_message, '0')).dropped, IsEmpty());
    EXPECT_THAT(read("opt43=" + std::string(2 * max_dhcp_message + 2, '0')).dropped, SizeIs(1));
}

TEST(DhcpEnvironment, KeepsTheClientsVariablesAlone) {
    EXPECT_EQ(keep_dhcp_variables(
                  "PATH=/bin\0ip=192.0.2.1\0SECRET=canary\0opt66=61\0opt=1\0nonsense\0new_routers=192.0.2.1\0"sv),
              "ip=192.0.2.1\0opt66=61\0new_routers=192.0.2.1\0"sv);
    EXPECT_EQ(keep_dhcp_variables(""), "");
}

TEST(DhcpEnvironment, TakesInWhatWasWithheld) {
    EXPECT_FALSE(is_server_withheld(read("tftp=192.0.2.1")));
    EXPECT_FALSE(is_server_withheld(read("domain=bad")));
    const std::string withheld("ip=192.0.2.1\0tftp=bad\0", 22);
    ASSERT_TRUE(is_server_withheld(read(withheld)));
    const auto lease = read(add_withheld_options(withheld, {{66, "https://prov/"}, {43, "x"}, {67, "file"}}));
    EXPECT_FALSE(is_server_withheld(lease));
    EXPECT_EQ(lease.server->host, "prov");
    EXPECT_EQ(lease.address, address("192.0.2.1"));
    EXPECT_THAT(lease.options, ElementsAre(Pair(43, "x"), Pair(66, "https://prov/")));
    EXPECT_THAT(lease.dropped, IsEmpty());
    EXPECT_TRUE(is_server_withheld(read(add_withheld_options(withheld, {})))) << "nothing was told, and that is said";
}

TEST(DhcpEnvironment, KnowsWhatEachClientSays) {
    for (const auto* word : {"bound", "renew", "BOUND", "RENEW", "REBIND", "REBOOT"})
        EXPECT_EQ(read_dhcp_event(word), DhcpEvent::leased) << word;
    for (const auto* word : {"deconfig", "PREINIT", "EXPIRE", "FAIL", "RELEASE", "STOP"})
        EXPECT_EQ(read_dhcp_event(word), DhcpEvent::lost) << word;
    for (const auto* word : {"nak", "leasefail", "MEDIUM", "ARPCHECK", ""})
        EXPECT_EQ(read_dhcp_event(word), DhcpEvent::other) << word;
}

RC_GTEST_PROP(DhcpEnvironmentProperty, OptionsComeThroughEitherClient, (const std::string& bytes)) {
    if (bytes.size() > max_dhcp_message) return;
    RC_ASSERT(read("opt43=" + to_hex(bytes) + "\n").options.at(43) == bytes);
    std::string escaped;
    for (const unsigned char c : bytes) {
        escaped += '\\';
        for (const int shift : {6, 3, 0}) escaped += static_cast<char>('0' + (c >> shift & 7));
    }
    RC_ASSERT(read("new_unknown_224=" + escaped + "\n").options.at(224) == bytes);
}

TEST(DhcpRequest, UdhcpcAsksAsTheSetAndForTheTime) {
    const auto mac = MacAddress::parse("00:17:65:FD:BF:1D").value();
    const auto words = udhcpc_arguments(protocol::request_dhcp(mac));
    EXPECT_THAT(words, testing::IsSupersetOf({"-V", "Nortel-SIP-Phone-A", "hostname:T001765FDBF1D", "0x39:04a6",
                                              "0x3d:01001765fdbf1d", "42", "66", "254"}));
    EXPECT_THAT(words, Not(testing::Contains("99")));
}

TEST(DhcpRequest, DhclientAsksTheSame) {
    const auto mac = MacAddress::parse("00:17:65:FD:BF:1D").value();
    EXPECT_THAT(dhclient_configuration(protocol::request_dhcp(mac)),
                testing::AllOf(HasSubstr("send host-name \"T001765FDBF1D\";\n"),
                               HasSubstr("send vendor-class-identifier \"Nortel-SIP-Phone-A\";\n"),
                               HasSubstr("send dhcp-client-identifier 01:00:17:65:fd:bf:1d;\n"),
                               HasSubstr("send dhcp-max-message-size 1190;\nrequest subnet-mask,\n"),
                               HasSubstr("site-254,\n    ntp-servers;\n"),
                               HasSubstr("option site-232 code 232 = string;\n"), Not(HasSubstr("-99"))));
}

// "-valid" environments name a provisioning server.
TEST(DhcpCorpus, VerdictsHold) {
    SystemDisk disk;
    std::size_t files = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(RINGFENCE_SOURCE_DIR "/tests/corpus/dhcp_environment")) {
        const std::string stem = entry.path().stem().string();
        const auto lease = parse_dhcp_environment(disk.read(entry.path().string(), 2 * dhcp_environment_limit).value());
        EXPECT_EQ(lease && lease->server, stem.ends_with("-valid")) << stem;
        EXPECT_TRUE(stem.ends_with("-valid") || stem.ends_with("-invalid")) << stem;
        ++files;
    }
    EXPECT_GE(files, 6U);
}

}  // namespace
}  // namespace ringfence::phone
