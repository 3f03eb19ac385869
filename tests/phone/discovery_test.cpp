#include "phone/discovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "phone/dhcp_environment.h"

namespace ringfence::phone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr auto server = Parameter::provisioning_server;

Surroundings lease(std::string_view environment) {
    Surroundings out;
    out.lease = parse_dhcp_environment(environment).value();
    return out;
}

Surroundings offered(const std::string& url) { return lease("new_tftp_server_name=" + url); }

std::string url_of(const Discovery& discovery) { return discovery.server ? discovery.server->without_login() : "none"; }

std::string value_of(const Discovery& discovery, Parameter parameter) {
    const auto found = discovery.values.find(parameter);
    return found == discovery.values.end() ? "unset" : std::string(found->second.text.reveal());
}

// A phone that has booted so once, and its manifest came.
ParameterMemory served_by(const ParameterMemory& memory, const Surroundings& surroundings) {
    return remember_discovery(memory, discover(memory, {}, surroundings), true);
}

TEST(Discovery, NobodyNamesAServer) {
    const auto discovery = discover({}, {}, {});
    EXPECT_FALSE(discovery.server);
    EXPECT_THAT(discovery.values, IsEmpty());
    EXPECT_THAT(discovery.notes, IsEmpty());
}

TEST(Discovery, TakesWhatDhcpOffers) {
    auto surroundings = lease(
        "new_tftp_server_name=https://u:canary@prov.example.net/sets\nnew_domain_name=example.net\n"
        "new_domain_name_servers=192.0.2.2 192.0.2.3 192.0.2.4\nnew_unknown_232=VLAN-A:100+200.\nnew_routers=x\n");
    surroundings.mac = MacAddress::parse("00247F0102AB").value();
    const auto discovery = discover({}, {}, surroundings);
    EXPECT_EQ(url_of(discovery), "https://prov.example.net/sets");
    EXPECT_EQ(discovery.server->password.reveal(), "canary");
    EXPECT_EQ(value_of(discovery, Parameter::dns_domain), "example.net");
    EXPECT_EQ(value_of(discovery, Parameter::dns_servers), "192.0.2.2 192.0.2.3");
    EXPECT_EQ(value_of(discovery, Parameter::vlan_ids), "100+200");
    EXPECT_EQ(value_of(discovery, Parameter::host_name), "T00247F0102AB");
    EXPECT_THAT(discovery.notes,
                ElementsAre(HasSubstr("new_routers"), HasSubstr("https://prov.example.net/sets, by DHCP")));
    for (const auto& note : discovery.notes) EXPECT_THAT(note, Not(HasSubstr("canary")));
}

TEST(Discovery, BlockBOutranksBlockAOutranksOption66) {
    const std::string option = "new_tftp_server_name=192.0.2.1\n";
    const std::string a = "new_unknown_254=Nortel-SIP-Phone-A,prov=192.0.2.2;\n";
    const std::string b = "new_unknown_224=Nortel-SIP-Phone-B,prov=192.0.2.3;dns=192.0.2.9;\n";
    EXPECT_EQ(url_of(discover({}, {}, lease(option))), "tftp://192.0.2.1/");
    EXPECT_EQ(url_of(discover({}, {}, lease(option + a))), "tftp://192.0.2.2/");
    const auto all = discover({}, {}, lease(option + a + b));
    EXPECT_EQ(url_of(all), "tftp://192.0.2.3/");
    EXPECT_EQ(value_of(all, Parameter::dns_servers), "192.0.2.9");
    EXPECT_THAT(all.notes, ElementsAre(HasSubstr("Nortel-SIP-Phone-B")));
}

