// Revocation lists: whatever parses must be readable in every field, keep its limits and survive being written.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "crypto/revocation_list.h"

using ringfence::crypto::Certificate;
using ringfence::crypto::RevocationList;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto der = RevocationList::parse_der(bytes);
    const auto lists = der ? std::vector<RevocationList>{*der}
                           : RevocationList::parse_bundle(bytes).value_or(std::vector<RevocationList>{});
    const auto beside = Certificate::parse_bundle(bytes).value_or(std::vector<Certificate>{});
    for (const RevocationList& list : lists) {
        if (list.size() > RevocationList::max_entries) std::abort();
        if (list.number() && list.number()->empty()) std::abort();
        if (list.next_update() == list.this_update() && list.issuer().empty()) continue;
        for (const Certificate& certificate : beside) {
            if (list.lists(certificate) && list.size() == 0) std::abort();
            if (list.is_signed_by(certificate) && list.issuer() != certificate.subject()) std::abort();
        }
        const auto again = RevocationList::parse_pem(list.to_pem());
        if (!again || !(*again == list)) std::abort();
    }
    return 0;
}
