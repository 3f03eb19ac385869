#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "network/query_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ringfence::network;
    const auto query = parse_query({reinterpret_cast<const char*>(data), size});
    if (!query) return 0;
    constexpr std::size_t max_attribute = 253;
    if (query->claim.identity.empty() || query->claim.identity.size() > max_attribute) std::abort();
    if (query->place.hardware.size() > max_attribute || query->place.port.size() > max_attribute) std::abort();
    return 0;
}
