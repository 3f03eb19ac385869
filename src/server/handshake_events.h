// Failed TLS handshakes as events, so that an administrator sees which phone refused what. Anybody can fail a handshake
// as often as he likes, so their number is bounded: what is too much is counted and told with the next one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/mac_address.h"
#include "registry/event_budget.h"
#include "registry/lookup.h"
#include "trust/access.h"

namespace ringfence::server {

class HandshakeEvents {
public:
    HandshakeEvents(registry::EventSink& events, trust::Wire wire) : events_(events), wire_(wire) {}

    struct Failure {
        IpAddress source;
        std::string reason;                // one plain sentence
        std::optional<MacAddress> device;  // whose certificate was refused, if it was one of ours
    };
    void record(const Failure& failure, const Clock& clock);

    static constexpr std::uint32_t burst = 60;                   // a branch full of phones that distrust us
    static constexpr Duration refill = std::chrono::seconds(1);  // one more each

private:
    registry::EventSink& events_;
    trust::Wire wire_;
    registry::EventBudget budget_{{burst, refill}};
};

}  // namespace ringfence::server
