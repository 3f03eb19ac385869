// What a person hands over in a file, or through standard input, because it may be a secret.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace ringfence::app {

inline constexpr std::string_view standard_input = "-";

// The first line of a file, or of standard input for "-", without its end. Faults: those of reading; too_large.
Result<Secret> read_first_line(const std::string& path);

}  // namespace ringfence::app
