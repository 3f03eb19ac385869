#include "app/server/network_login.h"

namespace ringfence::app {

using registry::LoginKind;
using registry::NetworkLogin;

Result<NetworkLogin> make_network_login(const MacAddress& mac, const NetworkLoginRequest& request, Random& random) {
    NetworkLogin out{.identity = request.identity.value_or(mac.bare_upper()), .device = mac};
    out.kind = request.kind.value_or(request.password ? LoginKind::keypad : LoginKind::random);
    if (request.password) {
        if (auto fits = check_given_password(*request.password, out.kind); !fits) return fail(std::move(fits).error());
    }
    out.password = request.password ? *request.password : make_password(out.kind, random);
    if (!request.identity && out.kind == LoginKind::keypad) out.identity = make_keypad_user(random);
    return out;
}

NetworkLogin as_network_login(const MadeLogin& made) {
    NetworkLogin out{.identity = made.login.user, .device = *made.login.device};
    out.password = made.password;
    out.kind = made.login.kind;
    out.is_provisioning_login = true;
    return out;
}

}  // namespace ringfence::app
