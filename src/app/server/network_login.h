// A device's login for the network door: made here, shown once or by an audited --reveal, kept sealed.
#pragma once

#include <optional>
#include <string>

#include "app/server/login.h"
#include "base/random.h"
#include "base/result.h"
#include "registry/registry.h"

namespace ringfence::app {

struct NetworkLoginRequest {
    std::optional<registry::LoginKind> kind{};  // random unless a password is given, which counts as keypad
    std::optional<Secret> password{};           // as LoginRequest's
    std::optional<std::string> identity{};      // default: digits for keypad, else the MAC, as certificates have it
};

// Makes it and stores nothing. Faults: malformed for a password that is too short or cannot be typed.
Result<registry::NetworkLogin> make_network_login(const MacAddress& mac, const NetworkLoginRequest& request,
                                                  Random& random);
// The one of a set that has one field for both.
registry::NetworkLogin as_network_login(const MadeLogin& made);

}  // namespace ringfence::app
