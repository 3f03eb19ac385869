// SNTP as a client speaks it (RFC 4330; RFC 5905 for the header). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace ringfence::protocol {

inline constexpr std::uint16_t sntp_port = 123;
inline constexpr std::size_t sntp_header = 48;
// Behind the header stand extensions and a signature, which are not looked at. Larger than any server sends.
inline constexpr std::size_t max_sntp_datagram = 1024;

enum class SntpLeap : std::uint8_t { none, last_minute_61, last_minute_59, not_synchronised };
enum class SntpMode : std::uint8_t { reserved, active, passive, client, server, broadcast, control, own };

// Seconds since 1900 in the upper half, their fraction in the lower one; 0 says "no time".
using SntpTimestamp = std::uint64_t;

// Of the header, what a client looks at; the rest is sent as zero, so that a request tells nothing about who asks.
struct SntpPacket {
    SntpLeap leap = SntpLeap::none;
    std::uint8_t version = 4;  // 0 to 7
    SntpMode mode = SntpMode::client;
    std::uint8_t stratum = 0;
    std::uint32_t reference = 0;  // at stratum 0, four letters of ASCII: why the server does not serve
    SntpTimestamp origin = 0;     // what the request's `transmit` was
    SntpTimestamp receive = 0;    // when the server got the request
    SntpTimestamp transmit = 0;   // when this packet was sent
    friend bool operator==(const SntpPacket&, const SntpPacket&) = default;
};

// Faults: malformed (shorter than the header), too_large.
Result<SntpPacket> parse_sntp(std::string_view datagram);
std::string format_sntp(const SntpPacket& packet);  // sntp_header bytes

// RFC 4330 section 3: with its first bit set it counts from 1900, else from 2036. So it lies from 1968 to 2104.
WallTime time_of(SntpTimestamp timestamp);
SntpTimestamp sntp_timestamp(WallTime time);  // of a time in that range, to the millisecond

// The time that a server tells, up to the way of its datagram to us behind. `asked` is the request's `transmit`: 64
// random bits instead of a time, so that only who saw the request can answer it. Faults, by RFC 4330 section 5:
//   untrusted     no answer to what was asked: ignore it and go on waiting
//   rate_limited  the server asks not to be asked again (kiss-o'-death); its word is in the sentence
//   unavailable   it is not a server, or does not know the time itself
Result<WallTime> read_sntp_answer(const SntpPacket& answer, SntpTimestamp asked);

}  // namespace ringfence::protocol
