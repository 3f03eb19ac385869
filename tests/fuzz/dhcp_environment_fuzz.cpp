// Any environment is read; what was taken keeps the documented bounds, and the options alone say the same again.
#include <cstdint>
#include <string_view>

#include "phone/dhcp_environment.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ringfence::phone;
    using namespace ringfence::protocol;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto lease = parse_dhcp_environment(text);
    RINGFENCE_ASSERT(lease.has_value() == (size <= dhcp_environment_limit));
    if (!lease) return 0;
    RINGFENCE_ASSERT(lease->dns_servers.size() <= max_dns_servers && lease->vlan_ids.size() <= max_vlan_ids);
    for (const auto id : lease->vlan_ids) RINGFENCE_ASSERT(id > 0 && id <= highest_vlan_id);
    for (const auto& [option, bytes] : lease->options) RINGFENCE_ASSERT(bytes.size() <= max_dhcp_message);

    const DhcpLease again = read_dhcp_options(lease->options, lease->address);
    RINGFENCE_ASSERT(again.dns_servers == lease->dns_servers && again.vlan_ids == lease->vlan_ids);
    RINGFENCE_ASSERT(again.block_b == lease->block_b && again.domain == lease->domain);
    RINGFENCE_ASSERT(again.server.has_value() == lease->server.has_value());

    // Whatever else an environment holds says nothing of the lease.
    if (text.ends_with('\0')) {
        const DhcpLease kept = parse_dhcp_environment(keep_dhcp_variables(text)).value();
        RINGFENCE_ASSERT(kept.options == lease->options && kept.address == lease->address);
    }
    return 0;
}
