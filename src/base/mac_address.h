// A MAC address: a name, never a proof (docs/TRUST.md).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ringfence {

class MacAddress {
public:
    // Twelve hex digits in either case, bare or in pairs parted by ':' or '-' (one kind throughout).
    static Result<MacAddress> parse(std::string_view text);
    static MacAddress from_octets(std::array<std::uint8_t, 6> octets) { return MacAddress(octets); }

    std::string bare_upper() const;  // "00247F0102AB", as in SIP00247F0102AB.cfg
    std::string bare_lower() const;  // "00247f0102ab"
    std::string colons() const;      // "00:24:7f:01:02:ab", as reports show it

    friend auto operator<=>(const MacAddress&, const MacAddress&) = default;

private:
    explicit MacAddress(std::array<std::uint8_t, 6> octets) : octets_(octets) {}
    std::array<std::uint8_t, 6> octets_;
};

}  // namespace ringfence
