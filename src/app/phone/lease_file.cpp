#include "app/phone/lease_file.h"

#include "app/phone/state_folder.h"

namespace ringfence::app {

std::string lease_path(const std::string& state) { return state + "/" + std::string(lease_folder_name) + "/lease"; }

Status save_lease(Disk& disk, const std::string& state, std::string_view environment) {
    if (auto made = make_state_folder(disk, state); !made) return made;
    // In a folder of its own, where no boot clears up after a crash while this file is being replaced.
    const std::string folder = state + "/" + std::string(lease_folder_name);
    if (auto made = disk.make_directory(folder, private_directory); !made) return made;
    return disk.replace(lease_path(state), environment, private_file);
}

Status forget_lease(Disk& disk, const std::string& state) {
    if (!disk.exists(lease_path(state))) return {};
    return disk.remove(lease_path(state));
}

}  // namespace ringfence::app
