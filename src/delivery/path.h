// Request paths as phones write them. They name records of the registry, never files of this machine; the checks keep
// odd spellings of one name from meaning two things.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ringfence::delivery {

// FILENAME plus its value must fit a manifest line; no phone asks for more. Generous, for other families.
inline constexpr std::size_t max_path_length = 255;

// The path as it is, or Fault malformed: empty, a leading '/' (doors take the one that a phone may write), too long,
// control or non-ASCII bytes, backslash, '%', empty, '.' or '..' segments. Dot segments are refused, not normalised.
Result<std::string> parse_path(std::string_view asked);

}  // namespace ringfence::delivery
