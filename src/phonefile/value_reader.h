// How the readers of this room turn a word into a value, and a value into its word. Not for other rooms.
#pragma once

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace ringfence::phonefile {

// A constexpr array of these is a table of names. Where two names stand for one value, the first is written.
template <typename Value>
using Named = std::pair<std::string_view, Value>;

template <typename Names>
auto find_value(const Names& names, std::string_view name) {
    const auto at = std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.first == name; });
    return at == names.end() ? std::nullopt : std::optional(at->second);
}

template <typename Names, typename Value>
std::string_view find_name(const Names& names, Value value) {
    const auto at = std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.second == value; });
    RINGFENCE_ASSERT(at != names.end());
    return at->first;
}

// The readers below leave the value as it is and return false where a phone cannot read the text.

template <typename Names, typename Value>
bool read_named(const Names& names, std::string_view text, Value& value) {
    const auto found = find_value(names, text);
    if (found) value = *found;
    return found.has_value();
}

template <typename Number>
bool read_number(std::string_view text, Number lowest, Number& number) {
    Number read{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), read);
    if (error != std::errc() || end != text.data() + text.size() || read < lowest) return false;
    number = read;
    return true;
}

inline bool read_yes_no(std::string_view text, bool& value) {
    if (text != "YES" && text != "NO") return false;
    value = text == "YES";
    return true;
}

}  // namespace ringfence::phonefile
