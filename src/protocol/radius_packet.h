// RADIUS packets as values, and the hashes that prove who wrote them (RFC 2865 section 3; Message-Authenticator of RFC
// 3579 section 3.2; Disconnect and CoA of RFC 5176). Pure; this room has no cryptography, so hashes are passed in.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/result.h"
#include "base/secret.h"
#include "protocol/http_auth.h"

namespace ringfence::protocol {

// A peer may send numbers that are not named here.
enum class RadiusCode : std::uint8_t {
    access_request = 1,
    access_accept = 2,
    access_reject = 3,
    access_challenge = 11,
    disconnect_request = 40,
    disconnect_ack = 41,
    disconnect_nak = 42,
    coa_request = 43,
    coa_ack = 44,
    coa_nak = 45,
};

enum class RadiusAttribute : std::uint8_t {
    user_name = 1,
    nas_ip_address = 4,
    nas_port = 5,
    state = 24,
    calling_station_id = 31,
    nas_identifier = 32,
    event_timestamp = 55,
    tunnel_type = 64,
    tunnel_medium_type = 65,
    eap_message = 79,
    message_authenticator = 80,
    tunnel_private_group_id = 81,
    nas_port_id = 87,
    nas_ipv6_address = 95,
    error_cause = 101,
};

struct RadiusField {
    RadiusAttribute type = RadiusAttribute::user_name;
    std::string value;  // raw, at most max_radius_value bytes
    friend bool operator==(const RadiusField&, const RadiusField&) = default;
};

inline constexpr std::size_t radius_header_size = 20;
inline constexpr std::size_t radius_authenticator_size = 16;
inline constexpr std::size_t max_radius_packet = 4096;  // RFC 2865 section 3
inline constexpr std::size_t max_radius_value = 253;    // section 5

struct RadiusPacket {
    RadiusCode code = RadiusCode::access_request;
    std::uint8_t identifier = 0;
    std::string authenticator = std::string(radius_authenticator_size, '\0');
    std::vector<RadiusField> attributes{};  // in order; one type may stand there more than once

    // Values longer than max_radius_value are cut.
    void add(RadiusAttribute type, std::string_view value);
    void add(RadiusAttribute type, std::uint32_t number);
    // As NAS-IP-Address or NAS-IPv6-Address (RFC 3162 section 2.1).
    void add_nas_address(const IpAddress& address);

    // The first of that type. The view lives as long as the packet.
    std::optional<std::string_view> find(RadiusAttribute type) const;
    // Empty also when it is not four bytes long.
    std::optional<std::uint32_t> find_number(RadiusAttribute type) const;
    // All of that type, joined, as an EAP-Message is read (RFC 3579 section 3.1).
    std::string join(RadiusAttribute type) const;

    friend bool operator==(const RadiusPacket&, const RadiusPacket&) = default;
};

// One datagram; bytes after the length that it tells are padding. Faults: malformed, too_large. Proves nothing.
Result<RadiusPacket> parse_radius(std::string_view datagram);
// The datagram, with the authenticator as it stands. It must fit into max_radius_packet.
std::string format_radius(const RadiusPacket& packet);

struct RadiusHashes {
    HashFunction md5;
    std::function<std::string(std::string_view key, std::string_view bytes)> hmac_md5;
};

// A request with Message-Authenticator, as its first attribute. An Access-Request keeps its authenticator, which must
// be unpredictable; that of every other request is made here (RFC 5176 section 2.3). `packet` must have no
// Message-Authenticator yet.
std::string format_signed_request(RadiusPacket packet, const Secret& secret, const RadiusHashes& hashes);

// The answer to `request` (a datagram that format_signed_request made), when whoever wrote it knows the secret: right
// identifier, Response Authenticator and, if it is there, Message-Authenticator. Compared in constant time. Faults:
// those of parse_radius, conflict for another request's answer, untrusted for a wrong authenticator.
Result<RadiusPacket> open_answer(std::string_view datagram, std::string_view request, const Secret& secret,
                                 const RadiusHashes& hashes);

}  // namespace ringfence::protocol
