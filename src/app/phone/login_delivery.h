// The login that a Ringfence server hands an enrolled phone over mutual TLS, kept as if it had been typed at the set.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "phone/curl_fetcher.h"
#include "phone/flash.h"

namespace ringfence::app {

struct LoginServer {
    std::string host;
    std::optional<std::uint16_t> port;  // empty: HTTPS's own
    unsigned profile = 1;               // whose certificate is shown
};

// The user name of the login that was stored; the server then knows which roots this phone holds. Faults: those of
// fetching (not_found: this server hands out none), malformed, and those of the flash.
Result<std::string> fetch_login(const LoginServer& server, const phone::CurlFetcher& fetcher, phone::Flash& flash);

}  // namespace ringfence::app
