// Where the DHCP hook leaves what a client was given, for boot and run to find: STATE/dhcp/lease.
#pragma once

#include <string>
#include <string_view>

#include "base/disk.h"
#include "base/result.h"

namespace ringfence::app {

inline constexpr std::string_view lease_folder_name = "dhcp";

std::string lease_path(const std::string& state);
// Whole or not at all, for its owner alone: option 66 may hold a login. Beside a boot that is under way.
Status save_lease(Disk& disk, const std::string& state, std::string_view environment);
Status forget_lease(Disk& disk, const std::string& state);  // none is fine

}  // namespace ringfence::app
