#include "base/mac_address.h"

#include "base/text.h"

namespace ringfence {

Result<MacAddress> MacAddress::parse(std::string_view text) {
    const auto malformed = [&] {
        return fail(FaultCode::malformed, "'" + printable(text, 40) + "' is not a MAC address (twelve hex digits)");
    };
    std::string digits;
    if (text.size() == 17) {
        const char separator = text[2];
        if (separator != ':' && separator != '-') return malformed();
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (i % 3 != 2)
                digits += text[i];
            else if (text[i] != separator)
                return malformed();
        }
    } else {
        digits = text;
    }
    if (digits.size() != 12) return malformed();
    const auto bytes = from_hex(digits);
    if (!bytes) return malformed();
    std::array<std::uint8_t, 6> octets{};
    for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<std::uint8_t>((*bytes)[i]);
    return MacAddress(octets);
}

std::string MacAddress::bare_lower() const {
    std::string bytes;
    for (const auto octet : octets_) bytes += static_cast<char>(octet);
    return to_hex(bytes);
}

std::string MacAddress::bare_upper() const { return to_upper(bare_lower()); }

std::string MacAddress::colons() const {
    const std::string bare = bare_lower();
    std::string out;
    for (std::size_t i = 0; i < bare.size(); i += 2) {
        if (i > 0) out += ':';
        out += bare.substr(i, 2);
    }
    return out;
}

}  // namespace ringfence
