// The provisioning server as a person types it and as DHCP gives it (reference 1.3, 1.4):
//
//   192.0.2.1                    a TFTP server
//   tftp://, http://, https://   with a host and perhaps a folder
//   ftp://login:password@host    a login may stand in any of them
//   0.0.0.0, or nothing          no server
//
// A bare name is none of these. A sibling load takes one for a TFTP server; here it is refused, because a name over the
// weakest wire is not to be guessed. Pure and thread-safe.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/url.h"

namespace ringfence::protocol {

// Empty: unset. malformed or too_large otherwise; the message does not hold the text, which may carry a password.
Result<std::optional<Url>> parse_server(std::string_view text);

}  // namespace ringfence::protocol
