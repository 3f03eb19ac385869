#include <algorithm>
#include <charconv>

#include "base/host_name.h"
#include "base/ip_address.h"
#include "base/text.h"
#include "family/family.h"

namespace ringfence::family {

namespace {

constexpr std::int64_t quarter_hour = 15 * 60;

tl::unexpected<Fault> refuse(const SettingSpec& spec, std::string_view must) {
    return fail(FaultCode::malformed, spec.name + " must be " + std::string(must));
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
    std::string text;
    for (const std::string& word : words) {
        if (!text.empty()) text += separator;
        text += word;
    }
    return text;
}

std::string range(const SettingSpec& spec) {
    return "from " + std::to_string(spec.min) + " to " + std::to_string(spec.max);
}

bool contains(const std::vector<std::string>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

// One spelling per number, because a phone may compare or store it as text.
std::optional<std::int64_t> read_integer(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || text != std::to_string(number)) return std::nullopt;
    return number;
}

Status check_integer(const SettingSpec& spec, std::string_view value) {
    const auto number = read_integer(value);
    if (number && *number >= spec.min && *number <= spec.max) return {};
    return refuse(spec, "a number " + range(spec));
}

Status check_timezone(const SettingSpec& spec, std::string_view value) {
    const auto number = read_integer(value);
    if (number && *number >= spec.min && *number <= spec.max && *number % quarter_hour == 0) return {};
    return refuse(spec, "seconds in whole quarter hours " + range(spec));
}

Status check_host(const SettingSpec& spec, std::string_view value) {
    if (IpAddress::parse(value) || is_host_name(value)) return {};
    return refuse(spec, "an IP address or a host name");
}

Status check_text(const SettingSpec& spec, std::string_view value) {
    const auto length = static_cast<std::int64_t>(value.size());
    if (length >= spec.min && length <= spec.max) return {};
    return refuse(spec, "text of " + std::to_string(spec.min) + " to " + std::to_string(spec.max) + " characters");
}

std::vector<std::string_view> sorted_words(std::string_view list) {
    auto words = split(list, ',');
    std::sort(words.begin(), words.end());
    return words;
}

Status check_list(const SettingSpec& spec, std::string_view value) {
    const auto words = sorted_words(value);
    const bool known =
        std::all_of(words.begin(), words.end(), [&](std::string_view word) { return contains(spec.allowed, word); });
    const bool unique = std::adjacent_find(words.begin(), words.end()) == words.end();
    if (!known || !unique)
        return refuse(spec, "some of " + join(spec.allowed, ", ") + ", parted by commas, none twice");
    for (const std::string& refused : spec.refused)
        if (words == sorted_words(refused)) return refuse(spec, "another combination than " + refused);
    return {};
}

Status check_type(const SettingSpec& spec, std::string_view value) {
    switch (spec.type) {
        case SettingType::boolean:
            if (value == "YES" || value == "NO") return {};
            return refuse(spec, "YES or NO");
        case SettingType::choice:
            if (contains(spec.allowed, value)) return {};
            return refuse(spec, "one of " + join(spec.allowed, ", "));
        case SettingType::integer:
        case SettingType::port: return check_integer(spec, value);
        case SettingType::host: return check_host(spec, value);
        case SettingType::text: return check_text(spec, value);
        case SettingType::list: return check_list(spec, value);
        case SettingType::timezone: return check_timezone(spec, value);
    }
    return refuse(spec, "of a known type");
}

}  // namespace

Status check_value(const SettingSpec& spec, std::string_view value) {
    if (auto readable = phonefile::check_written_value(spec.name, value); !readable) return readable;
    if (auto typed = check_type(spec, value); !typed) return typed;
    if (contains(spec.refused, value)) return refuse(spec, "another value than " + std::string(value));
    return {};
}

}  // namespace ringfence::family
