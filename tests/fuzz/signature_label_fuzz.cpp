// What is read as a label is what we write.
#include <cstdint>
#include <string_view>

#include "phonefile/signature_label.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ringfence::phonefile;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto label = parse_signature_label(text);
    if (label && *label) RINGFENCE_ASSERT(format_signature_label(**label) == text);
    return 0;
}
