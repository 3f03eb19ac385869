#include "delivery/path.h"

#include <algorithm>

#include "base/text.h"

namespace ringfence::delivery {

namespace {

bool is_path_character(char c) { return c > ' ' && c <= '~' && c != '\\' && c != '%' && c != '?' && c != '#'; }

bool is_plain_segment(std::string_view segment) { return !segment.empty() && segment != "." && segment != ".."; }

}  // namespace

Result<std::string> parse_path(std::string_view asked) {
    if (asked.size() > max_path_length) return fail(FaultCode::malformed, "path is longer than 255 characters");
    if (!std::all_of(asked.begin(), asked.end(), is_path_character))
        return fail(FaultCode::malformed, "path '" + printable(asked) + "' holds a character that no phone file has");
    for (const auto segment : split(asked, '/'))
        if (!is_plain_segment(segment))
            return fail(FaultCode::malformed, "path '" + printable(asked) + "' holds an empty or dot segment");
    return std::string(asked);
}

}  // namespace ringfence::delivery
