// What the manifest's and the settings file's readers share. Not for other rooms.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "phonefile/line.h"

namespace ringfence::phonefile {

// Views live as long as the text that was read.
struct Line {
    std::size_t number = 0;
    std::size_t last_number = 0;  // of the file, for a line that is too long; else equal to `number`
    std::string_view content;     // without comment, line end and edge blanks; may be empty
    bool is_too_long = false;
    bool has_control = false;  // in the content
};

// Lines in order. A line that is too long is the last.
class LineReader {
public:
    explicit LineReader(std::string_view text);
    std::optional<Line> next();

private:
    std::string_view rest_;
    std::size_t number_ = 0;
};

struct Word {
    std::string_view name;   // up to the first white space
    std::string_view value;  // the rest, trimmed
};
Word split_word(std::string_view content);

bool is_name_character(char c);

// The line's first word with its value masked; all masked where there is no clear first word.
std::string mask_value(std::string_view content);

Dropped describe_cut(const Line& line, std::string text);
Dropped describe_control(const Line& line);

Status check_size(std::string_view text, std::string_view what);
// The strict reading's rule, over what the phone's reading dropped.
Status check_nothing_dropped(std::string_view text, const std::vector<Dropped>& dropped);
void sort_by_line(std::vector<Dropped>& dropped);

}  // namespace ringfence::phonefile
