// The folder that holds a phone's flash: who may work in it, and the flash opened.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/disk.h"
#include "base/result.h"
#include "phone/flash.h"

namespace ringfence::app {

// A lock that lasts until this object dies.
class StateLock {
public:
    // The folder itself, for one program at a time: made if need be and narrowed to its owner. conflict when another
    // program holds it or when it holds something else than a phone's flash.
    static Result<StateLock> hold_folder(Disk& disk, const std::string& path);
    // For the one `run` on a flash, between its boots too. conflict when another `run` holds it.
    static Result<StateLock> hold_run(Disk& disk, const std::string& path);

    StateLock(StateLock&& other) noexcept;
    StateLock& operator=(StateLock&&) = delete;
    ~StateLock();

private:
    explicit StateLock(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

// Made if need be. conflict when it holds something else than a phone's flash.
Status make_state_folder(Disk& disk, const std::string& path);

struct HeldFlash {
    StateLock lock;
    phone::Flash flash;
};
// Faults: those of StateLock::hold_folder and of phone::Flash::open. `disk` and `clock` outlive the flash.
Result<HeldFlash> hold_flash(Disk& disk, const std::string& path, const Clock& clock);
// The same, without what a crash left over: for whoever boots or stores.
Result<HeldFlash> hold_recovered_flash(Disk& disk, const std::string& path, const Clock& clock);

// To look at, whoever holds it. not_found; conflict when the folder holds something else.
Result<phone::Flash> open_existing_flash(Disk& disk, const std::string& path, const Clock& clock);

}  // namespace ringfence::app
