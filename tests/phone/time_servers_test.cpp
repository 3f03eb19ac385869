#include "phone/time_servers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringfence::phone {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

EffectiveSettings settings(const std::string& server, const std::string& enable = "") {
    EffectiveSettings out;
    out["SNTP_SERVER"].value = server;
    if (!enable.empty()) out["SNTP_ENABLE"].value = enable;
    return out;
}

std::vector<IpAddress> addresses(const std::vector<std::string>& texts) {
    std::vector<IpAddress> out;
    for (const auto& text : texts) out.push_back(IpAddress::parse(text).value());
    return out;
}

ParameterMemory memory(const std::string& typed, const std::string& last) {
    ParameterMemory out;
    if (!typed.empty()) out.manual[Parameter::sntp_server] = Secret(typed);
    if (!last.empty()) out.automatic[Parameter::sntp_server] = {Secret(last), Source::last_automatic, Source::dhcp};
    return out;
}

TEST(TimeServers, ThePersonsThenDhcpsThenTheSettingsThenTheLast) {
    EXPECT_THAT(time_servers({memory("typed.example", "192.0.2.9"), settings("ntp.example"), addresses({"192.0.2.1"})}),
                ElementsAre("typed.example", "192.0.2.1", "ntp.example", "192.0.2.9"));
}

TEST(TimeServers, EachOnceAndNotMoreThanTheLimit) {
    EXPECT_THAT(time_servers({memory("", "192.0.2.1"), settings("192.0.2.1"), addresses({"192.0.2.1"})}),
                ElementsAre("192.0.2.1"));
    EXPECT_THAT(time_servers({memory("", "192.0.2.9"), settings("ntp.example"),
                              addresses({"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"})}),
                ElementsAre("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"));
}

TEST(TimeServers, WhatIsNoServerIsNotAsked) {
    for (const std::string none : {"", "0.0.0.0", "192.0.2.1:123", "a b", "-x.example"})
        EXPECT_THAT(time_servers({{}, settings(none), {}}), IsEmpty()) << none;
    EXPECT_THAT(time_servers({{}, {}, {}}), IsEmpty());
}

TEST(TimeServers, TheSettingIsObeyedUnlessItIsSwitchedOff) {
    EXPECT_THAT(time_servers({{}, settings("192.0.2.1", "YES"), {}}), ElementsAre("192.0.2.1"));
    EXPECT_THAT(time_servers({{}, settings("192.0.2.1", "NO"), {}}), IsEmpty());
    EXPECT_THAT(time_servers({{}, settings("192.0.2.1"), {}, true}), IsEmpty()) << "a set's default is NO";
    EXPECT_THAT(time_servers({{}, settings("192.0.2.1", "YES"), {}, true}), ElementsAre("192.0.2.1"));
}

}  // namespace
}  // namespace ringfence::phone
