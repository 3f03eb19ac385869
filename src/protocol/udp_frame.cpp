#include "protocol/udp_frame.h"

#include "base/byte_order.h"

namespace ringfence::protocol {

namespace {

constexpr std::size_t ip_header = 20, udp_header = 8;
constexpr std::uint8_t udp = 17, hops = 64;
constexpr std::size_t number_size = 2;
constexpr std::uint16_t fragment_bits = 0x3FFF;  // "more fragments" and the offset

std::uint16_t number_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(read_big_endian(bytes.substr(at, number_size)));
}

void append_number(std::string& out, std::size_t number) { out += big_endian(number, number_size); }

void put_number(std::string& out, std::size_t at, std::uint16_t number) {
    out.replace(at, number_size, big_endian(number, number_size));
}

// RFC 1071. An odd byte at the end counts as if a zero followed.
std::uint16_t checksum_of(std::string_view bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += number_at(bytes, i);
    if (bytes.size() % 2 != 0) sum += static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes.back())) << 8;
    while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

std::string format_udp(const UdpFrame& frame) {
    std::string out;
    append_number(out, frame.source.port);
    append_number(out, frame.destination.port);
    append_number(out, udp_header + frame.payload.size());
    append_number(out, 0);
    out += frame.payload;
    std::string covered = frame.source.address.bytes() + frame.destination.address.bytes();
    append_number(covered, udp);
    append_number(covered, out.size());
    const std::uint16_t checksum = checksum_of(covered + out);
    put_number(out, 6, checksum == 0 ? 0xFFFF : checksum);  // RFC 768: 0 would say that there is none
    return out;
}

}  // namespace

std::optional<UdpFrame> parse_udp_frame(std::string_view packet) {
    if (packet.size() < ip_header || (packet[0] & 0xF0) != 0x40) return std::nullopt;
    const std::size_t header = std::size_t{4} * (packet[0] & 0x0F);
    const std::size_t total = number_at(packet, 2);
    if (header < ip_header || total > packet.size() || total < header + udp_header) return std::nullopt;
    if (packet[9] != udp || (number_at(packet, 6) & fragment_bits) != 0) return std::nullopt;
    const auto datagram = packet.substr(header, total - header);
    const std::size_t length = number_at(datagram, 4);
    if (length < udp_header || length > datagram.size()) return std::nullopt;
    return UdpFrame{{IpAddress::from_v4_bytes(packet.substr(12)), number_at(datagram, 0)},
                    {IpAddress::from_v4_bytes(packet.substr(16)), number_at(datagram, 2)},
                    std::string(datagram.substr(udp_header, length - udp_header))};
}

std::string format_udp_frame(const UdpFrame& frame) {
    RINGFENCE_ASSERT(frame.payload.size() <= max_udp_payload);
    RINGFENCE_ASSERT(frame.source.address.is_v4() && frame.destination.address.is_v4());
    const std::string datagram = format_udp(frame);
    std::string out("\x45\0", 2);  // version 4, five words of header
    append_number(out, ip_header + datagram.size());
    append_number(out, 0);  // identification: it is never a fragment
    append_number(out, 0);
    out += static_cast<char>(hops);
    out += static_cast<char>(udp);
    append_number(out, 0);
    out += frame.source.address.bytes() + frame.destination.address.bytes();
    put_number(out, 10, checksum_of(out));
    return out + datagram;
}

}  // namespace ringfence::protocol
