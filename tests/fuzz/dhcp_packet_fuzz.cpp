// A message, or a frame around one, that parses survives the round trip, and a set reads it within its documented
// bounds.
#include <cstdint>
#include <string_view>

#include "protocol/dhcp_lease.h"
#include "protocol/udp_frame.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ringfence::protocol;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (const auto frame = parse_udp_frame(bytes))
        RINGFENCE_ASSERT(parse_udp_frame(format_udp_frame(*frame)) == *frame);
    const auto packet = parse_dhcp(bytes);
    if (!packet) return 0;
    // What stood in `file` and `sname` makes the options field longer.
    const auto datagram = format_dhcp(*packet);
    if (datagram.size() <= max_dhcp_datagram) RINGFENCE_ASSERT(parse_dhcp(datagram).value() == *packet);

    const auto lease = read_dhcp_reply(*packet);
    RINGFENCE_ASSERT(lease.dns_servers.size() <= max_dns_servers && lease.ntp_servers.size() <= max_ntp_servers);
    RINGFENCE_ASSERT(lease.vlan_ids.size() <= max_vlan_ids);
    if (!lease.vlan_ids.empty()) {
        const auto again = read_dhcp_options({{vlan_options().front(), format_vlan_ids(lease.vlan_ids)}});
        RINGFENCE_ASSERT(again.vlan_ids == lease.vlan_ids);
    }
    return 0;
}
