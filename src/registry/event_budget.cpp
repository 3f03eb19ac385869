#include "registry/event_budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ringfence::registry {

std::optional<std::string> EventBudget::take(SteadyTime now) {
    const auto earned = (now - refilled_) / limits_.refill;
    if (earned > 0) {
        left_ = static_cast<std::uint32_t>(std::min<std::int64_t>(limits_.burst, left_ + earned));
        refilled_ = left_ == limits_.burst ? now : refilled_ + earned * limits_.refill;
    }
    if (left_ == 0) {
        ++suppressed_;
        return std::nullopt;
    }
    --left_;
    const std::uint64_t untold = std::exchange(suppressed_, 0);
    if (untold == 0) return std::string();
    return fmt::format(" ({} more before this one were counted and not recorded singly)", untold);
}

}  // namespace ringfence::registry
