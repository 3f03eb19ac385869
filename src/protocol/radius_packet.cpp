#include "protocol/radius_packet.h"

#include <algorithm>
#include <utility>

#include "base/byte_order.h"
#include "base/text.h"

namespace ringfence::protocol {

namespace {

constexpr std::size_t length_at = 2;
constexpr std::size_t length_size = 2;
constexpr std::size_t authenticator_at = 4;
constexpr std::size_t field_header_size = 2;
constexpr std::size_t message_authenticator_size = 16;

unsigned byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

// `bytes` without their authenticator, which is replaced. No longer than before, so that an offset stays right.
std::string with_authenticator(std::string_view bytes, std::string_view authenticator) {
    std::string out(bytes);
    out.replace(authenticator_at, radius_authenticator_size, authenticator);
    return out;
}

std::string_view authenticator_of(std::string_view bytes) {
    return bytes.substr(authenticator_at, radius_authenticator_size);
}

// Where the value of the first Message-Authenticator begins; npos when there is none. `bytes` must have been parsed.
std::size_t find_message_authenticator(std::string_view bytes) {
    for (std::size_t at = radius_header_size; at < bytes.size(); at += byte_at(bytes, at + 1))
        if (RadiusAttribute{static_cast<std::uint8_t>(bytes[at])} == RadiusAttribute::message_authenticator)
            return at + field_header_size;
    return std::string_view::npos;
}

std::string message_authenticator_of(std::string bytes, std::size_t at, const Secret& secret,
                                     const RadiusHashes& hashes) {
    bytes.replace(at, message_authenticator_size, message_authenticator_size, '\0');
    return hashes.hmac_md5(secret.reveal(), bytes);
}

std::string hash_with_secret(std::string bytes, const Secret& secret, const RadiusHashes& hashes) {
    bytes += secret.reveal();
    std::string out = hashes.md5(bytes);
    wipe(bytes);
    return out;
}

// RFC 3579 section 3.2: the HMAC of an answer is made over the request's authenticator.
bool has_right_message_authenticator(const std::string& bytes, const Secret& secret, const RadiusHashes& hashes) {
    const std::size_t at = find_message_authenticator(bytes);
    if (at == std::string::npos) return true;
    return equal_in_constant_time(message_authenticator_of(bytes, at, secret, hashes),
                                  std::string_view(bytes).substr(at, message_authenticator_size));
}

bool is_field_sound(RadiusAttribute type, std::size_t size) {
    return type != RadiusAttribute::message_authenticator || size == message_authenticator_size;
}

}  // namespace

void RadiusPacket::add(RadiusAttribute type, std::string_view value) {
    attributes.push_back({type, std::string(value.substr(0, max_radius_value))});
}

void RadiusPacket::add(RadiusAttribute type, std::uint32_t number) { add(type, big_endian(number, sizeof number)); }

void RadiusPacket::add_nas_address(const IpAddress& address) {
    add(address.is_v4() ? RadiusAttribute::nas_ip_address : RadiusAttribute::nas_ipv6_address, address.bytes());
}

std::optional<std::string_view> RadiusPacket::find(RadiusAttribute type) const {
    const auto found = std::find_if(attributes.begin(), attributes.end(),
                                    [type](const RadiusField& field) { return field.type == type; });
    if (found == attributes.end()) return std::nullopt;
    return found->value;
}

std::optional<std::uint32_t> RadiusPacket::find_number(RadiusAttribute type) const {
    const auto value = find(type);
    if (!value || value->size() != sizeof(std::uint32_t)) return std::nullopt;
    return static_cast<std::uint32_t>(read_big_endian(*value));
}

std::string RadiusPacket::join(RadiusAttribute type) const {
    std::string out;
    for (const auto& field : attributes)
        if (field.type == type) out += field.value;
    return out;
}

Result<RadiusPacket> parse_radius(std::string_view datagram) {
    if (datagram.size() < radius_header_size) return fail(FaultCode::malformed, "A RADIUS packet ends in its header.");
    const std::size_t length = read_big_endian(datagram.substr(length_at, length_size));
    if (length > max_radius_packet) return fail(FaultCode::too_large, "A RADIUS packet is too long.");
    if (length < radius_header_size || length > datagram.size())
        return fail(FaultCode::malformed, "A RADIUS packet is not as long as it says.");
    datagram = datagram.substr(0, length);
    RadiusPacket out{.code = RadiusCode{static_cast<std::uint8_t>(datagram[0])},
                     .identifier = static_cast<std::uint8_t>(datagram[1]),
                     .authenticator = std::string(authenticator_of(datagram))};
    std::string_view rest = datagram.substr(radius_header_size);
    while (!rest.empty()) {
        const std::size_t size = rest.size() < field_header_size ? 0 : byte_at(rest, 1);
        if (size < field_header_size || size > rest.size())
            return fail(FaultCode::malformed, "A RADIUS attribute is not as long as it says.");
        const RadiusAttribute type{static_cast<std::uint8_t>(rest[0])};
        if (!is_field_sound(type, size - field_header_size))
            return fail(FaultCode::malformed, "A RADIUS Message-Authenticator is not 16 bytes long.");
        out.attributes.push_back({type, std::string(rest.substr(field_header_size, size - field_header_size))});
        rest.remove_prefix(size);
    }
    return out;
}

std::string format_radius(const RadiusPacket& packet) {
    RINGFENCE_ASSERT(packet.authenticator.size() == radius_authenticator_size);
    std::string out{static_cast<char>(packet.code), static_cast<char>(packet.identifier), '\0', '\0'};
    out += packet.authenticator;
    for (const auto& field : packet.attributes) {
        RINGFENCE_ASSERT(field.value.size() <= max_radius_value);
        out.push_back(static_cast<char>(field.type));
        out.push_back(static_cast<char>(field.value.size() + field_header_size));
        out += field.value;
    }
    RINGFENCE_ASSERT(out.size() <= max_radius_packet);
    out.replace(length_at, length_size, big_endian(out.size(), length_size));
    return out;
}

std::string format_signed_request(RadiusPacket packet, const Secret& secret, const RadiusHashes& hashes) {
    RINGFENCE_ASSERT(!packet.find(RadiusAttribute::message_authenticator));
    // First, so that what a peer chose stands behind it: nobody then prepares a collision (CVE-2024-3596).
    packet.attributes.insert(packet.attributes.begin(),
                             {RadiusAttribute::message_authenticator, std::string(message_authenticator_size, '\0')});
    const bool is_access = packet.code == RadiusCode::access_request;
    if (!is_access) packet.authenticator.assign(radius_authenticator_size, '\0');
    std::string out = format_radius(packet);
    const std::size_t at = find_message_authenticator(out);
    out.replace(at, message_authenticator_size, message_authenticator_of(out, at, secret, hashes));
    return is_access ? out : with_authenticator(out, hash_with_secret(out, secret, hashes));
}

Result<RadiusPacket> open_answer(std::string_view datagram, std::string_view request, const Secret& secret,
                                 const RadiusHashes& hashes) {
    RINGFENCE_ASSERT(request.size() >= radius_header_size);
    auto out = parse_radius(datagram);
    if (!out) return out;
    if (out->identifier != byte_at(request, 1))
        return fail(FaultCode::conflict, "A RADIUS answer belongs to another request.");
    // Without what pads the datagram.
    const std::string hashed = with_authenticator(format_radius(*out), authenticator_of(request));
    const bool is_signed = equal_in_constant_time(hash_with_secret(hashed, secret, hashes), out->authenticator);
    if (!has_right_message_authenticator(hashed, secret, hashes) || !is_signed)
        return fail(FaultCode::untrusted, "A RADIUS answer was not made with the secret.");
    return out;
}

}  // namespace ringfence::protocol
