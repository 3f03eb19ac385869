// How many events may be recorded of what anybody can cause as often as he likes: a burst, then one more each `refill`.
// What is too much is counted, and told with the next one. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

namespace ringfence::registry {

class EventBudget {
public:
    struct Limits {
        std::uint32_t burst = 0;
        Duration refill{};
    };
    explicit EventBudget(Limits limits) : limits_(limits), left_(limits.burst) {}

    // Empty: it is counted and not recorded. Else what to say behind the event's detail of those before it, a blank
    // first; mostly nothing.
    std::optional<std::string> take(SteadyTime now);

private:
    Limits limits_;
    std::uint32_t left_;
    SteadyTime refilled_{};
    std::uint64_t suppressed_ = 0;
};

}  // namespace ringfence::registry
