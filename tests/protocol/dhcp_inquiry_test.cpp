#include "protocol/dhcp_inquiry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/udp_frame.h"

namespace ringfence::protocol {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint32_t transaction = 0xCAFE;
const MacAddress mac = MacAddress::parse("00247f0102ab").value();
const SteadyTime begin{};

IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }

DhcpInquiry started(const DhcpPatience& patience = {10s, 1s}) {
    auto inquiry = DhcpInquiry::discover(request_dhcp(mac), mac, transaction);
    inquiry.start(begin, patience);
    return inquiry;
}

DhcpPacket offer_from(std::string_view server) {
    DhcpPacket packet;
    packet.type = DhcpMessage::offer;
    packet.transaction = transaction;
    packet.hardware = mac;
    packet.yours = address("192.0.2.50");
    packet.options[DhcpOption::server_identifier] = address(server).bytes();
    return packet;
}

std::string frame_of(const DhcpPacket& packet, std::uint16_t from = 67, std::uint16_t to = 68) {
    return format_udp_frame({{address("192.0.2.1"), from}, {address("255.255.255.255"), to}, format_dhcp(packet)});
}

DhcpPacket question_of(DhcpInquiry& inquiry) {
    const auto frame = parse_udp_frame(inquiry.take_question(begin).value()).value();
    EXPECT_EQ(frame.source.port, 68);
    EXPECT_EQ(frame.destination.to_string(), "255.255.255.255:67");
    return parse_dhcp(frame.payload).value();
}

TEST(DhcpInquiry, AsksAsASet) {
    auto inquiry = started();
    const auto question = question_of(inquiry);
    EXPECT_EQ(question.type, DhcpMessage::discover);
    EXPECT_TRUE(question.wants_broadcast);
    EXPECT_EQ(question.hardware, mac);
    EXPECT_EQ(question.options, format_dhcp_options(request_dhcp(mac)));
}

TEST(DhcpInquiry, InformSaysWhatAddressItHasAndHearsTheLeasesServer) {
    DhcpLease lease;
    lease.address = address("192.0.2.50");
    lease.server_identifier = address("192.0.2.1");
    auto inquiry = DhcpInquiry::inform(request_dhcp(mac), mac, lease, transaction);
    inquiry.start(begin, {4s, 0s});
    const auto question = question_of(inquiry);
    EXPECT_EQ(question.type, DhcpMessage::inform);
    EXPECT_EQ(question.client, address("192.0.2.50"));
    auto rogue = offer_from("192.0.2.66");
    rogue.type = DhcpMessage::ack;
    auto answer = offer_from("192.0.2.1");
    inquiry.take(frame_of(rogue), begin);
    inquiry.take(frame_of(answer), begin);
    EXPECT_THAT(inquiry.answers(), IsEmpty()) << "another server's, and an OFFER";
    EXPECT_FALSE(inquiry.is_over(begin));
    answer.type = DhcpMessage::ack;
    inquiry.take(frame_of(answer), begin);
    EXPECT_TRUE(inquiry.is_over(begin));
    ASSERT_THAT(inquiry.answers(), SizeIs(1));
    EXPECT_EQ(inquiry.answers()[0].server_identifier, address("192.0.2.1"));
}

TEST(DhcpInquiry, AsksAgainWhileNobodyAnswers) {
    auto inquiry = started();
    EXPECT_TRUE(inquiry.take_question(begin));
    EXPECT_FALSE(inquiry.take_question(begin + 1s));
    EXPECT_EQ(inquiry.deadline(), begin + 2s);
    const auto again = inquiry.take_question(begin + 2s);
    ASSERT_TRUE(again);
    EXPECT_EQ(parse_dhcp(parse_udp_frame(*again)->payload)->seconds, 2);
    EXPECT_FALSE(inquiry.take_question(begin + 5s));
    EXPECT_TRUE(inquiry.take_question(begin + 6s));
    EXPECT_EQ(inquiry.deadline(), begin + 10s);
    EXPECT_TRUE(inquiry.is_over(begin + 10s));
    EXPECT_FALSE(inquiry.take_question(begin + 14s));
}

TEST(DhcpInquiry, CollectsForASecondAfterTheFirst) {
    auto inquiry = started();
    inquiry.take(frame_of(offer_from("192.0.2.1")), begin + 3s);
    EXPECT_FALSE(inquiry.is_over(begin + 3999ms));
    EXPECT_FALSE(inquiry.take_question(begin + 3500ms));
    inquiry.take(frame_of(offer_from("192.0.2.2")), begin + 3500ms);
    inquiry.take(frame_of(offer_from("192.0.2.1")), begin + 3600ms);
    EXPECT_TRUE(inquiry.is_over(begin + 4s));
    ASSERT_THAT(inquiry.answers(), SizeIs(2));
    EXPECT_EQ(inquiry.answers()[1].server_identifier, address("192.0.2.2"));
    EXPECT_EQ(inquiry.answers()[0].address, address("192.0.2.50"));
}

TEST(DhcpInquiry, EndsWithEnoughAndIsBounded) {
    auto inquiry = started({4s, 4s, 1});
    inquiry.take(frame_of(offer_from("192.0.2.1")), begin);
    EXPECT_TRUE(inquiry.is_over(begin));
    auto flooded = started({4s, 4s});
    for (int i = 0; i < 100; ++i) flooded.take(frame_of(offer_from("192.0.2." + std::to_string(i))), begin);
    EXPECT_THAT(flooded.answers(), SizeIs(max_dhcp_answers));
}

TEST(DhcpInquiry, WhatAnswersNotThisQuestionIsPassedOver) {
    auto inquiry = started();
    auto other_transaction = offer_from("192.0.2.1");
    other_transaction.transaction = transaction + 1;
    auto other_phone = offer_from("192.0.2.1");
    other_phone.hardware = MacAddress::parse("00247f0102ac").value();
    auto ack = offer_from("192.0.2.1");
    ack.type = DhcpMessage::ack;
    for (const auto& frame : {frame_of(other_transaction), frame_of(other_phone), frame_of(ack), std::string("noise"),
                              frame_of(offer_from("192.0.2.1"), 66), frame_of(offer_from("192.0.2.1"), 67, 69)})
        inquiry.take(frame, begin);
    EXPECT_THAT(inquiry.answers(), IsEmpty());
}

}  // namespace
}  // namespace ringfence::protocol
