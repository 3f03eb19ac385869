// DHCP messages as values (RFC 2131 section 2; options RFC 2132, long ones RFC 3396). Ethernet and IPv4 alone. Pure and
// thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/ip_address.h"
#include "base/mac_address.h"
#include "base/result.h"

namespace ringfence::protocol {

inline constexpr std::uint16_t dhcp_server_port = 67;
inline constexpr std::uint16_t dhcp_client_port = 68;

// What the phone tells the server in option 57. No option can be longer.
inline constexpr std::uint16_t max_dhcp_message = 1190;
// Servers may take option 57 for a wish; what an Ethernet frame holds is all that can come unfragmented.
inline constexpr std::size_t max_dhcp_datagram = 1500;

using DhcpOptions = std::map<std::uint8_t, std::string>;  // by code; the bytes as they came

// RFC 2132, and the one of the phone's own class.
struct DhcpOption {
    static constexpr std::uint8_t subnet_mask = 1, router = 3, dns_servers = 6, host_name = 12, domain_name = 15,
                                  broadcast_address = 28, time_servers = 42, vendor_options = 43, lease_time = 51,
                                  server_identifier = 54, requested_parameters = 55, max_message = 57,
                                  renewal_time = 58, rebinding_time = 59, vendor_class = 60, client_id = 61,
                                  tftp_server = 66;
};

// RFC 2132 section 9.6.
enum class DhcpMessage : std::uint8_t { discover = 1, offer, request, decline, ack, nak, release, inform };

struct DhcpPacket {
    DhcpMessage type = DhcpMessage::discover;
    std::uint32_t transaction = 0;                      // xid
    std::uint16_t seconds = 0;                          // since the client began
    bool wants_broadcast = false;                       // RFC 2131 section 2: the flag
    IpAddress client;                                   // ciaddr: what it has
    IpAddress yours;                                    // yiaddr: what it is given
    IpAddress next_server;                              // siaddr
    IpAddress relay;                                    // giaddr
    MacAddress hardware = MacAddress::from_octets({});  // chaddr
    DhcpOptions options;                                // without 0, 52, 53 and 255, which are the message's own
    friend bool operator==(const DhcpPacket&, const DhcpPacket&) = default;
};

// Whether servers send it: op is BOOTREPLY.
bool is_reply(DhcpMessage type);

// The UDP payload. Parts of one option are joined, those in `file` and `sname` too where option 52 says so.
// Faults: malformed (no DHCP, an option that is cut off, an op that is not the type's), too_large above
// max_dhcp_datagram.
Result<DhcpPacket> parse_dhcp(std::string_view datagram);

// The UDP payload, at least the 300 bytes of BOOTP, which old relays want. Addresses are IPv4.
std::string format_dhcp(const DhcpPacket& packet);

}  // namespace ringfence::protocol
