// Logins of devices and sites.
#include <fmt/format.h>

#include "base/text.h"
#include "registry/parts.h"

namespace ringfence::registry {

namespace {

constexpr std::size_t md5_digits = 32;
constexpr std::size_t sha256_digits = 64;

std::string owner_of(const Login& login) { return login.device ? login.device->bare_upper() : "site " + login.site; }

Status check_login(const Login& login) {
    RINGFENCE_ASSERT(login.device.has_value() == login.site.empty());
    RINGFENCE_ASSERT(login.ha1_md5.reveal().size() == md5_digits && login.ha1_sha256.reveal().size() == sha256_digits);
    auto named = check_name("A login's user name", login.user);
    if (!named) return named;
    if (login.user.find(':') != std::string::npos)
        return fail(FaultCode::malformed,
                    "A login's user name must not hold a colon, because HTTP parts it from the password there.");
    return {};
}

// One user name is one login's, present or next.
Status require_free_user(Database& database, const std::string& user) {
    auto taken = database.exists(
        "SELECT 1 FROM logins WHERE user = ?1 UNION ALL SELECT 1 FROM next_logins WHERE user = ?1", user);
    if (!taken) return fail(std::move(taken.error()));
    if (*taken) return fail(FaultCode::conflict, "The user name " + user + " belongs to another login.");
    return {};
}

Status remove_logins_of(Database& database, const MacAddress& mac) {
    auto next = database.run("DELETE FROM next_logins WHERE mac = ?", mac);
    return next ? database.run("DELETE FROM logins WHERE mac = ?", mac) : next;
}

std::string seal_hashes(const Registry::Parts& parts, const Login& login) {
    std::string both(login.ha1_md5.reveal());
    both += login.ha1_sha256.reveal();
    return parts.seal(Secret(std::move(both)), {"login", login.user, owner_of(login)});
}

}  // namespace

Result<std::optional<Login>> Registry::find_login(std::string_view user) {
    auto row = parts_->database->statement(
        "SELECT mac, site, kind, hashes, 0 FROM logins WHERE user = ?1"
        " UNION ALL SELECT mac, NULL, kind, hashes, 1 FROM next_logins WHERE user = ?1",
        user);
    auto there = row.step();
    if (!there) return fail(std::move(there.error()));
    if (!*there) return std::optional<Login>();
    auto device = row.optional_mac(0);
    if (!device) return fail(std::move(device.error()));
    Login login;
    login.user = user;
    login.device = *device;
    login.site = row.text(1);
    login.kind = static_cast<LoginKind>(row.integer(2));
    login.is_next = row.integer(4) != 0;
    auto hashes = parts_->open_sealed(row.blob(3), {"login", user, owner_of(login)});
    if (!hashes) return fail(std::move(hashes.error()).within("the login of user " + login.user));
    if (hashes->reveal().size() != md5_digits + sha256_digits)
        return fail(FaultCode::corrupt, "The login of user " + login.user + " is damaged; give it a new password.");
    login.ha1_md5 = Secret(std::string(hashes->reveal().substr(0, md5_digits)));
    login.ha1_sha256 = Secret(std::string(hashes->reveal().substr(md5_digits)));
    return std::optional<Login>(std::move(login));
}

Status Registry::bind_realm(std::string_view realm) {
    const auto differs = [&]() -> Result<bool> {
        return parts_->database->exists("SELECT 1 FROM state WHERE realm IS NOT ?", realm);
    };
    auto changed = differs();
    if (!changed) return fail(std::move(changed.error()));
    if (!*changed) return {};
    return in_transaction(*parts_->database, [&]() -> Status {
        auto row = parts_->database->statement(
            "SELECT realm FROM state WHERE realm IS NOT NULL AND realm <> ?"
            " AND (EXISTS(SELECT 1 FROM logins) OR EXISTS(SELECT 1 FROM next_logins))",
            realm);
        auto bound = row.step();
        if (!bound) return fail(std::move(bound.error()));
        if (*bound)
            return fail(
                FaultCode::conflict,
                fmt::format("The realm is \"{}\" in the settings, but the stored logins are bound to \"{}\" and "
                            "no phone could log in; put the old one back.",
                            printable(realm), printable(row.text(0))));
        return parts_->database->run("UPDATE state SET realm = ?", realm);
    });
}

Status Registry::store_login(const Login& login, const Secret& clear_password) {
    auto sound = check_login(login);
    if (!sound) return sound;
    RINGFENCE_ASSERT(clear_password.empty() || !login.device);
    return in_transaction(*parts_->database, [&]() -> Status {
        auto owner = login.device ? parts_->require_device(*login.device) : parts_->require_site(login.site);
        if (!owner) return owner;
        auto removed = login.device ? remove_logins_of(*parts_->database, *login.device)
                                    : parts_->database->run("DELETE FROM logins WHERE site = ?", login.site);
        if (!removed) return removed;
        auto is_free = require_free_user(*parts_->database, login.user);
        if (!is_free) return is_free;

        std::optional<std::string> password;
        if (!clear_password.empty()) password = parts_->seal(clear_password, {"site-password", login.site, login.user});
        const std::string hashes = seal_hashes(*parts_, login);
        auto stored = parts_->database->run(
            "INSERT INTO logins(user, mac, site, kind, hashes, password) VALUES(?, ?, ?, ?, ?, ?)", login.user,
            login.device, or_null(login.site), static_cast<int>(login.kind), Blob{hashes},
            password ? std::optional<Blob>(Blob{*password}) : std::nullopt);
        if (!stored) return stored;
        return login.device ? Status() : parts_->bump_generation();
    });
}

Status Registry::store_next_login(const Login& login) {
    RINGFENCE_ASSERT(login.device.has_value());
    auto sound = check_login(login);
    if (!sound) return sound;
    return in_transaction(*parts_->database, [&]() -> Status {
        auto in_service = parts_->require_in_service(*login.device);
        if (!in_service) return in_service;
        auto removed = parts_->database->run("DELETE FROM next_logins WHERE mac = ?", *login.device);
        if (!removed) return removed;
        auto is_free = require_free_user(*parts_->database, login.user);
        if (!is_free) return is_free;
        const std::string hashes = seal_hashes(*parts_, login);
        return parts_->database->run("INSERT INTO next_logins(user, mac, kind, hashes) VALUES(?, ?, ?, ?)", login.user,
                                     *login.device, static_cast<int>(login.kind), Blob{hashes});
    });
}

Status Registry::promote_login(std::string_view user) {
    end_snapshot();
    const LightWrites light(*parts_->database, Duration::zero());
    auto promoted = in_transaction(*parts_->database, [&]() -> Status {
        auto done =
            parts_->database->run("DELETE FROM logins WHERE mac = (SELECT mac FROM next_logins WHERE user = ?)", user);
        if (done)
            done = parts_->database->run(
                "INSERT INTO logins(user, mac, kind, hashes, handed_out) SELECT user, mac, kind, hashes, 1"
                " FROM next_logins WHERE user = ?",
                user);
        if (done) done = parts_->database->run("DELETE FROM next_logins WHERE user = ?", user);
        return done;
    });
    // While another writes, both hold; its next use promotes it.
    if (!promoted && promoted.error().code == FaultCode::unavailable) return {};
    return promoted;
}

Status drop_handed_out_login(Database& database, const MacAddress& mac) {
    auto dropped = database.run("DELETE FROM next_logins WHERE mac = ?", mac);
    return dropped ? database.run("DELETE FROM logins WHERE mac = ? AND handed_out", mac) : dropped;
}

Status Registry::remove_device_login(const MacAddress& mac) {
    return in_transaction(*parts_->database, [&]() -> Status {
        auto has_login = parts_->database->exists(
            "SELECT 1 FROM logins WHERE mac = ?1 UNION ALL SELECT 1 FROM next_logins WHERE mac = ?1", mac);
        if (!has_login) return fail(std::move(has_login.error()));
        if (!*has_login) return fail(FaultCode::not_found, "Device " + mac.colons() + " has no login.");
        return remove_logins_of(*parts_->database, mac);
    });
}

Status Registry::remove_site_login(std::string_view site) {
    return in_transaction(*parts_->database, [&]() -> Status {
        auto removed = parts_->database->run("DELETE FROM logins WHERE site = ?", site);
        if (!removed) return removed;
        if (parts_->database->changed_rows() == 0)
            return fail(FaultCode::not_found, "Site " + printable(site) + " has no login.");
        return parts_->bump_generation();
    });
}

}  // namespace ringfence::registry
