#include "app/phone/state_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "app/phone/lease_file.h"

namespace ringfence::app {

namespace {

constexpr std::string_view run_lock_name = "run.lock";

// Whether the folder is absent, empty or a phone's flash.
bool may_hold_flash(Disk& disk, const std::string& path) {
    if (!disk.exists(path)) return true;
    const auto names = disk.list(path);
    if (!names) return false;
    const bool is_flash = std::find(names->begin(), names->end(), "files") != names->end();
    return is_flash || std::all_of(names->begin(), names->end(),
                                   [](const auto& name) { return name == run_lock_name || name == lease_folder_name; });
}

// Whether it is ours now, rather than another program's.
bool take_lock(int descriptor) { return ::flock(descriptor, LOCK_EX | LOCK_NB) == 0; }

}  // namespace

Status make_state_folder(Disk& disk, const std::string& path) {
    if (!may_hold_flash(disk, path))
        return fail(FaultCode::conflict, path + " holds something else than a phone's flash");
    return disk.make_directory(path, private_directory);
}

Result<StateLock> StateLock::hold_folder(Disk& disk, const std::string& path) {
    if (auto made = make_state_folder(disk, path); !made) return fail(std::move(made.error()));
    StateLock lock(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (lock.descriptor_ < 0) return fail(FaultCode::unavailable, path + " cannot be opened");
    if (!take_lock(lock.descriptor_)) return fail(FaultCode::conflict, path + " is in use by another program");
    if (::fchmod(lock.descriptor_, private_directory) != 0)
        return fail(FaultCode::unavailable, path + " cannot be closed to others");
    return lock;
}

Result<StateLock> StateLock::hold_run(Disk& disk, const std::string& path) {
    if (auto made = make_state_folder(disk, path); !made) return fail(std::move(made.error()));
    const std::string file = path + "/" + std::string(run_lock_name);
    StateLock lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, private_file));
    if (lock.descriptor_ < 0) return fail(FaultCode::unavailable, file + " cannot be opened");
    if (!take_lock(lock.descriptor_)) return fail(FaultCode::conflict, "another run holds " + path);
    return lock;
}

StateLock::StateLock(StateLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

StateLock::~StateLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Result<HeldFlash> hold_flash(Disk& disk, const std::string& path, const Clock& clock) {
    auto lock = StateLock::hold_folder(disk, path);
    if (!lock) return fail(std::move(lock.error()));
    auto flash = phone::Flash::open(disk, path, clock);
    if (!flash) return fail(std::move(flash.error()));
    return HeldFlash{std::move(*lock), std::move(*flash)};
}

Result<HeldFlash> hold_recovered_flash(Disk& disk, const std::string& path, const Clock& clock) {
    auto held = hold_flash(disk, path, clock);
    if (!held) return held;
    if (auto recovered = held->flash.recover(); !recovered) return fail(std::move(recovered.error()));
    return held;
}

Result<phone::Flash> open_existing_flash(Disk& disk, const std::string& path, const Clock& clock) {
    if (!disk.exists(path)) return fail(FaultCode::not_found, "there is no " + path);
    if (!may_hold_flash(disk, path)) return fail(FaultCode::conflict, path + " is no phone's flash");
    return phone::Flash::open(disk, path, clock);
}

}  // namespace ringfence::app
