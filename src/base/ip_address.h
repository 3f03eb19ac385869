// IPv4 and IPv6 addresses and networks as values. IPv4-mapped IPv6 (::ffff:a.b.c.d) is folded into IPv4 on the way in,
// so that one phone has one address whichever socket heard it.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ringfence {

class IpAddress {
public:
    IpAddress() = default;                                  // 0.0.0.0
    static Result<IpAddress> parse(std::string_view text);  // no zone, no brackets
    static IpAddress from_v4(std::array<std::uint8_t, 4> octets);
    static IpAddress from_v4_bytes(std::string_view bytes);  // the first four, network order
    static IpAddress from_v6(std::array<std::uint8_t, 16> octets);

    bool is_v4() const { return is_v4_; }
    std::string to_string() const;
    // Network order: 4 bytes for IPv4, 16 for IPv6.
    std::string bytes() const;

    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

private:
    bool is_v4_ = true;
    std::array<std::uint8_t, 16> octets_{};  // IPv4 uses the first four
};

// A CIDR network; host bits must be zero so that what is stored is what is meant.
class Network {
public:
    static Result<Network> parse(std::string_view text);  // "192.0.2.0/24", "2001:db8::/32", or a bare address
    bool contains(const IpAddress& address) const;
    unsigned prefix_length() const { return prefix_length_; }
    const IpAddress& address() const { return address_; }
    std::string to_string() const;

    friend auto operator<=>(const Network&, const Network&) = default;

private:
    Network(IpAddress address, unsigned prefix_length) : address_(address), prefix_length_(prefix_length) {}
    IpAddress address_;
    unsigned prefix_length_;
};

// An address and port: "192.0.2.1:69", "[::1]:69".
struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0;

    static Result<Endpoint> parse(std::string_view text);
    std::string to_string() const;
    friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

}  // namespace ringfence
