#include "protocol/tftp_packet.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace ringfence::protocol {
namespace {

using namespace std::string_literals;

TEST(tftp_packet, requests_are_read_with_their_options) {
    const auto packet = parse_tftp(
        "\0\1"
        "1230SIP.cfg\0OcTeT\0blksize\0"
        "1428\0tsize\0"
        "0\0"s);
    const TftpReadRequest expected{"1230SIP.cfg", TftpMode::octet, {{"blksize", "1428"}, {"tsize", "0"}}};
    EXPECT_EQ(std::get<TftpReadRequest>(packet.value()), expected);
    const auto write = parse_tftp("\0\2x\0netascii\0"s);
    EXPECT_EQ(std::get<TftpWriteRequest>(write.value()), (TftpWriteRequest{"x", TftpMode::netascii, {}}));
    EXPECT_EQ(std::get<TftpReadRequest>(parse_tftp("\0\1x\0MAIL\0"s).value()).mode, TftpMode::mail);
}

TEST(tftp_packet, padding_after_a_request_is_let_pass) {
    EXPECT_EQ(parse_tftp("\0\1x\0octet\0\0\0\0"s).value(), TftpPacket(TftpReadRequest{"x", TftpMode::octet, {}}));
    EXPECT_EQ(parse_tftp("\0\4\1\2\0\0"s).value(), TftpPacket(TftpAck{258}));
}

TEST(tftp_packet, malformed_packets_are_refused) {
    for (const auto& bad : {""s,
                            "\0"s,
                            "\0\0"s,
                            "\0\7"s,
                            "\1\1x\0octet\0"s,
                            "\0\1"s,
                            "\0\1x"s,
                            "\0\1x\0"s,
                            "\0\1x\0octet"s,
                            "\0\1x\0binary\0"s,
                            "\0\1x\0octet\0blksize"s,
                            "\0\1x\0octet\0blksize\0"s,
                            "\0\1x\0octet\0blksize\0"
                            "1"s,
                            "\0\1x\0octet\0\0"
                            "1\0"s,
                            "\0\1x\0octet\0tsize\0"
                            "0\0TSIZE\0"
                            "0\0"s,
                            "\0\3\0"s,
                            "\0\4\0"s,
                            "\0\5\0"s,
                            "\0\5\0\1no end"s,
                            "\0\5\0\1end\0more"s,
                            "\0\6tsize\0"s}) {
        const auto packet = parse_tftp(bad);
        ASSERT_FALSE(packet) << testing::PrintToString(bad);
        EXPECT_EQ(packet.error().code, FaultCode::malformed);
    }
}

TEST(tftp_packet, sizes_are_bounded) {
    const auto request = [](std::size_t size) { return "\0\1"s + std::string(size - 9, 'x') + "\0octet\0"s; };
    EXPECT_TRUE(parse_tftp(request(max_tftp_request)));
    EXPECT_EQ(parse_tftp(request(max_tftp_request + 1)).error().code, FaultCode::too_large);
    EXPECT_TRUE(parse_tftp("\0\3\0\1"s + std::string(max_tftp_block, 'x')));
    EXPECT_EQ(parse_tftp("\0\3\0\1"s + std::string(max_tftp_block + 1, 'x')).error().code, FaultCode::too_large);
}

TEST(tftp_packet, errors_have_their_bytes) {
    EXPECT_EQ(format_error(TftpErrorCode::unknown_transfer, "Unknown transfer ID"), "\0\5\0\5Unknown transfer ID\0"s);
    EXPECT_EQ(format_error(TftpErrorCode::not_defined, std::string(300, 'x')).size(), 205U);
}

TEST(tftp_packet, absent_and_forbidden_give_the_same_bytes) {
    for (const auto code : {FaultCode::forbidden, FaultCode::unauthenticated, FaultCode::untrusted, FaultCode::expired})
        EXPECT_EQ(format_error(code), format_error(FaultCode::not_found));
    EXPECT_EQ(format_error(FaultCode::not_found), "\0\5\0\1File not found\0"s);
    EXPECT_EQ(tftp_error_code(FaultCode::malformed), TftpErrorCode::illegal_operation);
    EXPECT_EQ(tftp_error_code(FaultCode::unavailable), TftpErrorCode::not_defined);
}

rc::Gen<std::string> text_without_nul(std::size_t max) {
    return rc::gen::map(rc::gen::container<std::string>(rc::gen::nonZero<char>()),
                        [max](std::string text) { return text.substr(0, max); });
}

template <typename Request>
TftpPacket any_request() {
    Request request{*text_without_nul(100), *rc::gen::element(TftpMode::octet, TftpMode::netascii, TftpMode::mail), {}};
    for (const auto* name : {"blksize", "Timeout", "x"})
        if (*rc::gen::arbitrary<bool>()) request.options.push_back({name, *text_without_nul(40)});
    return request;
}

RC_GTEST_PROP(tftp_packet, packets_survive_a_round_trip, ()) {
    const auto number = *rc::gen::arbitrary<std::uint16_t>();
    const auto payload = *rc::gen::arbitrary<std::string>();
    for (const TftpPacket& packet :
         {any_request<TftpReadRequest>(), any_request<TftpWriteRequest>(), TftpPacket(TftpData{number, payload}),
          TftpPacket(TftpAck{number}), TftpPacket(TftpError{TftpErrorCode{number}, *text_without_nul(100)}),
          TftpPacket(TftpOptionAck{std::get<TftpReadRequest>(any_request<TftpReadRequest>()).options})})
        RC_ASSERT((parse_tftp(format_tftp(packet)).value() == packet));
}

RC_GTEST_PROP(tftp_packet, noise_is_survived, (const std::string& bytes)) {
    const auto packet = parse_tftp(bytes);
    if (packet) RC_ASSERT((parse_tftp(format_tftp(*packet)).value() == *packet));
}

}  // namespace
}  // namespace ringfence::protocol
