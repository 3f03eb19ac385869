// What either side of the registrar's channel says is taken whole or not at all, and can be said again.
#include <cstdint>

#include "authority/query_wire.h"

using namespace ringfence;
using namespace ringfence::authority;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view frame(reinterpret_cast<const char*>(data), size);
    if (const auto query = parse_query(frame)) RINGFENCE_ASSERT(format_query(*query) == frame);
    if (const auto reply = parse_reply(frame)) {
        RINGFENCE_ASSERT(reply->status >= 200 && reply->status < 600);
        RINGFENCE_ASSERT(format_reply(*parse_reply(format_reply(*reply))) == format_reply(*reply));
    }
    return 0;
}
