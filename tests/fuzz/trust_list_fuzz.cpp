// What the phone's reading accepts is within the manual's limits, and can be written and read again.
#include <cstdint>
#include <string_view>

#include "phonefile/trust_list.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ringfence::phonefile;
    const std::string_view content(reinterpret_cast<const char*>(data), size);
    const auto reading = parse_trust_list_as_phone(content);
    if (!reading) return 0;
    RINGFENCE_ASSERT(size <= max_trust_list_size && !reading->list.certificates.empty());
    RINGFENCE_ASSERT(reading->list.certificates.size() <= max_trust_list_certificates);
    RINGFENCE_ASSERT(reading->list.not_before <= reading->list.not_after);
    const auto written = format_trust_list(reading->list);
    // Shorter line ends and blanks never make it longer; only a last line without an end can.
    if (written) RINGFENCE_ASSERT(parse_trust_list_strict(*written).value() == reading->list);
    if (!written) RINGFENCE_ASSERT(written.error().code == ringfence::FaultCode::too_large);
    return 0;
}
