#include "app/phone/state_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace ringfence::app {

namespace {
constexpr std::string_view run_lock_name = "run.lock";
}

bool may_hold_flash(Disk& disk, const std::string& path) {
    if (!disk.exists(path)) return true;
    const auto names = disk.list(path);
    if (!names) return false;
    const bool is_flash = std::find(names->begin(), names->end(), "files") != names->end();
    return is_flash ||
           std::all_of(names->begin(), names->end(), [](const auto& name) { return name == run_lock_name; });
}

Result<StateFolder> StateFolder::hold(Disk& disk, const std::string& path) {
    if (!may_hold_flash(disk, path))
        return fail(FaultCode::conflict, path + " holds something else than a phone's flash");
    auto made = disk.make_directory(path, private_directory);
    if (!made) return fail(std::move(made.error()));
    StateFolder folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.descriptor_ < 0) return fail(FaultCode::unavailable, path + " cannot be opened");
    if (::flock(folder.descriptor_, LOCK_EX | LOCK_NB) != 0)
        return fail(FaultCode::conflict, path + " is in use by another program");
    if (::fchmod(folder.descriptor_, private_directory) != 0)
        return fail(FaultCode::unavailable, path + " cannot be closed to others");
    return folder;
}

Result<RunLock> RunLock::hold(Disk& disk, const std::string& path) {
    if (!may_hold_flash(disk, path))
        return fail(FaultCode::conflict, path + " holds something else than a phone's flash");
    auto made = disk.make_directory(path, private_directory);
    if (!made) return fail(std::move(made.error()));
    const std::string file = path + "/" + std::string(run_lock_name);
    RunLock lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, private_file));
    if (lock.descriptor_ < 0) return fail(FaultCode::unavailable, file + " cannot be opened");
    if (::flock(lock.descriptor_, LOCK_EX | LOCK_NB) != 0)
        return fail(FaultCode::conflict, "another run holds " + path);
    return lock;
}

RunLock::RunLock(RunLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

RunLock::~RunLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

StateFolder::StateFolder(StateFolder&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

StateFolder::~StateFolder() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace ringfence::app
