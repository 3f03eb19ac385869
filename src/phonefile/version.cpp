#include <algorithm>

#include "base/text.h"
#include "phonefile/manifest.h"

namespace ringfence::phonefile {

namespace {

bool is_number(std::string_view version) {
    return !version.empty() && std::all_of(version.begin(), version.end(), is_ascii_digit);
}

std::string_view without_leading_zeros(std::string_view digits) {
    const auto first = digits.find_first_not_of('0');
    return first == std::string_view::npos ? std::string_view() : digits.substr(first);
}

int compare_numbers(std::string_view a, std::string_view b) {
    a = without_leading_zeros(a);
    b = without_leading_zeros(b);
    if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
    return a.compare(b);
}

}  // namespace

VersionVerdict is_newer(std::string_view offered, std::string_view stored) {
    if (offered.empty()) return {false, "no version is offered"};
    const std::string shown = printable(offered);
    if (stored.empty()) return {true, "version " + shown + " is offered and none is stored"};

    const bool both_numbers = is_number(offered) && is_number(stored);
    const bool spelled_alike = is_number(offered) == is_number(stored);
    const int order = both_numbers ? compare_numbers(offered, stored) : offered.compare(stored);
    const std::string relation = order > 0 ? " is newer than " : order < 0 ? " is older than " : " is the same as ";
    std::string reason = "version " + shown + relation + "the stored " + printable(stored);
    if (!spelled_alike) reason += ", compared as text because one is a number and the other a load name";
    return {order > 0, std::move(reason)};
}

std::string expand_filename(std::string_view name, const MacAddress& mac) {
    return replace_all(std::string(name), "*", mac.bare_upper());
}

}  // namespace ringfence::phonefile
