#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace ringfence {

std::string_view to_string(FaultCode code) {
    switch (code) {
        case FaultCode::malformed: return "malformed";
        case FaultCode::too_large: return "too_large";
        case FaultCode::unauthenticated: return "unauthenticated";
        case FaultCode::forbidden: return "forbidden";
        case FaultCode::untrusted: return "untrusted";
        case FaultCode::expired: return "expired";
        case FaultCode::not_found: return "not_found";
        case FaultCode::conflict: return "conflict";
        case FaultCode::rate_limited: return "rate_limited";
        case FaultCode::unavailable: return "unavailable";
        case FaultCode::corrupt: return "corrupt";
        case FaultCode::internal: return "internal";
    }
    return "internal";
}

Fault Fault::within(std::string_view context) && {
    message.insert(0, ": ").insert(0, context);
    return std::move(*this);
}

Fault Fault::within(std::string_view context) const& { return Fault(*this).within(context); }

void assertion_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "ringfence: assertion failed: %s (%s:%d)\n", condition, file, line);
    std::abort();
}

}  // namespace ringfence
