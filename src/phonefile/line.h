// The rules that both of the phone's own text files share: how a line is read, and what may be written so that no phone
// misreads it (reference sections 2.1 and 3.1 of the 1200-series manual NN43170-601).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ringfence::phonefile {

// A phone ignores a line longer than this and everything after it. Bytes, without the line end; comments count too.
inline constexpr std::size_t max_line_read = 80;
// What our writers keep to: one less, because loads differ on whether the line end counts.
inline constexpr std::size_t max_line_written = 79;
// Larger files are refused whole; the largest seen in the field are a few kilobytes.
inline constexpr std::size_t max_file_size = std::size_t{64} * 1024;

// Something in a file that a phone does not obey.
struct Dropped {
    std::size_t line = 0;       // counted from 1
    std::size_t last_line = 0;  // equal to `line`, or the last of the lines that go with it
    std::string text;           // the line, printable; values that may be secret are masked; empty for a comment
    std::string reason;         // one sentence without the line number
};

// Refuses a value that a phone would misread after "NAME " on one line: malformed for '#', a character that is not
// printable ASCII, a blank at an edge; too_large for a line over max_line_written. An empty value passes.
// The message names `name` and never holds the value.
Status check_written_value(std::string_view name, std::string_view value);

}  // namespace ringfence::phonefile
