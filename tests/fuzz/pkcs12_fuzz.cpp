// PKCS#12 files under a known password: whatever opens holds a key with its own certificate.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "crypto/pkcs12.h"

using ringfence::Secret;
using ringfence::crypto::parse_pkcs12;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    for (const char* password : {"secret", ""}) {
        const auto opened = parse_pkcs12(bytes, Secret(std::string(password)));
        if (opened && !opened->key.matches(opened->certificate)) std::abort();
    }
    return 0;
}
