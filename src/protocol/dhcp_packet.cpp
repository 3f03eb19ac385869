#include "protocol/dhcp_packet.h"

#include <array>
#include <optional>

#include "base/byte_order.h"
#include "base/text.h"

namespace ringfence::protocol {

namespace {

// RFC 2131 figure 1: where each field stands.
constexpr std::size_t op_at = 0, hardware_type_at = 1, hardware_length_at = 2, transaction_at = 4, seconds_at = 8,
                      flags_at = 10, client_at = 12, yours_at = 16, next_server_at = 20, relay_at = 24,
                      hardware_at = 28, server_name_at = 44, file_at = 108, cookie_at = 236, options_at = 240;
constexpr std::size_t server_name_size = 64, file_size = 128, mac_size = 6;
constexpr std::size_t least_message = 300;
constexpr std::string_view cookie = "\x63\x82\x53\x63";
constexpr char boot_request = 1, boot_reply = 2, ethernet = 1;
constexpr std::uint16_t broadcast_flag = 0x8000;

constexpr std::uint8_t pad = 0, overload = 52, message_type = 53, end = 255;
constexpr std::size_t longest_part = 255;

tl::unexpected<Fault> malformed(std::string_view what) {
    return fail(FaultCode::malformed, "the DHCP message " + std::string(what));
}

std::uint8_t byte_at(std::string_view bytes, std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); }

std::uint32_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
    return static_cast<std::uint32_t>(read_big_endian(bytes.substr(at, size)));
}

IpAddress address_at(std::string_view bytes, std::size_t at) { return IpAddress::from_v4_bytes(bytes.substr(at)); }

// RFC 3396 section 7: the parts of an option follow each other, in the options field, then `file`, then `sname`.
Status read_options(std::string_view field, DhcpOptions& options) {
    while (!field.empty()) {
        const std::uint8_t code = byte_at(field, 0);
        if (code == end) return {};
        if (code == pad) {
            field.remove_prefix(1);
            continue;
        }
        if (field.size() < 2 || field.size() - 2 < byte_at(field, 1)) return malformed("ends within an option");
        const std::size_t size = byte_at(field, 1);
        options[code] += field.substr(2, size);
        field.remove_prefix(2 + size);
    }
    return {};
}

Status read_overloaded(std::string_view datagram, DhcpOptions& options) {
    const auto found = options.find(overload);
    if (found == options.end()) return {};
    const std::string where = found->second;
    options.erase(found);
    if (where.size() != 1 || where[0] < 1 || where[0] > 3) return malformed("has an option 52 that is not 1, 2 or 3");
    if ((where[0] & 1) != 0)
        if (auto read = read_options(datagram.substr(file_at, file_size), options); !read) return read;
    if ((where[0] & 2) != 0)
        if (auto read = read_options(datagram.substr(server_name_at, server_name_size), options); !read) return read;
    options.erase(overload);
    return {};
}

std::optional<DhcpMessage> take_type(DhcpOptions& options) {
    const auto found = options.find(message_type);
    if (found == options.end()) return std::nullopt;
    const std::string bytes = found->second;
    options.erase(found);
    if (bytes.size() != 1 || bytes[0] < static_cast<char>(DhcpMessage::discover) ||
        bytes[0] > static_cast<char>(DhcpMessage::inform))
        return std::nullopt;
    return static_cast<DhcpMessage>(bytes[0]);
}

void append_option(std::string& out, std::uint8_t code, std::string_view bytes) {
    do {
        const auto part = bytes.substr(0, longest_part);
        out += static_cast<char>(code);
        out += static_cast<char>(part.size());
        out += part;
        bytes.remove_prefix(part.size());
    } while (!bytes.empty());
}

}  // namespace

bool is_reply(DhcpMessage type) {
    return type == DhcpMessage::offer || type == DhcpMessage::ack || type == DhcpMessage::nak;
}

Result<DhcpPacket> parse_dhcp(std::string_view datagram) {
    if (datagram.size() > max_dhcp_datagram)
        return fail(FaultCode::too_large,
                    "the DHCP message is longer than " + std::to_string(max_dhcp_datagram) + " bytes");
    if (datagram.size() < options_at || datagram.substr(cookie_at, cookie.size()) != cookie)
        return malformed("does not hold DHCP's magic cookie");
    if (datagram[hardware_type_at] != ethernet || byte_at(datagram, hardware_length_at) != mac_size)
        return malformed("is not about Ethernet");
    DhcpPacket packet;
    if (auto read = read_options(datagram.substr(options_at), packet.options); !read) return fail(read.error());
    if (auto read = read_overloaded(datagram, packet.options); !read) return fail(read.error());
    const auto type = take_type(packet.options);
    if (!type) return malformed("does not say what it is in option 53");
    packet.type = *type;
    if (datagram[op_at] != (is_reply(*type) ? boot_reply : boot_request))
        return malformed("says one thing in op and another in option 53");
    packet.transaction = number_at(datagram, transaction_at, 4);
    packet.seconds = static_cast<std::uint16_t>(number_at(datagram, seconds_at, 2));
    packet.wants_broadcast = (number_at(datagram, flags_at, 2) & broadcast_flag) != 0;
    packet.client = address_at(datagram, client_at);
    packet.yours = address_at(datagram, yours_at);
    packet.next_server = address_at(datagram, next_server_at);
    packet.relay = address_at(datagram, relay_at);
    std::array<std::uint8_t, mac_size> hardware{};
    for (std::size_t i = 0; i < mac_size; ++i) hardware[i] = byte_at(datagram, hardware_at + i);
    packet.hardware = MacAddress::from_octets(hardware);
    return packet;
}

std::string format_dhcp(const DhcpPacket& packet) {
    for (const std::uint8_t own : {pad, overload, message_type, end}) RINGFENCE_ASSERT(packet.options.count(own) == 0);
    std::string out(options_at, '\0');
    const auto put = [&](std::size_t at, std::string_view bytes) { out.replace(at, bytes.size(), bytes); };
    out[op_at] = is_reply(packet.type) ? boot_reply : boot_request;
    out[hardware_type_at] = ethernet;
    out[hardware_length_at] = mac_size;
    put(transaction_at, big_endian(packet.transaction, 4));
    put(seconds_at, big_endian(packet.seconds, 2));
    put(flags_at, big_endian(packet.wants_broadcast ? broadcast_flag : 0, 2));
    put(client_at, packet.client.bytes());
    put(yours_at, packet.yours.bytes());
    put(next_server_at, packet.next_server.bytes());
    put(relay_at, packet.relay.bytes());
    put(hardware_at, *from_hex(packet.hardware.bare_lower()));
    put(cookie_at, cookie);
    append_option(out, message_type, std::string(1, static_cast<char>(packet.type)));
    for (const auto& [code, bytes] : packet.options) append_option(out, code, bytes);
    out += static_cast<char>(end);
    if (out.size() < least_message) out.resize(least_message, '\0');
    return out;
}

}  // namespace ringfence::protocol
