// A folder that appears whole or not at all.
#pragma once

#include <functional>
#include <string>

#include "base/disk.h"
#include "base/result.h"
#include "net/descriptor.h"

namespace ringfence::app {

// For who looks at `path` before writing it: nobody else who holds it writes beside it while the descriptor is open.
// conflict when somebody does; not_found when the folder that `path` is to stand in is not there.
Result<net::Descriptor> hold_place(const std::string& path);

// Calls `fill` with the folder to write into: one beside `path`, moved there when all went well; or `path` itself,
// which becomes its owner's alone, when it is there and empty, since it may be a mount point or stand in a folder that
// we may not write to. On a Fault of `fill`, which is passed on, nothing is left; what a crash left is cleared away by
// the next call. conflict when `path` is there and holds something else.
Status write_whole_folder(const std::string& path, Disk& disk, const std::function<Status(const std::string&)>& fill);

// The same for a folder that is there already, which is exchanged for the new one in one step: what stood there is
// gone. `fill` may still read it. The new one belongs to the owner of the old.
Status replace_whole_folder(const std::string& path, Disk& disk, const std::function<Status(const std::string&)>& fill);

}  // namespace ringfence::app
