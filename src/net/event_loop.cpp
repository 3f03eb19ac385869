// The only file that includes Asio: it costs seconds to compile.
#include "net/event_loop.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>

#include "base/log.h"

namespace ringfence::net {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

struct EventLoop::Core {
    // One thread runs it, which Asio is told to save its own waking up.
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
    asio::steady_timer ticker{context};
    bool ticking = false;
    std::list<asio::signal_set> signals;

    void tick(EventLoop& loop) {
        ticking = true;
        ticker.expires_after(DeadlineWheel::tick);
        ticker.async_wait([this, &loop](const ErrorCode& error) {
            ticking = false;
            if (error) return;
            loop.deadlines().advance(loop.now());
            if (!ticking && !loop.deadlines().empty()) tick(loop);
        });
    }

    static void await_signal(asio::signal_set& set, const std::function<void()>& call) {
        set.async_wait([&set, call](const ErrorCode& error, int) {
            if (error) return;
            call();
            await_signal(set, call);
        });
    }
};

EventLoop::EventLoop(const Clock& clock)
    : clock_(clock), scratch_(scratch_size, '\0'), core_(std::make_unique<Core>()) {
    deadlines_.on_first([this] {
        if (!core_->ticking) core_->tick(*this);
    });
}

EventLoop::~EventLoop() = default;

void EventLoop::run() { core_->context.run(); }
void EventLoop::stop() { core_->context.stop(); }
void EventLoop::post(std::function<void()> task) { asio::post(core_->context, std::move(task)); }

void EventLoop::on_signal(int number, std::function<void()> call) {
    core_->signals.emplace_back(core_->context, number);
    Core::await_signal(core_->signals.back(), call);
}

// Outlives its Watch while Asio still holds a wait that it cancelled.
struct Watch::State : std::enable_shared_from_this<Watch::State> {
    State(asio::io_context& context, Descriptor descriptor, Calls made_calls)
        : stream(context), calls(std::move(made_calls)) {
        ErrorCode error;
        stream.assign(descriptor.get(), error);
        // Every use then fails at once, and whoever made it sees a broken connection.
        if (error) {
            log::error("watching a socket: " + error.message());
        } else {
            descriptor.release();
        }
    }

    asio::posix::stream_descriptor stream;
    Calls calls;
    bool awaits_readable = false;
    bool awaits_writable = false;
    bool dead = false;
};

Watch::Watch(EventLoop& loop, Descriptor descriptor, Calls calls)
    : state_(std::make_shared<State>(loop.core_->context, std::move(descriptor), std::move(calls))) {}

Watch::~Watch() {
    state_->dead = true;
    ErrorCode ignored;
    state_->stream.close(ignored);
}

Descriptor Watch::release() {
    state_->dead = true;
    return Descriptor(state_->stream.is_open() ? state_->stream.release() : -1);
}

int Watch::descriptor() const { return state_->stream.native_handle(); }

void Watch::await_readable() {
    if (state_->awaits_readable) return;
    state_->awaits_readable = true;
    state_->stream.async_wait(asio::posix::descriptor_base::wait_read, [state = state_](const ErrorCode&) {
        state->awaits_readable = false;
        if (!state->dead) state->calls.readable();
    });
}

void Watch::await_writable() {
    if (state_->awaits_writable) return;
    state_->awaits_writable = true;
    state_->stream.async_wait(asio::posix::descriptor_base::wait_write, [state = state_](const ErrorCode&) {
        state->awaits_writable = false;
        if (!state->dead) state->calls.writable();
    });
}

}  // namespace ringfence::net
