// The phone's reading takes any bytes, and whatever policy it makes of them can be written and read again.
#include <cstdint>
#include <string_view>

#include "phonefile/security_policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ringfence::phonefile;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto reading = parse_security_policy_as_phone(text);
    RINGFENCE_ASSERT(reading.has_value() == (size <= max_file_size));
    const auto strict = parse_security_policy_strict(text);
    if (strict) RINGFENCE_ASSERT(reading->dropped.empty() && *strict == reading->policy);
    if (!reading) return 0;
    const auto written = format_security_policy(reading->policy);
    RINGFENCE_ASSERT(parse_security_policy_strict(written.value()).value() == reading->policy);
    return 0;
}
