// A folder that appears whole or not at all.
#pragma once

#include <functional>
#include <string>

#include "base/disk.h"
#include "base/result.h"

namespace ringfence::app {

// Calls `fill` with the folder to write into: one beside `path`, moved there when all went well; or `path` itself,
// which becomes its owner's alone, when it is there and empty, since it may be a mount point or stand in a folder that
// we may not write to. On a Fault of `fill`, which is passed on, nothing is left; what a crash left is cleared away by
// the next call. conflict when `path` is there and holds something else.
Status write_whole_folder(const std::string& path, Disk& disk, const std::function<Status(const std::string&)>& fill);

// The same for a folder that is there already, which is exchanged for the new one in one step: what stood there is
// gone. `fill` may still read it.
Status replace_whole_folder(const std::string& path, Disk& disk, const std::function<Status(const std::string&)>& fill);

}  // namespace ringfence::app
