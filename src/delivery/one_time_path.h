// Where a device's certificate waits for it: a PKCS#12 that is fetched once, "cert/00247F0102AB.p12". Every set of a
// model reads the same [DEV_CERT], which says "cert/*.p12", and asks with its MAC in the place of '*' (reference 5.4).
// So the name can be guessed, as a MAC can: it says whose file is meant and proves nothing. What guards the file is the
// access table, its password of 60 bits, which a person types on the set, and that a second asker burns it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/mac_address.h"

namespace ringfence::delivery {

inline constexpr std::string_view certificate_section = "DEV_CERT";
inline constexpr std::string_view certificate_pattern = "cert/*.p12";

std::string certificate_path(const MacAddress& mac);  // MAC in upper case
// The reverse; nothing when the path is of another shape. The MAC's digits may be in either case.
std::optional<MacAddress> parse_certificate_path(std::string_view path);

}  // namespace ringfence::delivery
