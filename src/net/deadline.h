// Coarse deadlines: every transfer and connection has one that moves with each packet and almost never passes. Moving
// it later costs one store; the wheel looks at it again when the old time comes. Used on the loop's own thread.
#pragma once

#include <array>
#include <functional>
#include <vector>

#include "base/clock.h"

namespace ringfence::net {

class DeadlineWheel;

// Calls `passed` once, up to two ticks late, never early. Clearing or destroying it is allowed at any time, also inside
// its own call.
class Deadline {
public:
    Deadline(DeadlineWheel& wheel, std::function<void()> passed) : wheel_(wheel), passed_(std::move(passed)) {}
    ~Deadline() { clear(); }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

    void set(SteadyTime at);
    void clear();

private:
    friend class DeadlineWheel;
    static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);
    static constexpr std::size_t being_called = static_cast<std::size_t>(-2);

    DeadlineWheel& wheel_;
    std::function<void()> passed_;
    SteadyTime at_{};
    std::int64_t looked_at_ = 0;  // the tick at which the wheel will look at it next
    std::size_t slot_ = nowhere;
    std::size_t index_ = 0;  // its place in the slot
};

class DeadlineWheel {
public:
    // Fine enough for TFTP's retransmission, coarse enough to cost nothing.
    static constexpr Duration tick{50};

    // Calls every deadline that has passed at `now`.
    void advance(SteadyTime now);
    // True while no deadline is waiting, so that an idle loop need not tick.
    bool empty() const { return count_ == 0; }
    // Called when the first deadline arrives in an empty wheel.
    void on_first(std::function<void()> call) { on_first_ = std::move(call); }

private:
    friend class Deadline;
    // 25.6 s around; a later deadline is simply looked at once a round.
    static constexpr std::size_t slot_count = 512;

    static std::int64_t tick_of(SteadyTime time) { return time.time_since_epoch() / tick; }
    void insert(Deadline& deadline);
    void remove(Deadline& deadline);
    void visit(std::size_t slot, SteadyTime now);

    std::array<std::vector<Deadline*>, slot_count> slots_;
    std::vector<Deadline*> due_;  // being called; entries are nulled when they are cleared meanwhile
    std::size_t count_ = 0;
    std::int64_t visited_ = 0;  // last tick looked at
    std::function<void()> on_first_;
};

}  // namespace ringfence::net
