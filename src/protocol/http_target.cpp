#include "protocol/http_target.h"

#include <algorithm>

#include "base/text.h"

namespace ringfence::protocol {

namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

bool is_raw_path_char(char c) { return c > ' ' && c <= '~' && c != '\\' && c != '#'; }

// The authority of "http://host/path", which is then cut off `target`; empty when there is none.
std::string_view take_authority(std::string_view& target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!equals_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
        const auto rest = target.substr(scheme.size());
        const auto end = std::min(rest.find_first_of("/?"), rest.size());
        if (end == 0) return {};
        target = rest.substr(end);
        return rest.substr(0, end);
    }
    return {};
}

}  // namespace

HttpTarget parse_http_target(std::string_view target) {
    HttpTarget result;
    result.authority = take_authority(target);
    target = target.substr(0, target.find('?'));
    if (target.empty() && !result.authority.empty()) target = "/";

    const bool is_path = !target.empty() && target.front() == '/';
    const auto decoded = percent_decode(target);
    // An encoded slash would make one name from two; nothing of ours has a slash inside a name.
    const bool hides_slash = to_lower(target).find("%2f") != std::string::npos;
    if (!is_path || hides_slash || !std::all_of(target.begin(), target.end(), is_raw_path_char) || !decoded ||
        std::any_of(decoded->begin(), decoded->end(), is_control) || decoded->find('\\') != std::string::npos) {
        result.is_malformed = true;
        result.path = target;
        // "1230SIP.cfg" without a slash must not be taken for the file; an empty segment is refused.
        if (target.substr(0, 1) != "/") result.path.insert(0, "//");
        return result;
    }
    result.path = decoded->substr(1);
    return result;
}

}  // namespace ringfence::protocol
