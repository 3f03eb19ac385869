// A provisioning URL as a 1200-series set takes it: tftp, ftp, http or https, with optional login, port and path
// (RFC 3986; reference 1.4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace ringfence {

enum class Protocol { tftp, ftp, http, https };

std::string_view to_string(Protocol protocol);                  // "tftp" ...
std::optional<Protocol> parse_protocol(std::string_view name);  // any case
std::uint16_t standard_port(Protocol protocol);

struct Url {
    Protocol protocol = Protocol::tftp;
    std::string user;  // percent-decoded; empty: none
    Secret password;
    std::string host;  // name or address, without brackets
    std::optional<std::uint16_t> port;
    std::string path;  // without the leading '/', percent-decoded; may be empty

    static constexpr std::size_t max_length = 1024;
    static Result<Url> parse(std::string_view text);
    // Without the login: fit for reports and logs.
    std::string without_login() const;
};

}  // namespace ringfence