TEST(Discovery, SettingsOfFilesStandBelowDhcp) {
    const EffectiveSettings settings = {{"SNTP_SERVER", {"192.0.2.1", "DEVICE_CONFIG"}},
                                        {"DNS_DOMAIN", {"files.example", "DEVICE_CONFIG"}}};
    const auto alone = discover({}, settings, {});
    EXPECT_EQ(value_of(alone, Parameter::sntp_server), "192.0.2.1");
    EXPECT_EQ(alone.values.at(Parameter::dns_domain).source, Source::files);
    EXPECT_EQ(value_of(discover({}, settings, lease("domain=dhcp.example")), Parameter::dns_domain), "dhcp.example");
    EXPECT_EQ(value_of(discover({}, {{"SNTP_SERVER", {"0.0.0.0", "DEVICE_CONFIG"}}}, {}), Parameter::sntp_server),
              "unset");
}

TEST(Discovery, TypedServerOutranksAllAndIsNoNews) {
    ParameterMemory memory;
    memory.manual[server] = Secret("http://typed.example");
    auto surroundings = offered("https://prov.example.net");
    surroundings.lldp = {{server, Source::lldp, Secret("192.0.2.1")}};
    const auto discovery = discover(memory, {}, surroundings);
    EXPECT_EQ(url_of(discovery), "http://typed.example/");
    EXPECT_THAT(discovery.notes, IsEmpty());
    EXPECT_EQ(remember_discovery(memory, discovery, true), memory);
}

TEST(Discovery, LastAutomaticServerStandsInForASilentDhcp) {
    const auto memory = served_by({}, offered("http://prov.example.net"));
    const auto discovery = discover(memory, {}, {});
    EXPECT_EQ(url_of(discovery), "http://prov.example.net/");
    EXPECT_THAT(discovery.notes, ElementsAre(HasSubstr("by last automatic value, from DHCP")));
    EXPECT_EQ(url_of(discover(memory, {}, offered("http://other.example"))), "http://other.example/");
}

TEST(Discovery, ServerThatDidNotServeIsForgotten) {
    const auto surroundings = lease("new_tftp_server_name=https://rogue.example\nnew_domain_name=example.net\n");
    const auto memory = remember_discovery({}, discover({}, {}, surroundings), false);
    EXPECT_EQ(memory.automatic.count(server), 0U);
    EXPECT_EQ(memory.automatic.at(Parameter::dns_domain).text.reveal(), "example.net");
}

TEST(Discovery, NoAutomaticServerOfAWeakerWireFollowsOneOfHttps) {
    auto memory = served_by({}, offered("https://prov.example.net"));
    for (const auto* weaker :
         {"192.0.2.66", "tftp://rogue.example", "ftp://u:canary@rogue.example", "http://rogue.example"}) {
        const auto discovery = discover(memory, {}, offered(weaker));
        EXPECT_EQ(url_of(discovery), "https://prov.example.net/") << weaker;
        ASSERT_THAT(discovery.notes, ElementsAre(HasSubstr("passed over"), HasSubstr("last automatic value")));
        EXPECT_THAT(discovery.notes[0], Not(HasSubstr("canary")));
        EXPECT_EQ(remember_discovery(memory, discovery, true), memory);
    }
    auto by_switch = offered("https://prov.example.net");
    by_switch.lldp = {{server, Source::lldp, Secret("192.0.2.66")}};
    EXPECT_EQ(url_of(discover(memory, {}, by_switch)), "https://prov.example.net/");

    EXPECT_EQ(url_of(discover(memory, {}, offered("https://other.example"))), "https://other.example/");
    memory.manual[server] = Secret("192.0.2.66");
    EXPECT_EQ(url_of(discover(memory, {}, {})), "tftp://192.0.2.66/");
}

// Where DHCP names a clear wire and the manifest there leads to HTTPS, nothing changes from boot to boot.
TEST(Discovery, ClearServerMayFollowItself) {
    const auto memory = served_by({}, offered("192.0.2.1"));
    EXPECT_EQ(url_of(discover(memory, {}, offered("192.0.2.2"))), "tftp://192.0.2.2/");
}

TEST(Discovery, ServerThatCouldNotProveItselfBindsNobody) {
    const auto memory = remember_discovery({}, discover({}, {}, offered("https://rogue.example")), false);
    EXPECT_EQ(url_of(discover(memory, {}, offered("192.0.2.1"))), "tftp://192.0.2.1/");
}

}  // namespace
}  // namespace ringfence::phone
