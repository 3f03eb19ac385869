// Logins for devices and sites: made here, shown once, kept as hashes.
#pragma once

#include <optional>
#include <string>

#include "base/mac_address.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "registry/records.h"
#include "registry/registry.h"

namespace ringfence::app {

struct MadeLogin {
    registry::Login login;
    Secret password;  // to be shown once
};

// A `random` login has 130 bits, in Crockford's base32; a `keypad` one is all digits: 8 for the user, 12 for the
// password. A given password counts as `keypad`, which throttles guessing, unless `random` is asked for. Faults:
// malformed for a given password that is too short or holds what cannot be typed on a set.
struct LoginRequest {
    std::optional<registry::LoginKind> kind{};
    std::optional<Secret> password{};
};
inline constexpr std::size_t max_password_length = 64;  // what a set's password field takes, generously
inline constexpr std::size_t min_keypad_password = 10;  // as docs/TRUST.md asks of typed logins
inline constexpr std::size_t min_random_password = 22;  // 128 bits at 6 bits a character

std::string make_keypad_user(Random& random);  // digits; may be taken
Secret make_password(registry::LoginKind kind, Random& random);
Status check_given_password(const Secret& password, registry::LoginKind kind);  // malformed

Result<MadeLogin> make_device_login(const MacAddress& mac, const LoginRequest& request, const std::string& realm,
                                    registry::Registry& registry, Random& random);
Result<MadeLogin> make_site_login(const std::string& site, const std::string& realm, registry::Registry& registry,
                                  Random& random);

}  // namespace ringfence::app
