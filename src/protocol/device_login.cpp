#include "protocol/device_login.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ringfence::protocol {

namespace {

constexpr std::string_view user_begin = R"({"user":")";
constexpr std::string_view password_begin = R"(","password":")";
constexpr std::string_view login_end = R"("})";
constexpr std::string_view anchors_begin = R"({"anchors":[)";
constexpr std::string_view anchors_end = "]}";
constexpr std::size_t fingerprint_digits = 64;

bool is_word(std::string_view text) {
    return !text.empty() && text.size() <= max_login_word && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    });
}

bool is_fingerprint(std::string_view text) {
    return text.size() == fingerprint_digits && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}

// What stands between `begin` and `end`, if the text begins and ends with them.
bool strip(std::string_view& text, std::string_view begin, std::string_view end) {
    if (text.size() < begin.size() + end.size() || !text.starts_with(begin) || !text.ends_with(end)) return false;
    text = text.substr(begin.size(), text.size() - begin.size() - end.size());
    return true;
}

}  // namespace

Secret format_device_login(const DeviceLogin& login) {
    RINGFENCE_ASSERT(is_word(login.user) && is_word(login.password.reveal()));
    std::string text;
    text.reserve(max_device_login);  // no copy is left behind where it grows, nor by a formatter
    for (const std::string_view part :
         {user_begin, std::string_view(login.user), password_begin, login.password.reveal(), login_end})
        text += part;
    return Secret(std::move(text));
}

Result<DeviceLogin> parse_device_login(std::string_view text) {
    const auto malformed = [] { return fail(FaultCode::malformed, "the server's answer is no login"); };
    if (!strip(text, user_begin, login_end)) return malformed();
    const auto middle = text.find(password_begin);
    if (middle == std::string_view::npos) return malformed();
    const auto user = text.substr(0, middle);
    const auto password = text.substr(middle + password_begin.size());
    if (!is_word(user) || !is_word(password)) return malformed();
    return DeviceLogin{std::string(user), Secret(std::string(password))};
}

std::string format_held_anchors(const std::vector<std::string>& anchors) {
    RINGFENCE_ASSERT(anchors.size() <= max_held_anchors && std::all_of(anchors.begin(), anchors.end(), is_fingerprint));
    std::string out(anchors_begin);
    for (const auto& anchor : anchors) out += fmt::format("{}\"{}\"", out.ends_with('[') ? "" : ",", anchor);
    return out + std::string(anchors_end);
}

Result<std::vector<std::string>> parse_held_anchors(std::string_view text) {
    const auto malformed = [] {
        return fail(FaultCode::malformed, "the phone's roots are not listed as they must be");
    };
    std::vector<std::string> anchors;
    if (!strip(text, anchors_begin, anchors_end)) return malformed();
    if (text.empty()) return anchors;
    for (auto word : split(text, ',')) {
        if (!strip(word, "\"", "\"") || !is_fingerprint(word) || anchors.size() == max_held_anchors) return malformed();
        anchors.emplace_back(word);
    }
    return anchors;
}

}  // namespace ringfence::protocol
