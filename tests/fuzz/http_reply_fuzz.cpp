// Whatever a server answers, no more is kept of it than its bounds allow.
#include <cstdint>
#include <string_view>

#include "protocol/http_reply.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ringfence::protocol;
    constexpr std::size_t max_body = 1024;
    HttpReplyReader reader(max_body);
    reader.add({reinterpret_cast<const char*>(data), size});
    while (true) {
        const auto reply = reader.next();
        if (!reply || !*reply) return 0;
        RINGFENCE_ASSERT((*reply)->status >= 200 && (*reply)->body.reveal().size() <= max_body);
    }
}
