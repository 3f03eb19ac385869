// The result of a DHCP client, as the variables that it hands to its script: those of busybox's udhcpc (router, tftp,
// opt43 ...) or of ISC dhclient (new_routers, new_tftp_server_name, new_unknown_224 ...), one NAME=VALUE a line as
// `env` prints them. Pure and thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/dhcp_lease.h"

namespace ringfence::phone {

// Far above an environment that a client makes; a DHCP message has at most max_dhcp_message bytes.
inline constexpr std::size_t dhcp_environment_limit = std::size_t{64} * 1024;

// Variables that are no DHCP client's are passed over; one that cannot be read is dropped, and of one that stands twice
// the last holds. Where the text holds a NUL, NULs part the variables in place of line ends, as `env -0` writes them.
// Fault: too_large above dhcp_environment_limit.
Result<protocol::DhcpLease> parse_dhcp_environment(
    std::string_view text, protocol::InfoBlockGrammar grammar = protocol::InfoBlockGrammar::name_value);

// What a client's script is told of: by udhcpc in its argument, by dhclient in the variable `reason`.
enum class DhcpEvent {
    leased,  // there is a lease, new or as before
    lost,    // there is none, or none yet
    other,
};
DhcpEvent read_dhcp_event(std::string_view word);

// Of an environment only the variables that parse_dhcp_environment() reads, each ended by a NUL: whatever else whoever
// started the client had there is nobody's business.
std::string keep_dhcp_variables(std::string_view environment);

// Whether udhcpc had an option 66 and withheld it, because it is no host name.
bool is_server_withheld(const protocol::DhcpLease& lease);
// The same environment with options 66 and 43 as they stand in an answer to the same phone.
std::string add_withheld_options(std::string_view environment, const protocol::DhcpOptions& options);

// What makes a client ask so, and for option 42 too, which a set does not ask for: our agent's clock needs it. The
// words for busybox's udhcpc, which sends the parameters in the order of their numbers, and a dhclient.conf.
std::string dhclient_configuration(const protocol::DhcpRequest& request);
std::vector<std::string> udhcpc_arguments(const protocol::DhcpRequest& request);

}  // namespace ringfence::phone
