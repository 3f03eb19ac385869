#include "phonefile/line.h"

#include <algorithm>

#include "base/text.h"
#include "phonefile/line_reader.h"

namespace ringfence::phonefile {

namespace {

bool is_printable_ascii(char c) { return c >= ' ' && c <= '~'; }

bool is_control(char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7F; }

}  // namespace

Status check_written_value(std::string_view name, std::string_view value) {
    const std::string subject = "the value of " + printable(name);
    if (value.find('#') != std::string_view::npos)
        return fail(FaultCode::malformed, subject + " holds '#', where a phone starts a comment");
    if (!std::all_of(value.begin(), value.end(), is_printable_ascii))
        return fail(FaultCode::malformed, subject + " holds a character that is not printable ASCII");
    if (value != trim(value))
        return fail(FaultCode::malformed, subject + " begins or ends with a blank, which a phone cuts off");
    const std::size_t length = name.size() + 1 + value.size();
    if (length > max_line_written)
        return fail(FaultCode::too_large, subject + " makes its line " + std::to_string(length) +
                                              " characters long; a phone needs at most " +
                                              std::to_string(max_line_written));
    return {};
}

LineReader::LineReader(std::string_view text) : rest_(text) {}

std::optional<Line> LineReader::next() {
    if (rest_.empty()) return std::nullopt;
    const auto end = rest_.find('\n');
    std::string_view raw = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (!raw.empty() && raw.back() == '\r') raw.remove_suffix(1);

    Line line;
    line.number = line.last_number = ++number_;
    line.content = trim(raw.substr(0, raw.find('#')));
    line.is_too_long = raw.size() > max_line_read;
    line.has_control = std::any_of(line.content.begin(), line.content.end(), is_control);
    if (line.is_too_long) {
        const bool is_open_ended = !rest_.empty() && rest_.back() != '\n';
        number_ += static_cast<std::size_t>(std::count(rest_.begin(), rest_.end(), '\n')) + (is_open_ended ? 1 : 0);
        rest_ = {};
        line.last_number = number_;
    }
    return line;
}

Word split_word(std::string_view content) {
    const auto end = std::find_if(content.begin(), content.end(), is_ascii_space);
    const auto length = static_cast<std::size_t>(end - content.begin());
    return {content.substr(0, length), trim(content.substr(length))};
}

std::string mask_value(std::string_view content) {
    const Word word = split_word(content);
    // A lone word may be the tail of a wrapped password.
    if (word.value.empty()) return std::string(masked_secret);
    const auto end = std::find_if(word.name.begin(), word.name.end(), [](char c) { return !is_name_character(c); });
    const std::string name(word.name.begin(), end);
    return name.empty() ? std::string(masked_secret) : name + " " + std::string(masked_secret);
}

bool is_name_character(char c) {
    const char lower = to_lower(c);
    return (lower >= 'a' && lower <= 'z') || is_ascii_digit(c) || c == '_' || c == '.' || c == '-';
}

Dropped describe_cut(const Line& line, std::string text) {
    return {line.number, line.last_number, std::move(text),
            "the line is longer than " + std::to_string(max_line_read) +
                " characters: a phone ignores it and everything after it"};
}

Dropped describe_control(const Line& line) {
    return {line.number, line.number, mask_value(line.content), "the line holds a control character"};
}

std::size_t find_non_ascii_line(std::string_view text) {
    LineReader reader(text);
    while (const auto line = reader.next()) {
        if (line->is_too_long) return 0;
        const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
        if (!std::all_of(line->content.begin(), line->content.end(), is_ascii)) return line->number;
    }
    return 0;
}

Status check_size(std::string_view text, std::string_view what) {
    if (text.size() <= max_file_size) return {};
    return fail(FaultCode::too_large,
                std::string(what) + " is larger than " + std::to_string(max_file_size) + " bytes");
}

Status check_nothing_dropped(std::string_view text, const std::vector<Dropped>& dropped) {
    const std::size_t non_ascii = find_non_ascii_line(text);
    if (!dropped.empty() && (non_ascii == 0 || dropped.front().line <= non_ascii))
        return fail(FaultCode::malformed,
                    "line " + std::to_string(dropped.front().line) + ": " + dropped.front().reason);
    if (non_ascii != 0)
        return fail(FaultCode::malformed,
                    "line " + std::to_string(non_ascii) + ": the line holds a character that is not ASCII");
    return {};
}

void sort_by_line(std::vector<Dropped>& dropped) {
    std::stable_sort(dropped.begin(), dropped.end(),
                     [](const Dropped& a, const Dropped& b) { return a.line < b.line; });
}

}  // namespace ringfence::phonefile
