// The OpenSSL that this program runs with (not only: was built with). Below 3.0.22 its CMS and CMP servers have known
// faults (reference A.11).
#pragma once

#include <optional>
#include <string>

namespace ringfence::crypto {

std::string library_version();  // "OpenSSL 3.0.22 25 Aug 2026"

// Whether it is of 3.0.22 or later: SCEP, CMP and EST stay closed otherwise.
bool is_library_safe();

// One sentence for the log at start when the library is older than it should be.
std::optional<std::string> library_warning();

}  // namespace ringfence::crypto
