#include "protocol/udp_frame.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"

namespace ringfence::protocol {
namespace {

Endpoint at(std::string_view text) { return Endpoint::parse(text).value(); }

// Both checksums were summed by another program, as RFC 1071 says.
TEST(UdpFrame, HasTheHeadersThatTheRfcsSay) {
    EXPECT_EQ(to_hex(format_udp_frame({at("127.0.0.1:68"), at("127.0.0.1:67"), "ping"})),
              "4500002000000000"
              "40117ccb"
              "7f0000017f000001"
              "00440043000c227c"
              "70696e67");
}

TEST(UdpFrame, PassesOverWhatIsNoWholeDatagram) {
    const std::string good = format_udp_frame({at("192.0.2.1:67"), at("192.0.2.2:68"), "payload"});
    ASSERT_TRUE(parse_udp_frame(good));
    const auto changed = [&](std::size_t place, int value) {
        auto packet = good;
        packet[place] = static_cast<char>(value);
        return parse_udp_frame(packet);
    };
    EXPECT_FALSE(changed(0, 0x65)) << "IPv6";
    EXPECT_FALSE(changed(0, 0x44)) << "header too short";
    EXPECT_FALSE(changed(0, 0x4F)) << "header longer than the packet";
    EXPECT_FALSE(changed(3, 255)) << "longer than it is";
    EXPECT_FALSE(changed(3, 20)) << "no room for UDP";
    EXPECT_FALSE(changed(9, 6)) << "TCP";
    EXPECT_FALSE(changed(6, 0x20)) << "more fragments";
    EXPECT_FALSE(changed(7, 1)) << "a later fragment";
    EXPECT_TRUE(changed(6, 0x40)) << "may not be fragmented";
    EXPECT_FALSE(changed(25, 7)) << "UDP shorter than its header";
    EXPECT_FALSE(changed(25, 16)) << "UDP longer than the packet";
    for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(parse_udp_frame(good.substr(0, size)));
    EXPECT_EQ(parse_udp_frame(good + "padding")->payload, "payload");
}

RC_GTEST_PROP(UdpFrameProperty, ComesThroughTheWire,
              (std::uint16_t from, std::uint16_t to, const std::string& payload)) {
    const UdpFrame frame{{at("192.0.2.1:1").address, from}, {at("255.255.255.255:1").address, to}, payload};
    RC_ASSERT(parse_udp_frame(format_udp_frame(frame)).value() == frame);
}

}  // namespace
}  // namespace ringfence::protocol
