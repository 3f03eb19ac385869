#include "base/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace ringfence {

Result<IpAddress> IpAddress::parse(std::string_view text) {
    const std::string name(text.substr(0, INET6_ADDRSTRLEN));
    if (name.size() == text.size()) {
        std::array<std::uint8_t, 4> v4{};
        if (::inet_pton(AF_INET, name.c_str(), v4.data()) == 1) return from_v4(v4);
        std::array<std::uint8_t, 16> v6{};
        if (::inet_pton(AF_INET6, name.c_str(), v6.data()) == 1) return from_v6(v6);
    }
    return fail(FaultCode::malformed, "'" + printable(text, 60) + "' is not an IP address");
}

IpAddress IpAddress::from_v4(std::array<std::uint8_t, 4> octets) {
    IpAddress out;
    std::copy(octets.begin(), octets.end(), out.octets_.begin());
    return out;
}

IpAddress IpAddress::from_v4_bytes(std::string_view bytes) {
    std::array<std::uint8_t, 4> octets{};
    RINGFENCE_ASSERT(bytes.size() >= octets.size());
    for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<std::uint8_t>(bytes[i]);
    return from_v4(octets);
}

IpAddress IpAddress::from_v6(std::array<std::uint8_t, 16> octets) {
    static constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    if (std::equal(mapped.begin(), mapped.end(), octets.begin()))
        return from_v4({octets[12], octets[13], octets[14], octets[15]});
    IpAddress out;
    out.is_v4_ = false;
    out.octets_ = octets;
    return out;
}

std::string IpAddress::to_string() const {
    char text[INET6_ADDRSTRLEN] = {};
    ::inet_ntop(is_v4_ ? AF_INET : AF_INET6, octets_.data(), text, sizeof text);
    return text;
}

std::string IpAddress::bytes() const {
    std::string out(is_v4_ ? 4 : 16, '\0');
    std::memcpy(out.data(), octets_.data(), out.size());
    return out;
}

Result<Network> Network::parse(std::string_view text) {
    const auto slash = text.find('/');
    auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return fail(std::move(address).error());
    const unsigned widest = address->is_v4() ? 32 : 128;
    if (slash == std::string_view::npos) return Network(*address, widest);
    const auto length = parse_number(text.substr(slash + 1));
    if (!length || *length > widest)
        return fail(FaultCode::malformed, "'" + printable(text, 60) + "' is not a network like 192.0.2.0/24");
    const auto prefix = static_cast<unsigned>(*length);
    const std::string bytes = address->bytes();
    for (unsigned bit = prefix; bit < widest; ++bit)
        if ((static_cast<unsigned char>(bytes[bit / 8]) >> (7 - bit % 8)) & 1U)
            return fail(FaultCode::malformed,
                        "'" + printable(text, 60) + "' has bits set behind its prefix: name the network, not a host");
    return Network(*address, prefix);
}

bool Network::contains(const IpAddress& address) const {
    if (address.is_v4() != address_.is_v4()) return false;
    const std::string mine = address_.bytes();
    const std::string theirs = address.bytes();
    const unsigned whole = prefix_length_ / 8;
    if (mine.compare(0, whole, theirs, 0, whole) != 0) return false;
    const unsigned rest = prefix_length_ % 8;
    if (rest == 0) return true;
    const auto difference = static_cast<unsigned char>(mine[whole] ^ theirs[whole]);
    return (difference >> (8 - rest)) == 0;
}

std::string Network::to_string() const { return address_.to_string() + "/" + std::to_string(prefix_length_); }

Result<Endpoint> Endpoint::parse(std::string_view text) {
    const auto malformed = [&] {
        return fail(FaultCode::malformed,
                    "'" + printable(text, 60) + "' is not an address and port like 192.0.2.1:69 or [::1]:69");
    };
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return malformed();
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    const auto port = parse_number(text.substr(colon + 1));
    if (!address || !port || *port > 65535 || (host.find(':') != std::string_view::npos) != bracketed)
        return malformed();
    return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::string Endpoint::to_string() const {
    const std::string host = address.to_string();
    return (address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

}  // namespace ringfence
