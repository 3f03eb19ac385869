// Result<T>: a value or a Fault. What the world can do wrong is a Fault; what only we can do wrong is an assertion
// (RINGFENCE_ASSERT, on in release too). No function of ours throws across a room's edge.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace ringfence {

enum class FaultCode {
    malformed,        // input does not follow its grammar
    too_large,        // input exceeds a documented limit
    unauthenticated,  // no proof, or a proof that does not hold
    forbidden,        // proof holds, but does not open this
    untrusted,        // a certificate or signature leads to no anchor of ours
    expired,          // was valid once, or will be
    not_found,
    conflict,  // contradicts what is already recorded
    rate_limited,
    unavailable,  // a peer, disk or lock that may come back
    corrupt,      // stored bytes are not what was stored
    internal,     // a library refused something that should work
};

// The code's lower-case name, as reports and logs show it.
std::string_view to_string(FaultCode code);

struct Fault {
    FaultCode code = FaultCode::internal;
    std::string message;  // one sentence for the administrator; never holds a secret

    // The same fault, told with what was being done: "reading root.pem: permission denied".
    [[nodiscard]] Fault within(std::string_view context) &&;
    [[nodiscard]] Fault within(std::string_view context) const&;
};

template <typename T>
using Result = tl::expected<T, Fault>;

using Status = Result<void>;

inline tl::unexpected<Fault> fail(FaultCode code, std::string message) {
    return tl::unexpected<Fault>(Fault{code, std::move(message)});
}

inline tl::unexpected<Fault> fail(Fault fault) { return tl::unexpected<Fault>(std::move(fault)); }

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace ringfence

#define RINGFENCE_ASSERT(condition) \
    ((condition) ? static_cast<void>(0) : ::ringfence::assertion_failed(#condition, __FILE__, __LINE__))
