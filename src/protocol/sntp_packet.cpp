#include "protocol/sntp_packet.h"

#include <fmt/format.h>

#include "base/byte_order.h"
#include "base/text.h"

namespace ringfence::protocol {

namespace {

// Where the fields stand in the header (RFC 5905 figure 8).
constexpr std::size_t reference_at = 12;
constexpr std::size_t origin_at = 24;
constexpr std::size_t receive_at = 32;
constexpr std::size_t transmit_at = 40;
static_assert(transmit_at + sizeof(SntpTimestamp) == sntp_header);

constexpr std::uint8_t highest_stratum = 15;  // 16 says "not synchronised"
constexpr std::uint8_t oldest_version = 3;    // what RFC 4330 obsoletes, and old servers answer with

// 1900-01-01 to 1970-01-01, and the 2^32 seconds that an era has.
constexpr std::int64_t unix_epoch = 2'208'988'800;
constexpr std::int64_t era = std::int64_t{1} << 32;
constexpr std::uint32_t counts_from_1900 = 0x8000'0000;
constexpr std::uint64_t milliseconds = 1000;

template <typename Number>
Number number_at(std::string_view bytes, std::size_t at) {
    return static_cast<Number>(read_big_endian(bytes.substr(at, sizeof(Number))));
}

template <typename Number>
void put_number(std::string& bytes, std::size_t at, Number number) {
    bytes.replace(at, sizeof(Number), big_endian(number, sizeof(Number)));
}

}  // namespace

Result<SntpPacket> parse_sntp(std::string_view datagram) {
    if (datagram.size() < sntp_header)
        return fail(FaultCode::malformed, fmt::format("an SNTP packet has {} bytes at least", sntp_header));
    if (datagram.size() > max_sntp_datagram)
        return fail(FaultCode::too_large, fmt::format("the SNTP packet has more than {} bytes", max_sntp_datagram));
    const auto first = static_cast<unsigned char>(datagram[0]);
    SntpPacket packet;
    packet.leap = static_cast<SntpLeap>(first >> 6);
    packet.version = (first >> 3) & 7;
    packet.mode = static_cast<SntpMode>(first & 7);
    packet.stratum = static_cast<std::uint8_t>(datagram[1]);
    packet.reference = number_at<std::uint32_t>(datagram, reference_at);
    packet.origin = number_at<SntpTimestamp>(datagram, origin_at);
    packet.receive = number_at<SntpTimestamp>(datagram, receive_at);
    packet.transmit = number_at<SntpTimestamp>(datagram, transmit_at);
    return packet;
}

std::string format_sntp(const SntpPacket& packet) {
    RINGFENCE_ASSERT(packet.version < 8);
    std::string bytes(sntp_header, '\0');
    bytes[0] = static_cast<char>(static_cast<unsigned>(packet.leap) << 6 | static_cast<unsigned>(packet.version) << 3 |
                                 static_cast<unsigned>(packet.mode));
    bytes[1] = static_cast<char>(packet.stratum);
    put_number(bytes, reference_at, packet.reference);
    put_number(bytes, origin_at, packet.origin);
    put_number(bytes, receive_at, packet.receive);
    put_number(bytes, transmit_at, packet.transmit);
    return bytes;
}

WallTime time_of(SntpTimestamp timestamp) {
    const auto seconds = static_cast<std::uint32_t>(timestamp >> 32);
    const std::uint64_t fraction = timestamp & 0xFFFF'FFFF;
    const std::int64_t since_1900 = (seconds & counts_from_1900) != 0 ? seconds : seconds + era;
    return WallTime(std::chrono::seconds(since_1900 - unix_epoch)) +
           std::chrono::milliseconds(fraction * milliseconds >> 32);
}

SntpTimestamp sntp_timestamp(WallTime time) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(time);
    const auto seconds = static_cast<std::uint64_t>(whole.time_since_epoch().count() + unix_epoch) & 0xFFFF'FFFF;
    const auto part = static_cast<std::uint64_t>((time - whole).count());
    // Rounded up, so that what time_of() cuts off leaves the same millisecond.
    return seconds << 32 | ((part << 32) + milliseconds - 1) / milliseconds;
}

Result<WallTime> read_sntp_answer(const SntpPacket& answer, SntpTimestamp asked) {
    if (answer.origin != asked) return fail(FaultCode::untrusted, "it answers no question of ours");
    if (answer.mode != SntpMode::server || answer.version < oldest_version)
        return fail(FaultCode::unavailable, "it does not answer as a time server does");
    if (answer.stratum == 0) {
        std::string word(sizeof answer.reference, '\0');
        put_number(word, 0, answer.reference);
        return fail(FaultCode::rate_limited, fmt::format("it does not want to be asked ({})", printable(word)));
    }
    if (answer.leap == SntpLeap::not_synchronised || answer.stratum > highest_stratum || answer.transmit == 0)
        return fail(FaultCode::unavailable, "it does not know the time itself");
    return time_of(answer.transmit);
}

}  // namespace ringfence::protocol
