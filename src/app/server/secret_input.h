// Secrets come from a file or from standard input, never from arguments, which every user of the machine can read.
#pragma once

#include <string>

#include "base/disk.h"
#include "base/result.h"
#include "base/secret.h"

namespace ringfence::app {

// The content of the file at `path`, or of standard input for "-", without one line end behind it. What is typed at a
// terminal is one line and is not shown. Faults: not_found, unavailable, too_large above `limit` bytes.
Result<Secret> read_secret(const std::string& path, std::size_t limit, Disk& disk);

}  // namespace ringfence::app
