// Starting another program (posix_spawn(3)) as if it were started fresh: no signal is blocked or ignored, and it has a
// process group of its own, so that Ctrl-C reaches us alone.
#pragma once

#include <spawn.h>
#include <sys/types.h>

#include <string>

namespace ringfence {

// What posix_spawn takes beside program, arguments and environment; which descriptors it has is added to `files`.
struct SpawnActions {
    SpawnActions();
    ~SpawnActions();
    SpawnActions(const SpawnActions&) = delete;
    SpawnActions& operator=(const SpawnActions&) = delete;

    posix_spawn_file_actions_t files{};
    posix_spawnattr_t attributes{};
};

// Waits for the end of a child of ours; its status as of waitpid(2).
int collect_child(pid_t child);

// "ended with 1", "was ended by signal 9".
std::string describe_ending(int status);

}  // namespace ringfence
