// Files with a detached signature behind them: a signature that holds does so for these bytes only.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "crypto/signed_data.h"

using ringfence::crypto::Strength;
using ringfence::crypto::verify_detached;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const std::size_t end = std::min(bytes.find("-----BEGIN "), size);
    const std::string_view content = bytes.substr(0, end);
    const std::string_view signature = bytes.substr(end);
    const auto taken = verify_detached(content, signature, Strength::legacy);
    if (!taken) return 0;
    if (taken->signer.fingerprint_sha256().empty()) std::abort();
    if (verify_detached(std::string(content) + '\n', signature, Strength::legacy)) std::abort();
    return 0;
}
