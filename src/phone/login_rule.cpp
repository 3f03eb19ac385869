#include "phone/login_rule.h"

#include "base/text.h"

namespace ringfence::phone {

bool is_same_server(const Url& server, Protocol protocol, std::string_view host) {
    return protocol == server.protocol && equals_ignoring_case(host, server.host);
}

std::optional<Login> choose_login(const LoginSources& sources, const FetchOrder& order,
                                  const phonefile::Section* section) {
    if (order.protocol == Protocol::tftp) return std::nullopt;
    const bool is_https = order.protocol == Protocol::https;
    if (is_https && sources.prefers_device && sources.device) return sources.device;
    if (section != nullptr && !section->user_name.empty()) return Login{section->user_name, section->password};
    if (is_same_server(sources.server, order.protocol, order.host) && !sources.server.user.empty())
        return Login{sources.server.user, sources.server.password};
    if (is_https) return sources.device;
    return anonymous_login(order.protocol);
}

std::optional<Login> anonymous_login(Protocol protocol) {
    if (protocol != Protocol::ftp) return std::nullopt;
    return Login{"anonymous", Secret()};
}

}  // namespace ringfence::phone
