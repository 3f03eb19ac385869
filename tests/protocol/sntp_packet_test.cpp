#include "protocol/sntp_packet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>

#include "base/text.h"

namespace ringfence::protocol {
namespace {

constexpr SntpTimestamp asked = 0x0123'4567'89ab'cdef;
constexpr WallTime today = std::chrono::sys_days(std::chrono::November / 26 / 2026) + std::chrono::milliseconds(1234);

SntpPacket good_answer() {
    SntpPacket answer;
    answer.mode = SntpMode::server;
    answer.stratum = 2;
    answer.origin = asked;
    answer.receive = answer.transmit = sntp_timestamp(today);
    return answer;
}

TEST(sntp_packet, a_request_tells_nothing_but_its_nonce) {
    SntpPacket request;
    request.transmit = asked;
    EXPECT_EQ(to_hex(format_sntp(request)), "23" + std::string(78, '0') + "0123456789abcdef");
}

// Captured.
TEST(sntp_packet, an_answer_of_chrony_is_read) {
    const auto bytes =
        from_hex("240300e600000000000000007f7f0101eeb33b8674c7db350123456789abcdefeeb33b87ca7467f7eeb33b87ca928fca");
    const auto answer = parse_sntp(bytes.value());
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    EXPECT_EQ(answer->stratum, 3);
    EXPECT_EQ(answer->reference, 0x7f7f0101U);
    EXPECT_EQ(format_time(read_sntp_answer(*answer, asked).value()), "2026-11-26T23:13:11Z");
}

TEST(sntp_packet, the_time_of_a_good_answer_counts) {
    EXPECT_EQ(read_sntp_answer(good_answer(), asked), today);
    for (const int stratum : {1, 15}) {
        auto answer = good_answer();
        answer.stratum = static_cast<std::uint8_t>(stratum);
        EXPECT_TRUE(read_sntp_answer(answer, asked).has_value());
    }
}

FaultCode fault_of(const std::function<void(SntpPacket&)>& spoil) {
    auto answer = good_answer();
    spoil(answer);
    const auto time = read_sntp_answer(answer, asked);
    EXPECT_FALSE(time.has_value());
    return time ? FaultCode::internal : time.error().code;
}

TEST(sntp_packet, what_does_not_answer_the_question_is_not_believed) {
    EXPECT_EQ(fault_of([](SntpPacket& answer) { answer.origin = 0; }), FaultCode::untrusted);
    EXPECT_EQ(fault_of([](SntpPacket& answer) { answer.origin = asked + 1; }), FaultCode::untrusted);
    // Whoever cannot see the request cannot silence the server either.
    EXPECT_EQ(fault_of([](SntpPacket& answer) { answer.stratum = 0, answer.origin = 0; }), FaultCode::untrusted);
}

TEST(sntp_packet, what_does_not_know_the_time_tells_none) {
    for (const auto mode : {SntpMode::reserved, SntpMode::active, SntpMode::passive, SntpMode::client,
                            SntpMode::broadcast, SntpMode::control, SntpMode::own})
        EXPECT_EQ(fault_of([&](SntpPacket& answer) { answer.mode = mode; }), FaultCode::unavailable);
    EXPECT_EQ(fault_of([](SntpPacket& answer) { answer.version = 2; }), FaultCode::unavailable);
    EXPECT_EQ(fault_of([](SntpPacket& answer) { answer.stratum = 16; }), FaultCode::unavailable);
    EXPECT_EQ(fault_of([](SntpPacket& answer) { answer.transmit = 0; }), FaultCode::unavailable);
    EXPECT_EQ(fault_of([](SntpPacket& answer) { answer.leap = SntpLeap::not_synchronised; }), FaultCode::unavailable);
}

TEST(sntp_packet, a_kiss_of_death_tells_its_word) {
    auto answer = good_answer();
    answer.stratum = 0;
    answer.reference = 0x52415445;  // RATE
    const auto time = read_sntp_answer(answer, asked);
    ASSERT_FALSE(time.has_value());
    EXPECT_EQ(time.error().code, FaultCode::rate_limited);
    EXPECT_THAT(time.error().message, testing::HasSubstr("RATE"));
    answer.reference = 0x0A1B'5B00;
    EXPECT_THAT(read_sntp_answer(answer, asked).error().message, testing::HasSubstr("\\x0a\\x1b[\\x00"));
}

TEST(sntp_packet, the_count_goes_on_after_2036) {
    EXPECT_EQ(format_time(time_of(0xFFFF'FFFF'0000'0000)), "2036-02-07T06:28:15Z");
    EXPECT_EQ(format_time(time_of(1)), "2036-02-07T06:28:16Z");
    EXPECT_EQ(format_time(time_of(0x8000'0000'0000'0000)), "1968-01-20T03:14:08Z");
    EXPECT_EQ(format_time(time_of(0x7FFF'FFFF'FFFF'FFFF)), "2104-02-26T09:42:23Z");
}

TEST(sntp_packet, only_a_size_that_a_server_sends_is_read) {
    const std::string header = format_sntp(good_answer());
    EXPECT_EQ(parse_sntp(header.substr(1)).error().code, FaultCode::malformed);
    EXPECT_EQ(parse_sntp({}).error().code, FaultCode::malformed);
    const std::string longest = header + std::string(max_sntp_datagram - header.size(), 'x');
    EXPECT_EQ(parse_sntp(longest), good_answer());
    EXPECT_EQ(parse_sntp(longest + "x").error().code, FaultCode::too_large);
}

RC_GTEST_PROP(sntp_packet, what_is_formatted_is_read_again, ()) {
    SntpPacket packet;
    packet.leap = static_cast<SntpLeap>(*rc::gen::inRange(0, 4));
    packet.version = static_cast<std::uint8_t>(*rc::gen::inRange(0, 8));
    packet.mode = static_cast<SntpMode>(*rc::gen::inRange(0, 8));
    packet.stratum = *rc::gen::arbitrary<std::uint8_t>();
    packet.reference = *rc::gen::arbitrary<std::uint32_t>();
    packet.origin = *rc::gen::arbitrary<std::uint64_t>();
    packet.receive = *rc::gen::arbitrary<std::uint64_t>();
    packet.transmit = *rc::gen::arbitrary<std::uint64_t>();
    RC_ASSERT(parse_sntp(format_sntp(packet)) == packet);
}

RC_GTEST_PROP(sntp_packet, a_time_is_told_to_the_millisecond, ()) {
    const auto seconds = *rc::gen::inRange<std::int64_t>(-61'505'152, 4'233'462'144);
    const WallTime time{std::chrono::milliseconds(seconds * 1000 + *rc::gen::inRange(0, 1000))};
    RC_ASSERT(time_of(sntp_timestamp(time)) == time);
}

}  // namespace
}  // namespace ringfence::protocol
