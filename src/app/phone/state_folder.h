// The folder that holds a phone's flash, held by one program at a time.
#pragma once

#include <string>

#include "base/disk.h"
#include "base/result.h"

namespace ringfence::app {

class StateFolder {
public:
    // Makes the folder if need be, narrows it to its owner, and locks it until this object dies. conflict when another
    // program holds it or when it holds something else than a phone's flash.
    static Result<StateFolder> hold(Disk& disk, const std::string& path);

    StateFolder(StateFolder&& other) noexcept;
    StateFolder& operator=(StateFolder&&) = delete;
    ~StateFolder();

private:
    explicit StateFolder(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

// Held by the one `run` on a flash, between its boots too.
class RunLock {
public:
    // Makes the folder if need be. conflict when another `run` holds it.
    static Result<RunLock> hold(Disk& disk, const std::string& path);

    RunLock(RunLock&& other) noexcept;
    RunLock& operator=(RunLock&&) = delete;
    ~RunLock();

private:
    explicit RunLock(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

// Whether the folder is absent, empty or a phone's flash.
bool may_hold_flash(Disk& disk, const std::string& path);

}  // namespace ringfence::app
