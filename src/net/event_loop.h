// One event loop, run by one thread. Everything that hangs on a loop is made, used and destroyed on its thread, or
// while it does not run; only post() and stop() are for other threads. A callback may destroy the object that called
// it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "net/deadline.h"
#include "net/descriptor.h"

namespace ringfence::net {

class EventLoop {
public:
    // `clock` must outlive the loop.
    explicit EventLoop(const Clock& clock);
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    // Until stop(), even when nothing is left to wait for.
    void run();
    void stop();                            // any thread
    void post(std::function<void()> task);  // any thread; tasks run in the order in which they were posted

    // From then on the signal does nothing but this. One loop of the process does so.
    void on_signal(int number, std::function<void()> call);

    const Clock& clock() const { return clock_; }
    SteadyTime now() const { return clock_.steady_now(); }
    DeadlineWheel& deadlines() { return deadlines_; }

    // A buffer for one read, shared by all that read on this loop: a TLS record or any datagram of TFTP fits. What
    // stands in it is gone when the callback that was given it returns.
    std::string& scratch() { return scratch_; }
    static constexpr std::size_t scratch_size = 16384;

private:
    friend class Watch;
    struct Core;

    const Clock& clock_;
    DeadlineWheel deadlines_;
    std::string scratch_;
    std::unique_ptr<Core> core_;
};

// A descriptor and the loop's eye on it. Each await gives one call, when the descriptor is ready or broken: read or
// write then tells which. Awaiting again before the call changes nothing.
class Watch {
public:
    struct Calls {
        std::function<void()> readable;
        std::function<void()> writable;
    };
    Watch(EventLoop& loop, Descriptor descriptor, Calls calls);
    ~Watch();  // closes the descriptor; no call follows
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    int descriptor() const;
    // Gives the descriptor away; no call follows.
    Descriptor release();
    void await_readable();
    void await_writable();

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace ringfence::net
