#include "app/server/login.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "crypto/hash.h"

namespace ringfence::app {

namespace {

using registry::LoginKind;

constexpr std::string_view digits = "0123456789";
constexpr std::string_view lower_and_digits = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t keypad_user_length = 8;
constexpr std::size_t keypad_password_length = 12;
constexpr std::size_t random_user_length = 10;
constexpr std::size_t random_password_length = 26;  // 130 bits
constexpr int user_tries = 20;                      // a clash is one in ten thousand with 10,000 keypad users

Result<std::string> make_user(char mark, LoginKind kind, registry::Registry& registry, Random& random) {
    for (int i = 0; i < user_tries; ++i) {
        std::string user = kind == LoginKind::keypad ? make_keypad_user(random)
                                                     : mark + random.text(random_user_length, lower_and_digits);
        const auto taken = registry.find_login(user);
        if (!taken) return fail(taken.error());
        if (!*taken) return user;
    }
    return fail(FaultCode::conflict, "no free user name was found; remove devices that are gone, or try again");
}

void seal_into(registry::Login& login, const std::string& realm, const Secret& password) {
    std::string a1 = fmt::format("{}:{}:{}", login.user, realm, password.reveal());
    login.ha1_md5 = Secret(to_hex(crypto::md5(a1)));
    login.ha1_sha256 = Secret(to_hex(crypto::sha256(a1)));
    wipe(a1);
}

}  // namespace

std::string make_keypad_user(Random& random) { return random.text(keypad_user_length, digits); }

Secret make_password(LoginKind kind, Random& random) {
    if (kind == LoginKind::keypad) return Secret(random.text(keypad_password_length, digits));
    return Secret(random.text(random_password_length, crockford));
}

Status check_given_password(const Secret& password, LoginKind kind) {
    const std::string_view text = password.reveal();
    const std::size_t least = kind == LoginKind::random ? min_random_password : min_keypad_password;
    if (text.size() < least || text.size() > max_password_length)
        return fail(FaultCode::malformed,
                    fmt::format("the password must have {} to {} characters", least, max_password_length));
    const bool typeable = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '#'; });
    if (!typeable) return fail(FaultCode::malformed, "the password may hold printable ASCII only, no blank and no '#'");
    return {};
}

Result<MadeLogin> make_device_login(const MacAddress& mac, const LoginRequest& request, const std::string& realm,
                                    registry::Registry& registry, Random& random) {
    if (auto bound = registry.bind_realm(realm); !bound) return fail(bound.error());
    MadeLogin made;
    made.login.device = mac;
    made.login.kind = request.kind.value_or(request.password ? LoginKind::keypad : LoginKind::random);
    if (request.password) {
        if (auto fits = check_given_password(*request.password, made.login.kind); !fits) return fail(fits.error());
    }
    auto user = make_user('d', made.login.kind, registry, random);
    if (!user) return fail(std::move(user).error());
    made.login.user = std::move(*user);
    made.password = request.password ? *request.password : make_password(made.login.kind, random);
    seal_into(made.login, realm, made.password);
    return made;
}

Result<MadeLogin> make_site_login(const std::string& site, const std::string& realm, registry::Registry& registry,
                                  Random& random) {
    if (auto bound = registry.bind_realm(realm); !bound) return fail(bound.error());
    MadeLogin made;
    made.login.site = site;
    auto user = make_user('s', LoginKind::random, registry, random);
    if (!user) return fail(std::move(user).error());
    made.login.user = std::move(*user);
    made.password = make_password(LoginKind::random, random);
    seal_into(made.login, realm, made.password);
    return made;
}

}  // namespace ringfence::app
