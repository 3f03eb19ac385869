#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/ip_address.h"
#include "base/mac_address.h"

namespace ringfence {
namespace {

TEST(mac_address, reads_every_common_spelling_as_one) {
    for (const auto* spelling : {"00247F0102AB", "00247f0102ab", "00:24:7f:01:02:ab", "00-24-7F-01-02-AB"}) {
        const auto mac = MacAddress::parse(spelling);
        ASSERT_TRUE(mac) << spelling;
        EXPECT_EQ(mac->bare_upper(), "00247F0102AB");
        EXPECT_EQ(mac->colons(), "00:24:7f:01:02:ab");
    }
}

TEST(mac_address, refuses_what_is_none) {
    for (const auto* bad : {"", "00247F0102A", "00247F0102ABC", "00247F0102AG", "00:24:7f:01:02-ab", "00:24:7f:01:02:a",
                            "0:024:7f:01:02:ab", "00 24 7f 01 02 ab"})
        EXPECT_FALSE(MacAddress::parse(bad)) << bad;
}

TEST(ip_address, mapped_ipv6_is_ipv4) {
    EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.7").value(), IpAddress::parse("192.0.2.7").value());
    EXPECT_NE(IpAddress::parse("::1").value(), IpAddress::parse("0.0.0.1").value());
}

TEST(ip_address, refuses_what_is_none) {
    for (const auto* bad : {"", "192.0.2", "192.0.2.256", "1.2.3.4 ", "::1%eth0", "[::1]", "localhost"})
        EXPECT_FALSE(IpAddress::parse(bad)) << bad;
}

TEST(network, holds_its_hosts_only) {
    const auto network = Network::parse("192.0.2.64/26").value();
    EXPECT_TRUE(network.contains(IpAddress::parse("192.0.2.64").value()));
    EXPECT_TRUE(network.contains(IpAddress::parse("192.0.2.127").value()));
    EXPECT_FALSE(network.contains(IpAddress::parse("192.0.2.128").value()));
    EXPECT_FALSE(network.contains(IpAddress::parse("::ffff").value()));
    EXPECT_TRUE(Network::parse("0.0.0.0/0").value().contains(IpAddress::parse("203.0.113.9").value()));
    EXPECT_TRUE(Network::parse("2001:db8::/33").value().contains(IpAddress::parse("2001:db8:7fff::1").value()));
    EXPECT_FALSE(Network::parse("2001:db8::/33").value().contains(IpAddress::parse("2001:db8:8000::1").value()));
}

TEST(network, refuses_host_bits_and_bad_prefixes) {
    for (const auto* bad : {"192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/-1", "2001:db8::1/64", "/24"})
        EXPECT_FALSE(Network::parse(bad)) << bad;
}

TEST(endpoint, survives_a_round_trip) {
    for (const auto* text : {"192.0.2.1:69", "[::1]:8443", "0.0.0.0:0"})
        EXPECT_EQ(Endpoint::parse(text).value().to_string(), text);
    for (const auto* bad : {"::1:69", "[192.0.2.1]:69", "192.0.2.1", "192.0.2.1:65536", "[::1]", ":80"})
        EXPECT_FALSE(Endpoint::parse(bad)) << bad;
}

RC_GTEST_PROP(network, contains_follows_the_prefix, (std::uint32_t base, std::uint32_t host)) {
    const auto length = *rc::gen::inRange(0U, 33U);
    const std::uint32_t mask = length == 0 ? 0 : ~std::uint32_t{0} << (32 - length);
    const auto address = [](std::uint32_t bits) {
        return IpAddress::from_v4({static_cast<std::uint8_t>(bits >> 24), static_cast<std::uint8_t>(bits >> 16),
                                   static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits)});
    };
    const auto network = Network::parse(address(base & mask).to_string() + "/" + std::to_string(length)).value();
    RC_ASSERT(network.contains(address(host)) == ((host & mask) == (base & mask)));
}

}  // namespace
}  // namespace ringfence
