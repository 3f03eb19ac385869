// A folder that appears whole or not at all.
#pragma once

#include <functional>
#include <string>

#include "base/disk.h"
#include "base/result.h"

namespace ringfence::app {

// Calls `fill` with the folder to write into: one beside `path`, moved there when all went well; or `path` itself when
// it is there and empty, since it may be a mount point. On a Fault of `fill`, which is passed on, nothing is left.
// conflict when `path` is there and not empty.
Status write_whole_folder(const std::string& path, Disk& disk, const std::function<Status(const std::string&)>& fill);

}  // namespace ringfence::app
