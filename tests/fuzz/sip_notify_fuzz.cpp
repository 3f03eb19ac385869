#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "protocol/sip_notify.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ringfence::protocol;
    const std::string_view datagram(reinterpret_cast<const char*>(data), size);
    const Notify notify = read_notify(datagram, "0123456789abcdef");
    if (notify.kind == NotifyKind::nothing) return 0;
    // No amplifier: little more than what was sent.
    constexpr std::size_t own_words = 200;
    if (format_sip_answer(notify, notify.status).size() > size + own_words + 12 * max_sip_headers) std::abort();
    return 0;
}
