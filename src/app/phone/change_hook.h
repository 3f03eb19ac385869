// The program that `boot --on-change` runs when a boot changed something. It is run without a shell, in a process group
// of its own, with no descriptor of ours but the standard ones: standard input is one JSON object
//
//     {"state": "/var/lib/phone", "settings": ["VMAIL"], "unknown_settings": 0, "sections": ["USER_CONFIG"]}
//
// with names only, never values; its output goes to our standard error. The environment holds PATH and
// RINGFENCE_PHONE_STATE, and nothing else of ours. After a boot that was cut off everything counts as changed. What it
// does or fails to do changes nothing about the boot.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "phone/boot_report.h"
#include "phone/effective_configuration.h"

namespace ringfence::app {

struct ChangeHook {
    std::string program;  // absolute path; empty: none is run
    std::string state;    // the flash's folder
    std::chrono::seconds limit{};
};

// Long enough for a telephone program to start anew; a hook that hangs must not hold up the next boot.
inline constexpr unsigned change_hook_seconds = 60;

// Runs it to its end and tells how it ended; killed with its process group after the limit. Empty when there is nothing
// to run it for.
std::optional<phone::Note> run_change_hook(const ChangeHook& hook, const phone::StateChange& change);

}  // namespace ringfence::app
