#include "app/phone/change_hook.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <thread>

#include "base/spawn.h"
#include "base/text.h"
#include "net/descriptor.h"

namespace ringfence::app {

namespace {

namespace json = boost::json;

constexpr std::string_view path_variable = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr int first_other_descriptor = 3;
// Short beside what a hook takes, long beside what a glance costs.
constexpr std::chrono::milliseconds glance_every(10);

json::array names(const std::vector<std::string>& list) {
    json::array out;
    for (const auto& name : list) out.emplace_back(printable(name));
    return out;
}

std::string message(const std::string& state, const phone::StateChange& change) {
    return json::serialize(json::object{{"state", state},
                                        {"settings", names(change.settings)},
                                        {"unknown_settings", change.unknown_settings},
                                        {"sections", names(change.sections)}}) +
           "\n";
}

// In memory, so that a hook that does not read its input blocks nobody.
int open_input(const std::string& text) {
    const int input = ::memfd_create("change", MFD_CLOEXEC);
    if (input < 0) return input;
    const bool is_whole = ::write(input, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (is_whole && ::lseek(input, 0, SEEK_SET) == 0) return input;
    ::close(input);
    return -1;
}

// The child's number, or the system's error.
struct Spawned {
    pid_t child = 0;
    int error = 0;
};

Spawned spawn(const std::string& program, const std::string& state, int input) {
    SpawnActions actions;
    posix_spawn_file_actions_adddup2(&actions.files, input, STDIN_FILENO);
    // Our standard output may be one JSON object.
    posix_spawn_file_actions_adddup2(&actions.files, STDERR_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions.files, first_other_descriptor);

    std::string path(path_variable);
    std::string folder = "RINGFENCE_PHONE_STATE=" + state;
    std::string name = program;
    char* arguments[] = {name.data(), nullptr};
    char* environment[] = {path.data(), folder.data(), nullptr};
    Spawned out;
    out.error = posix_spawn(&out.child, program.c_str(), &actions.files, &actions.attributes, arguments, environment);
    return out;
}

// Whether the child ended before the limit; it is left to be collected.
bool wait_for(pid_t child, std::chrono::seconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < end) {
        siginfo_t info{};
        const int asked = ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT);
        if (asked == 0 && info.si_pid == child) return true;
        std::this_thread::sleep_for(glance_every);
    }
    return false;
}

phone::Note tell(const ChangeHook& hook, const std::string& what) {
    return {{}, 0, fmt::format("the change program {} {}", printable(hook.program), what)};
}

}  // namespace

std::optional<phone::Note> run_change_hook(const ChangeHook& hook, const phone::StateChange& change) {
    if (hook.program.empty() || change.empty()) return std::nullopt;
    std::error_code error;
    const std::string state = std::filesystem::absolute(hook.state, error).lexically_normal().string();
    const net::Descriptor input(open_input(message(state, change)));
    if (error || !input.valid()) return tell(hook, "could not be told of the change, and was not run");

    const auto [child, failure] = spawn(hook.program, state, input.get());
    if (failure != 0) return tell(hook, fmt::format("could not be run: {}", std::generic_category().message(failure)));
    if (wait_for(child, hook.limit)) return tell(hook, describe_ending(collect_child(child)));
    ::kill(-child, SIGKILL);
    collect_child(child);
    return tell(hook, fmt::format("did not end within {} s and was killed", hook.limit.count()));
}

}  // namespace ringfence::app
