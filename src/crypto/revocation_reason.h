// Why a certificate was revoked, as lists and OCSP answers say it. Numbers of the wire (RFC 5280 section 5.3.1). A hold
// is none of them: nothing of ours comes back.
#pragma once

#include <optional>
#include <string_view>

namespace ringfence::crypto {

enum class RevocationReason {
    unspecified = 0,
    key_compromise = 1,
    ca_compromise = 2,
    affiliation_changed = 3,  // given away
    superseded = 4,
    cessation_of_operation = 5,
    privilege_withdrawn = 9,
};
std::string_view to_string(RevocationReason reason);  // "unspecified", "key-compromise" ...
std::optional<RevocationReason> parse_revocation_reason(std::string_view name);

}  // namespace ringfence::crypto
