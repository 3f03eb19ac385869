// Whatever the bytes are, the two parts are the whole, and what was split is split there again.
#include <cstdint>
#include <string>

#include "phonefile/signed_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ringfence::phonefile;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const SignedFile file = split_signed(bytes);
    RINGFENCE_ASSERT(file.content.size() + file.signature.size() == size);
    RINGFENCE_ASSERT(file.signature.empty() || file.signature.starts_with(signature_heading));
    RINGFENCE_ASSERT(split_signed(file.content).signature.empty());
    RINGFENCE_ASSERT(format_signed(file).value() == bytes);
    return 0;
}
