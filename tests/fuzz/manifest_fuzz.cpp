// The phone's reading takes any bytes; what both readings accept can be read again after it was written.
#include <cstdint>
#include <string_view>

#include "phonefile/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ringfence::phonefile;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto reading = parse_manifest_as_phone(text);
    RINGFENCE_ASSERT(reading.has_value() == (size <= max_file_size));
    const auto strict = parse_manifest_strict(text);
    if (strict) RINGFENCE_ASSERT(reading->dropped.empty() && *strict == reading->manifest);
    if (!reading) return 0;
    const auto written = format_manifest(reading->manifest);
    if (written) RINGFENCE_ASSERT(parse_manifest_strict(*written).value() == reading->manifest);
    return 0;
}
