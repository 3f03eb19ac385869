#include "server/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "base/spawn.h"

namespace ringfence::server {

namespace {

constexpr const char* own_program = "/proc/self/exe";  // also when the file was replaced since
constexpr int channel_descriptor = 3;
constexpr std::string_view ready_word = "ready";

// All that a child is told of our environment: the time zone of the log, and how sanitizers report.
constexpr std::array<const char*, 4> passed_on{"TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"};

void plan_descriptors(posix_spawn_file_actions_t& files, int socket) {
    posix_spawn_file_actions_adddup2(&files, socket, channel_descriptor);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files, channel_descriptor + 1);
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (std::string& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
}

std::vector<std::string> make_environment() {
    std::vector<std::string> out;
    for (const char* name : passed_on) {
        if (const char* value = std::getenv(name)) out.push_back(fmt::format("{}={}", name, value));
    }
    return out;
}

tl::unexpected<Fault> logged(Fault fault) {
    log::error(fault.message);
    return fail(std::move(fault));
}

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const ChildPlan& plan) {
    auto pair = net::make_socket_pair();
    if (!pair) return fail(std::move(pair).error());
    SpawnActions actions;
    plan_descriptors(actions.files, pair->theirs.get());
    std::vector<std::string> arguments{"ringfence"};
    arguments.insert(arguments.end(), plan.arguments.begin(), plan.arguments.end());
    std::vector<std::string> environment = make_environment();
    pid_t number = 0;
    const int error = posix_spawn(&number, own_program, &actions.files, &actions.attributes,
                                  pointers_to(arguments).data(), pointers_to(environment).data());
    if (error != 0) {
        return fail(FaultCode::unavailable, fmt::format("{} cannot be started: {}", plan.name, std::strerror(error)));
    }
    return std::unique_ptr<ChildProcess>(new ChildProcess(number, std::move(pair->ours)));
}

ChildProcess::~ChildProcess() {
    if (number_ != 0) end();
}

std::string ChildProcess::end() {
    ::kill(number_, SIGKILL);
    return describe_ending(collect_child(std::exchange(number_, 0)));
}

Result<net::MessageChannel*> ChildKeeper::channel() {
    if (child_ && !child_->channel().is_closed()) return &child_->channel();
    discard();
    if (clock_.steady_now() < not_before_) {
        return fail(FaultCode::unavailable, plan_.name + " did not start and is tried again in a while");
    }
    if (auto started = start(); !started) {
        discard();
        not_before_ = clock_.steady_now() + pause_;
        pause_ = std::min(pause_ * 2, longest_pause);
        return fail(std::move(started).error());
    }
    pause_ = least_pause;
    return &child_->channel();
}

Status ChildKeeper::start() {
    {
        const std::lock_guard lock(mutex_);
        if (is_shut_down_) return fail(FaultCode::unavailable, plan_.name + " is not needed any more");
        auto started = ChildProcess::start(plan_);
        if (!started) return logged(std::move(started).error());
        child_ = std::move(*started);
    }
    const auto word = child_->channel().receive(start_patience);
    if (!word) return logged(word.error().within(plan_.name + " did not start"));
    if (*word != ready_word) return logged({FaultCode::unavailable, plan_.name + " did not say that it is ready"});
    return {};
}

void ChildKeeper::discard() {
    std::unique_ptr<ChildProcess> gone;
    bool is_wanted = true;
    {
        const std::lock_guard lock(mutex_);
        gone = std::move(child_);
        is_wanted = !is_shut_down_;
    }
    if (!gone) return;
    const std::string ending = gone->end();
    if (is_wanted) log::warning(fmt::format("{} {}", plan_.name, ending));
}

void ChildKeeper::shut_down() {
    const std::lock_guard lock(mutex_);
    is_shut_down_ = true;
    if (child_) child_->channel().shut_down();
}

Result<net::MessageChannel> join_parent() {
    int domain = 0;
    socklen_t size = sizeof domain;
    const bool is_joined = ::getsockopt(channel_descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0;
    if (!is_joined || domain != AF_UNIX) {
        return fail(FaultCode::conflict, "this is a part of 'ringfence serve', which starts it by itself");
    }
    ::fcntl(channel_descriptor, F_SETFD, FD_CLOEXEC);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::signal(number, SIG_IGN);
    net::MessageChannel channel{net::Descriptor(channel_descriptor)};
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // A parent that died before that call sends no signal any more; its end of the channel is closed then.
    if (channel.is_closed()) return fail(FaultCode::unavailable, "whoever started this has ended");
    return channel;
}

Status say_ready(net::MessageChannel& channel) { return channel.send(ready_word, std::nullopt); }

}  // namespace ringfence::server
