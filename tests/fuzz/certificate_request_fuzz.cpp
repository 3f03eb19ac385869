// PKCS#10: whatever parses is readable in every field and is the same when it is written and read again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "crypto/certificate_request.h"

using ringfence::crypto::CertificationRequest;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto request = CertificationRequest::parse_der({reinterpret_cast<const char*>(data), size});
    if (!request) return 0;
    const auto names = request->subject().size() + request->common_name().size() + request->dns_names().size() +
                       request->addresses().size();
    if (names > size * 4) std::abort();  // an escaped byte has four characters at most
    if (request->key_bits() == 0 || request->public_key_der().size() > size) std::abort();
    const auto challenge = request->challenge();
    if (challenge && challenge->reveal().size() > size * 2) std::abort();
    const auto again = CertificationRequest::parse_der(request->to_der());
    if (!again || again->to_der() != request->to_der()) std::abort();
    return 0;
}
