#include "phone/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace ringfence::phone {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr auto server = Parameter::provisioning_server;

ParameterOffer offer(Parameter parameter, Source source, std::string text) {
    return {parameter, source, Secret(std::move(text))};
}

// The value in use, or "refused".
std::string checked(Parameter parameter, std::string_view text) {
    const auto value = check_parameter(parameter, text);
    return value ? std::string(value->reveal()) : "refused";
}

std::string chosen(const ParameterValues& values, Parameter parameter) {
    const auto found = values.find(parameter);
    return found == values.end() ? "unset" : std::string(found->second.text.reveal());
}

TEST(Parameters, NamesAreReadAsTheyAreWritten) {
    EXPECT_THAT(all_parameters(), SizeIs(8));
    for (const auto parameter : all_parameters()) EXPECT_EQ(parse_parameter(to_string(parameter)), parameter);
    for (const auto source : precedence) EXPECT_EQ(parse_source(to_string(source)), source);
    EXPECT_FALSE(parse_parameter("Host-Name"));
    EXPECT_FALSE(parse_source(""));
}

TEST(Parameters, ValuesAreChecked) {
    EXPECT_EQ(checked(server, " 192.0.2.1 "), "192.0.2.1");
    EXPECT_EQ(checked(server, "0.0.0.0"), "");
    EXPECT_EQ(checked(server, "prov"), "refused");
    EXPECT_EQ(checked(server, "https://" + std::string(2000, 'a')), "refused");
    EXPECT_EQ(checked(Parameter::vlan_ids, "100+200"), "100+200");
    EXPECT_EQ(checked(Parameter::vlan_ids, "1+2+3+4+5+6+7+8+9+10+11"), "refused");
    for (const auto* bad : {"4095", "0", "1+", "a", "1 2"}) EXPECT_EQ(checked(Parameter::vlan_ids, bad), "refused");
    EXPECT_EQ(checked(Parameter::dns_servers, "192.0.2.1 2001:db8::1"), "192.0.2.1 2001:db8::1");
    for (const auto* bad : {"a", "192.0.2.1 192.0.2.2 192.0.2.3", "192.0.2.1,192.0.2.2"})
        EXPECT_EQ(checked(Parameter::dns_servers, bad), "refused");
    EXPECT_EQ(checked(Parameter::sntp_server, "time.example.net"), "time.example.net");
    EXPECT_EQ(checked(Parameter::sntp_server, "0.0.0.0"), "");
    EXPECT_EQ(checked(Parameter::sntp_server, "a b"), "refused");
    EXPECT_EQ(checked(Parameter::host_name, "-a"), "refused");
    EXPECT_EQ(checked(Parameter::device_password, " p "), " p ");
    EXPECT_EQ(checked(Parameter::device_password, "p\n"), "refused");
    EXPECT_EQ(checked(Parameter::device_id, std::string(129, 'x')), "refused");
    for (const auto parameter : all_parameters()) EXPECT_EQ(checked(parameter, ""), "");
}

TEST(Parameters, NothingShowsASecret) {
    const Secret url("https://u:canary@prov.example.net/x");
    EXPECT_EQ(show_parameter(server, url), "https://prov.example.net/x");
    EXPECT_TRUE(holds_secret(server, url));
    EXPECT_FALSE(holds_secret(server, Secret("https://u@prov.example.net/x")));
    EXPECT_TRUE(holds_secret(Parameter::device_password, Secret("x")));
    EXPECT_EQ(show_parameter(Parameter::device_password, Secret("canary")), masked_secret);
    EXPECT_EQ(show_parameter(server, Secret("canary")), masked_secret);
    for (const auto parameter : all_parameters()) {
        const auto refused = check_parameter(parameter, "://canary\n" + std::string(2000, 'x'));
        ASSERT_FALSE(refused);
        EXPECT_THAT(refused.error().message, Not(HasSubstr("canary")));
    }
}

TEST(Parameters, HighestSourceWins) {
    ParameterMemory memory;
    memory.automatic[server] = {Secret("192.0.2.6"), Source::lldp, Source::lldp};
    std::vector<ParameterOffer> offers = {
        offer(server, Source::factory, "192.0.2.7"),      offer(server, Source::files, "192.0.2.5"),
        offer(server, Source::dhcp, "192.0.2.4"),         offer(server, Source::dhcp_block_a, "192.0.2.3"),
        offer(server, Source::dhcp_block_b, "192.0.2.2"), offer(server, Source::lldp, "192.0.2.1")};
    for (const auto* expected : {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"}) {
        EXPECT_EQ(chosen(resolve(memory, offers), server), expected);
        offers.pop_back();
    }
    EXPECT_EQ(chosen(resolve(memory, offers), server), "192.0.2.6");
    EXPECT_EQ(resolve(memory, offers).at(server).source, Source::last_automatic);
    EXPECT_EQ(resolve(memory, offers).at(server).origin, Source::lldp);
    EXPECT_EQ(chosen(resolve({}, offers), server), "192.0.2.7");
    EXPECT_THAT(resolve({}, {}), IsEmpty());

    memory.manual[server] = Secret("192.0.2.9");
    EXPECT_EQ(chosen(resolve(memory, {offer(server, Source::lldp, "192.0.2.1")}), server), "192.0.2.9");
}

TEST(Parameters, UnsetAndBadOffersDoNotCount) {
    const auto values =
        resolve({}, {offer(server, Source::lldp, "0.0.0.0"), offer(server, Source::dhcp_block_b, "prov"),
                     offer(server, Source::dhcp, "192.0.2.1"), offer(server, Source::dhcp, "192.0.2.2")});
    EXPECT_EQ(chosen(values, server), "192.0.2.1");
}

TEST(Parameters, OnlyWhatTheNetworkOffersIsRemembered) {
    ParameterMemory memory;
    memory.manual[server] = Secret("192.0.2.9");
    const auto next = remember(
        memory, {offer(server, Source::dhcp, "192.0.2.4"), offer(server, Source::lldp, "192.0.2.1"),
                 offer(Parameter::sntp_server, Source::files, "192.0.2.5"),
                 offer(Parameter::host_name, Source::factory, "T00"), offer(Parameter::vlan_ids, Source::dhcp, "x")});
    EXPECT_EQ(next.manual, memory.manual);
    ASSERT_THAT(next.automatic, SizeIs(1));
    EXPECT_EQ(next.automatic.at(server).text.reveal(), "192.0.2.1");
    EXPECT_EQ(next.automatic.at(server).origin, Source::lldp);
    EXPECT_EQ(remember(next, {}), next);
}

// Whatever is offered, no other source stands above the one that was taken.
RC_GTEST_PROP(ParametersProperty, NoOfferOutranksTheChoice, ()) {
    std::vector<ParameterOffer> offers;
    for (const int number : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 80)))
        offers.push_back(offer(server, precedence[static_cast<std::size_t>(number) % precedence.size()],
                               "192.0.2." + std::to_string(number)));
    const auto values = resolve({}, offers);
    RC_ASSERT(values.empty() == offers.empty());
    if (offers.empty()) return;
    for (const auto& other : offers) RC_ASSERT(rank(other.source) >= rank(values.at(server).source));
}

}  // namespace
}  // namespace ringfence::phone
