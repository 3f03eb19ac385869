// Certificate files: whatever parses must be readable in every field and survive being written and read again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "crypto/certificate.h"

using ringfence::crypto::Certificate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto der = Certificate::parse_der(bytes);
    const auto bundle =
        der ? std::vector<Certificate>{*der} : Certificate::parse_bundle(bytes).value_or(std::vector<Certificate>{});
    for (const Certificate& certificate : bundle) {
        const std::string text = certificate.subject() + certificate.issuer() + certificate.common_name() +
                                 certificate.serial() + certificate.fingerprint_sha256();
        const auto names = certificate.dns_names().size() + certificate.addresses().size();
        const bool facts = certificate.is_ca() || certificate.is_self_issued() || certificate.key_bits() > 0;
        const bool dated = certificate.not_before() < certificate.not_after();
        if (text.empty() && names == 0 && !facts && !dated) std::abort();  // a fingerprint is never empty
    }
    if (bundle.empty()) return 0;
    const auto again = Certificate::parse_bundle(ringfence::crypto::format_bundle(bundle));
    if (!again || *again != bundle) std::abort();
    return 0;
}
