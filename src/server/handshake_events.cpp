#include "server/handshake_events.h"

#include <fmt/core.h>

#include <algorithm>

namespace ringfence::server {

void HandshakeEvents::record(const Failure& failure, const Clock& clock) {
    const SteadyTime now = clock.steady_now();
    const auto earned = (now - refilled_) / refill;
    if (earned > 0) {
        left_ = static_cast<std::uint32_t>(std::min<std::int64_t>(burst, left_ + earned));
        refilled_ = left_ == burst ? now : refilled_ + earned * refill;
    }
    if (left_ == 0) {
        ++suppressed_;
        return;
    }
    --left_;
    registry::Event event;
    event.time = clock.wall_now();
    event.kind = registry::EventKind::handshake;
    event.wire = trust::to_string(wire_);
    event.source = failure.source.to_string();
    event.outcome = "refused";
    event.detail = failure.reason;
    event.device = failure.device;
    if (suppressed_ > 0) {
        event.detail += fmt::format(" ({} more before this one were counted and not recorded singly)", suppressed_);
        suppressed_ = 0;
    }
    events_.record(std::move(event));
}

}  // namespace ringfence::server
