// Making certificate revocation lists (RFC 5280 section 5): version 2, of all that one CA revoked, signed with SHA-256,
// with cRLNumber and the key identifier of the CA. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/certificate_builder.h"
#include "crypto/revocation_list.h"
#include "crypto/revocation_reason.h"

namespace ringfence::crypto {

struct RevokedCertificate {
    std::string serial;  // hex, as Certificate::serial gives it: positive, at most 20 bytes (RFC 5280 section 4.1.2.2)
    WallTime revoked{};  // cut to seconds, like the times below
    RevocationReason reason = RevocationReason::unspecified;
};

struct RevocationListRequest {
    std::uint64_t number = 0;                 // rises from list to list (RFC 5280 section 5.2.3)
    std::vector<RevokedCertificate> revoked;  // up to RevocationList::max_published_entries; those expired may go
    WallTime this_update{};
    WallTime next_update{};
};

// 50,000 entries take some 0.3 s. Faults: malformed (a serial number that is none, times in the wrong order),
// too_large, conflict (the signer's key is not that of its certificate, or that may not sign revocation lists).
Result<RevocationList> sign_revocation_list(const RevocationListRequest& request, const Signer& signer);

}  // namespace ringfence::crypto
