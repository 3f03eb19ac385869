#include "protocol/dhcp_packet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>

#include "base/disk.h"
#include "base/text.h"

namespace ringfence::protocol {
namespace {

using testing::ElementsAre;
using testing::Pair;

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

constexpr std::size_t server_name_at = 44, file_at = 108, options_at = 240;

std::string bytes(std::initializer_list<int> values) {
    std::string out;
    for (const int value : values) out += static_cast<char>(value);
    return out;
}

// An OFFER with these bytes as its options.
std::string offer_of(std::string_view options) {
    DhcpPacket packet;
    packet.type = DhcpMessage::offer;
    return format_dhcp(packet).substr(0, options_at) + std::string(options);
}

DhcpOptions options_of(std::string_view datagram) { return parse_dhcp(datagram).value().options; }

TEST(DhcpPacket, FieldsStandWhereTheRfcSays) {
    DhcpPacket packet;
    packet.transaction = 0x01020304;
    packet.seconds = 5;
    packet.wants_broadcast = true;
    packet.client = address("192.0.2.1");
    packet.hardware = MacAddress::parse("00247f0102ab").value();
    packet.options = {{60, "class"}};
    const auto datagram = format_dhcp(packet);
    EXPECT_EQ(to_hex(datagram.substr(0, 16)),
              "0101060001020304"
              "00058000"
              "c0000201");
    EXPECT_EQ(to_hex(datagram.substr(28, 16)), "00247f0102ab00000000000000000000");
    EXPECT_EQ(to_hex(datagram.substr(236, 15)),
              "63825363"
              "350101"
              "3c05636c617373"
              "ff");
    EXPECT_EQ(datagram.size(), 300U);
    EXPECT_EQ(parse_dhcp(datagram).value(), packet);
}

TEST(DhcpPacket, APadIsPassedOverAndNothingBehindTheEndCounts) {
    EXPECT_THAT(options_of(offer_of(bytes({0, 53, 1, 2, 0, 0, 12, 1, 'a', 255, 12, 1, 'b', 60}))),
                ElementsAre(Pair(12, "a")));
    EXPECT_THAT(options_of(offer_of(bytes({53, 1, 2, 80, 0}))), ElementsAre(Pair(80, "")));
}

TEST(DhcpPacket, ALongOptionIsJoined) {
    DhcpPacket packet;
    packet.options = {{43, std::string(255, 'a') + std::string(255, 'b') + "c"}, {224, std::string(255, 'x')}};
    EXPECT_EQ(options_of(format_dhcp(packet)), packet.options);
    EXPECT_THAT(options_of(offer_of(bytes({43, 1, 'a', 53, 1, 2, 43, 1, 'b'}))), ElementsAre(Pair(43, "ab")));
}

TEST(DhcpPacket, OverloadedFieldsAreReadAfterTheOptions) {
    auto datagram = offer_of(bytes({53, 1, 2, 43, 1, 'a', 52, 1, 3, 255}));
    datagram.replace(file_at, 4, bytes({43, 1, 'b', 255}));
    datagram.replace(server_name_at, 4, bytes({43, 1, 'c', 255}));
    EXPECT_THAT(options_of(datagram), ElementsAre(Pair(43, "abc")));
    datagram.replace(options_at + 8, 1, bytes({1}));
    EXPECT_THAT(options_of(datagram), ElementsAre(Pair(43, "ab")));
    datagram.replace(options_at + 8, 1, bytes({2}));
    EXPECT_THAT(options_of(datagram), ElementsAre(Pair(43, "ac")));
}

TEST(DhcpPacket, WhatIsNoDhcpIsRefused) {
    const auto good = offer_of(bytes({53, 1, 2, 255}));
    ASSERT_TRUE(parse_dhcp(good));
    const auto changed = [&](std::size_t at, int value) {
        auto datagram = good;
        datagram[at] = static_cast<char>(value);
        return parse_dhcp(datagram);
    };
    for (const auto& wrong :
         {changed(0, 1), changed(0, 3), changed(1, 6), changed(2, 16), changed(236, 0), changed(options_at + 1, 4),
          changed(options_at + 2, 0), changed(options_at + 2, 9), changed(options_at, 54),
          parse_dhcp(good.substr(0, options_at)), parse_dhcp(good.substr(0, 100)), parse_dhcp(""),
          parse_dhcp(offer_of(bytes({53, 1, 2, 52, 1, 0}))), parse_dhcp(offer_of(bytes({53, 1, 2, 52, 1, 4}))),
          parse_dhcp(offer_of(bytes({53, 1, 2, 52, 2, 1, 1}))), parse_dhcp(offer_of(bytes({53, 1, 2, 12})))}) {
        ASSERT_FALSE(wrong);
        EXPECT_EQ(wrong.error().code, FaultCode::malformed);
    }
    EXPECT_EQ(parse_dhcp(good + std::string(max_dhcp_datagram, '\0')).error().code, FaultCode::too_large);
}

RC_GTEST_PROP(DhcpPacketProperty, ComesThroughTheWire,
              (std::uint32_t transaction, std::uint16_t seconds, bool flag,
               std::map<std::uint8_t, std::string> options)) {
    DhcpPacket packet;
    packet.type = *rc::gen::element(DhcpMessage::discover, DhcpMessage::offer, DhcpMessage::request, DhcpMessage::ack,
                                    DhcpMessage::nak, DhcpMessage::inform);
    packet.transaction = transaction;
    packet.seconds = seconds;
    packet.wants_broadcast = flag;
    packet.yours = address("192.0.2.77");
    packet.relay = address("198.51.100.1");
    for (const std::uint8_t own : {0, 52, 53, 255}) options.erase(own);
    packet.options = std::move(options);
    const auto datagram = format_dhcp(packet);
    if (datagram.size() <= max_dhcp_datagram) RC_ASSERT(parse_dhcp(datagram).value() == packet);
}

TEST(DhcpPacketCorpus, VerdictsHold) {
    SystemDisk disk;
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(RINGFENCE_SOURCE_DIR "/tests/corpus/dhcp_packet")) {
        const std::string stem = entry.path().stem().string();
        const auto packet = parse_dhcp(disk.read(entry.path().string(), 2 * max_dhcp_datagram).value());
        EXPECT_EQ(packet.has_value(), stem.ends_with("-valid")) << stem;
        EXPECT_TRUE(stem.ends_with("-valid") || stem.ends_with("-invalid")) << stem;
        ++files;
    }
    EXPECT_GE(files, 6U);
}

}  // namespace
}  // namespace ringfence::protocol
