#include "protocol/server_text.h"

#include "base/ip_address.h"
#include "base/text.h"

namespace ringfence::protocol {

namespace {

constexpr std::string_view unset_address = "0.0.0.0";

bool is_dotted_quad(std::string_view text) {
    return text.find(':') == std::string_view::npos && IpAddress::parse(text).has_value();
}

}  // namespace

Result<std::optional<Url>> parse_server(std::string_view text) {
    text = trim(text);
    if (text.empty()) return std::nullopt;
    if (text.find("://") != std::string_view::npos) {
        auto url = Url::parse(text);
        if (!url) return fail(std::move(url.error()));
        if (url->host == unset_address) return std::nullopt;
        return std::move(*url);
    }
    if (!is_dotted_quad(text))
        return fail(FaultCode::malformed,
                    "a provisioning server is an IPv4 address or a URL such as https://host/folder");
    if (text == unset_address) return std::nullopt;
    Url url;
    url.protocol = Protocol::tftp;
    url.host = text;
    return url;
}

}  // namespace ringfence::protocol
