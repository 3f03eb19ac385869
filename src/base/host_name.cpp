#include "base/host_name.h"

#include <algorithm>

#include "base/text.h"

namespace ringfence {

namespace {

constexpr std::size_t max_host_name = 253;  // RFC 1035 section 2.3.4, without the final dot
constexpr std::size_t max_host_label = 63;

bool is_label(std::string_view label) {
    if (label.empty() || label.size() > max_host_label || label.front() == '-' || label.back() == '-') return false;
    return std::all_of(label.begin(), label.end(), [](char c) {
        const char lower = to_lower(c);
        return (lower >= 'a' && lower <= 'z') || is_ascii_digit(c) || c == '-' || c == '_';
    });
}

}  // namespace

bool is_host_name(std::string_view text) {
    if (text.empty() || text.size() > max_host_name) return false;
    const auto labels = split(text, '.');
    if (parse_number(labels.back())) return false;
    return std::all_of(labels.begin(), labels.end(), is_label);
}

}  // namespace ringfence
