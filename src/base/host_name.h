// The grammar of DNS names as hosts, with the underscores that many networks use (RFC 1123 section 2.1).
#pragma once

#include <string_view>

namespace ringfence {

// No final dot, and no last label of digits alone, which is a mistyped IPv4 address.
bool is_host_name(std::string_view text);

}  // namespace ringfence
