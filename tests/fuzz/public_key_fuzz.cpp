// Public keys: whatever parses has one form only and keeps its limits.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "crypto/public_key.h"

using ringfence::crypto::KeyKind;
using ringfence::crypto::PublicKey;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view der(reinterpret_cast<const char*>(data), size);
    const auto key = PublicKey::parse_der(der);
    if (!key) return 0;
    if (key->to_der() != der || key->fingerprint_sha256().size() != 64) std::abort();
    if (key->kind() == KeyKind::other || key->bits() == 0 || key->bits() > PublicKey::max_rsa_bits) std::abort();
    if (key->is_p256() && key->bits() != 256) std::abort();
    return 0;
}
