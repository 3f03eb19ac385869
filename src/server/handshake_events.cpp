#include "server/handshake_events.h"

namespace ringfence::server {

void HandshakeEvents::record(const Failure& failure, const Clock& clock) {
    const auto untold = budget_.take(clock.steady_now());
    if (!untold) return;
    registry::Event event;
    event.time = clock.wall_now();
    event.kind = registry::EventKind::handshake;
    event.wire = trust::to_string(wire_);
    event.source = failure.source.to_string();
    event.outcome = "refused";
    event.detail = failure.reason + *untold;
    event.device = failure.device;
    events_.record(std::move(event));
}

}  // namespace ringfence::server
