#include "base/url.h"

#include <array>

#include "base/text.h"

namespace ringfence {

namespace {

struct ProtocolFacts {
    Protocol protocol;
    std::string_view name;
    std::uint16_t port;
};

constexpr std::array<ProtocolFacts, 4> protocols = {{{Protocol::tftp, "tftp", 69},
                                                     {Protocol::ftp, "ftp", 21},
                                                     {Protocol::http, "http", 80},
                                                     {Protocol::https, "https", 443}}};

const ProtocolFacts& facts(Protocol protocol) { return protocols[static_cast<std::size_t>(protocol)]; }

// The sentence leaves the URL out: it may carry a password.
auto malformed(std::string_view why) { return fail(FaultCode::malformed, "bad provisioning URL: " + std::string(why)); }

bool is_host_character(char c) {
    return is_ascii_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '.' || c == '-' || c == '_';
}

}  // namespace

std::string_view to_string(Protocol protocol) { return facts(protocol).name; }
std::uint16_t standard_port(Protocol protocol) { return facts(protocol).port; }

std::optional<Protocol> parse_protocol(std::string_view name) {
    for (const auto& fact : protocols)
        if (equals_ignoring_case(fact.name, name)) return fact.protocol;
    return std::nullopt;
}

Result<Url> Url::parse(std::string_view text) {
    if (text.size() > max_length) return fail(FaultCode::too_large, "provisioning URL is longer than 1024 characters");
    const auto scheme_end = text.find("://");
    if (scheme_end == std::string_view::npos) return malformed("no scheme such as https://");
    const auto protocol = parse_protocol(text.substr(0, scheme_end));
    if (!protocol) return malformed("scheme is none of tftp, ftp, http, https");
    Url url;
    url.protocol = *protocol;
    text.remove_prefix(scheme_end + 3);

    const auto slash = text.find('/');
    std::string_view authority = text.substr(0, slash);
    if (slash != std::string_view::npos) {
        auto path = percent_decode(text.substr(slash + 1));
        if (!path) return malformed("path is not percent-encoded rightly");
        url.path = std::move(*path);
    }

    const auto at = authority.rfind('@');
    if (at != std::string_view::npos) {
        const std::string_view login = authority.substr(0, at);
        const auto colon = login.find(':');
        auto user = percent_decode(login.substr(0, colon));
        if (!user) return malformed("user name is not percent-encoded rightly");
        url.user = std::move(*user);
        if (colon != std::string_view::npos) {
            auto password = percent_decode(login.substr(colon + 1));
            if (!password) return malformed("password is not percent-encoded rightly");
            url.password = Secret(std::move(*password));
        }
        authority.remove_prefix(at + 1);
    }

    std::string_view port;
    if (!authority.empty() && authority.front() == '[') {
        const auto close = authority.find(']');
        if (close == std::string_view::npos) return malformed("'[' without ']'");
        url.host = authority.substr(1, close - 1);
        for (const char c : url.host)
            if (!is_hex_digit(c) && c != ':' && c != '.') return malformed("no IPv6 address between '[' and ']'");
        authority.remove_prefix(close + 1);
        if (!authority.empty() && authority.front() != ':') return malformed("text behind ']'");
        port = authority.empty() ? authority : authority.substr(1);
    } else {
        const auto colon = authority.find(':');
        url.host = authority.substr(0, colon);
        for (const char c : url.host)
            if (!is_host_character(c)) return malformed("host holds a character that no name has");
        if (colon != std::string_view::npos) port = authority.substr(colon + 1);
    }
    if (url.host.empty()) return malformed("no host");
    if (!port.empty()) {
        const auto number = parse_number(port);
        if (!number || *number == 0 || *number > 65535) return malformed("port is not between 1 and 65535");
        url.port = static_cast<std::uint16_t>(*number);
    }
    return url;
}

std::string Url::without_login() const {
    std::string out(ringfence::to_string(protocol));
    out += "://";
    out += host.find(':') == std::string::npos ? host : "[" + host + "]";
    if (port) out += ":" + std::to_string(*port);
    return out + "/" + path;
}

}  // namespace ringfence
