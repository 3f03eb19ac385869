// IPv4 and UDP headers around a datagram (RFC 791, 768), for a host that asks before it has an address. Pure and
// thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip_address.h"

namespace ringfence::protocol {

struct UdpFrame {
    Endpoint source;  // IPv4, as is the destination
    Endpoint destination;
    std::string payload;
    friend bool operator==(const UdpFrame&, const UdpFrame&) = default;
};

inline constexpr std::size_t max_udp_payload = 65507;  // what the length fields leave

// Empty for anything else, and for fragments. The UDP checksum is not looked at: on virtual wires it is unfinished.
std::optional<UdpFrame> parse_udp_frame(std::string_view packet);

// The payload is at most max_udp_payload bytes.
std::string format_udp_frame(const UdpFrame& frame);

}  // namespace ringfence::protocol
