// Processes of our own: this same program, started anew with other arguments and joined to us by a channel, which it
// finds as its descriptor 3. They inherit nothing else but standard error, and end when we end.
#pragma once

#include <sys/types.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/message_channel.h"

namespace ringfence::server {

struct ChildPlan {
    std::string name;  // for the log: "the signer"
    std::vector<std::string> arguments;
};

class ChildProcess {
public:
    // The child ends with the thread that starts it, not only with the process (PR_SET_PDEATHSIG). Faults: unavailable.
    static Result<std::unique_ptr<ChildProcess>> start(const ChildPlan& plan);
    ~ChildProcess();  // kills it if it still runs
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    net::MessageChannel& channel() { return channel_; }
    pid_t number() const { return number_; }
    // Kills it if it still runs, and tells how it ended: "was ended by signal 11". Once.
    std::string end();

private:
    ChildProcess(pid_t number, net::Descriptor socket) : number_(number), channel_(std::move(socket)) {}

    pid_t number_;  // 0: collected
    net::MessageChannel channel_;
};

// Keeps one child of a kind alive: it is started when it is first asked for, and again at once when it died. Only one
// that does not get as far as to say that it is ready is tried again after a while, and more and more rarely.
// One thread at a time, but for shut_down(); threads that live as long as this, because the child ends with the one
// that started it.
class ChildKeeper {
public:
    ChildKeeper(ChildPlan plan, const Clock& clock) : plan_(std::move(plan)), clock_(clock) {}

    // The channel to a living child; it lives until the next call of this object. Faults: unavailable.
    Result<net::MessageChannel*> channel();
    // The child did not do what it should: it is ended.
    void discard();
    // From any thread: whoever waits for the child is freed, and no child is started any more.
    void shut_down();

    // What a child may take to load its keys and to shut itself in; under sanitizers that is seconds.
    static constexpr Duration start_patience = std::chrono::seconds(20);
    static constexpr Duration least_pause = std::chrono::milliseconds(500);
    static constexpr Duration longest_pause = std::chrono::seconds(30);

private:
    Status start();

    ChildPlan plan_;
    const Clock& clock_;
    std::mutex mutex_;  // guards what shut_down() needs
    std::unique_ptr<ChildProcess> child_;
    bool is_shut_down_ = false;
    Duration pause_ = least_pause;
    SteadyTime not_before_{};
};

// In the child, first of all: joins the channel to whoever started it, and ends when that ends. SIGTERM, SIGINT and
// SIGHUP mean nothing to it, because its parent takes its time to finish what runs. Faults: conflict (nobody started it
// so), unavailable (the parent is gone already).
Result<net::MessageChannel> join_parent();
// When it can be asked.
Status say_ready(net::MessageChannel& channel);

}  // namespace ringfence::server
