// Gives an interface the address that DHCP leased, by iproute2's `ip`. Needs CAP_NET_ADMIN.
#pragma once

#include <string>

#include "base/result.h"
#include "protocol/dhcp_lease.h"

namespace ringfence::app {

// Address, mask, broadcast address and default route. malformed when the lease lacks an address or holds no mask that
// is one; unavailable when `ip` did not do it.
Status configure_address(const std::string& interface, const protocol::DhcpLease& lease);
// No IPv4 address, and the interface up, so that a client can ask.
Status clear_addresses(const std::string& interface);

}  // namespace ringfence::app
