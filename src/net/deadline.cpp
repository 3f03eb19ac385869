#include "net/deadline.h"

#include <algorithm>

namespace ringfence::net {

void Deadline::set(SteadyTime at) {
    at_ = at;
    // Already to be looked at before the new time: the wheel then moves it on, and setting cost nothing.
    if (slot_ != nowhere && looked_at_ <= DeadlineWheel::tick_of(at) + 1) return;
    wheel_.remove(*this);
    wheel_.insert(*this);
}

void Deadline::clear() { wheel_.remove(*this); }

void DeadlineWheel::insert(Deadline& deadline) {
    const std::int64_t wanted = std::max(tick_of(deadline.at_) + 1, visited_ + 1);
    deadline.looked_at_ = std::min(wanted, visited_ + static_cast<std::int64_t>(slot_count));
    deadline.slot_ = static_cast<std::size_t>(deadline.looked_at_) % slot_count;
    std::vector<Deadline*>& slot = slots_[deadline.slot_];
    deadline.index_ = slot.size();
    slot.push_back(&deadline);
    if (++count_ == 1 && on_first_) on_first_();
}

void DeadlineWheel::remove(Deadline& deadline) {
    if (deadline.slot_ == Deadline::nowhere) return;
    if (deadline.slot_ == Deadline::being_called) {
        due_[deadline.index_] = nullptr;
    } else {
        std::vector<Deadline*>& slot = slots_[deadline.slot_];
        slot[deadline.index_] = slot.back();
        slot[deadline.index_]->index_ = deadline.index_;
        slot.pop_back();
    }
    deadline.slot_ = Deadline::nowhere;
    --count_;
}

void DeadlineWheel::advance(SteadyTime now) {
    const std::int64_t target = tick_of(now);
    std::int64_t tick = std::max(visited_ + 1, target - static_cast<std::int64_t>(slot_count) + 1);
    for (; tick <= target; ++tick) {
        visited_ = tick;
        visit(static_cast<std::size_t>(tick) % slot_count, now);
    }
}

void DeadlineWheel::visit(std::size_t slot, SteadyTime now) {
    due_.swap(slots_[slot]);
    for (std::size_t i = 0; i < due_.size(); ++i) {
        due_[i]->slot_ = Deadline::being_called;
        due_[i]->index_ = i;
    }
    for (std::size_t i = 0; i < due_.size(); ++i) {
        Deadline* const deadline = due_[i];
        if (deadline == nullptr) continue;
        remove(*deadline);
        if (deadline->at_ > now) {
            insert(*deadline);
            continue;
        }
        // The call may destroy the deadline, and with it the function.
        const std::function<void()> passed = deadline->passed_;
        passed();
    }
    due_.clear();
}

}  // namespace ringfence::net
