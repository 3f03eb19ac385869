#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "protocol/device_login.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ringfence::protocol;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto login = parse_device_login(text); login && format_device_login(*login).reveal() != text)
        std::abort();
    if (const auto anchors = parse_held_anchors(text); anchors && format_held_anchors(*anchors) != text) std::abort();
    return 0;
}
