// Devices and logins.
#include <fmt/format.h>

#include "base/text.h"
#include "registry/parts.h"

namespace ringfence::registry {

namespace {

// Often enough to see yesterday's HTTPS, seldom enough that a boot storm writes each device once.
constexpr Duration proof_interval = std::chrono::hours(1);
constexpr std::size_t max_unwritten_proofs = 10'000;

constexpr std::size_t md5_digits = 32;
constexpr std::size_t sha256_digits = 64;

// mac, model, site, requires_certificate, added, last_proved, user, kind, last_proved_legacy
Result<Device> read_device(const Statement& row) {
    auto mac = row.mac(0);
    if (!mac) return fail(std::move(mac.error()));
    Device device{.mac = *mac};
    device.model = row.text(1);
    device.site = row.text(2);
    device.requires_certificate = row.integer(3) != 0;
    device.added = row.time(4);
    device.last_proved = row.optional_time(5);
    device.user = row.text(6);
    device.login_kind = static_cast<LoginKind>(row.integer(7));
    device.last_proved_legacy = row.optional_time(8);
    return device;
}

Fault no_device(const MacAddress& mac) { return {FaultCode::not_found, "There is no device " + mac.colons() + "."}; }

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

}  // namespace

Status Registry::Parts::require_device(const MacAddress& mac) {
    auto there = database->exists("SELECT 1 FROM devices WHERE mac = ?", mac);
    if (!there) return fail(std::move(there.error()));
    if (!*there) return fail(no_device(mac));
    return {};
}

Result<std::optional<Device>> Registry::find_device(const MacAddress& mac) {
    auto row = parts_->database->statement(
        "SELECT d.mac, d.model, d.site, d.requires_certificate, d.added, d.last_proved, l.user, l.kind,"
        " d.last_proved_legacy"
        " FROM devices d LEFT JOIN logins l ON l.mac = d.mac WHERE d.mac = ?",
        mac);
    auto there = row.step();
    if (!there) return fail(std::move(there.error()));
    if (!*there) return std::optional<Device>();
    auto device = read_device(row);
    if (!device) return fail(std::move(device.error()));
    return std::optional<Device>(std::move(*device));
}

Result<std::optional<Login>> Registry::find_login(std::string_view user) {
    auto row = parts_->database->statement("SELECT mac, site, kind, hashes FROM logins WHERE user = ?", user);
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
    auto hashes = parts_->open_sealed(row.blob(3), {"login", user, owner_of(login)});
    if (!hashes) return fail(std::move(hashes.error()).within("the login of user " + login.user));
    if (hashes->reveal().size() != md5_digits + sha256_digits)
        return fail(FaultCode::corrupt, "The login of user " + login.user + " is damaged; give it a new password.");
    login.ha1_md5 = Secret(std::string(hashes->reveal().substr(0, md5_digits)));
    login.ha1_sha256 = Secret(std::string(hashes->reveal().substr(md5_digits)));
    return std::optional<Login>(std::move(login));
}

Status Registry::note_proved(const MacAddress& mac, trust::Wire wire, WallTime now) {
    const bool is_legacy = wire == trust::Wire::https_legacy;
    {
        auto row =
            parts_->database->statement("SELECT last_proved, last_proved_legacy FROM devices WHERE mac = ?", mac);
        auto there = row.step();
        if (!there) return fail(std::move(there.error()));
        if (!*there) return {};
        const auto last = row.optional_time(is_legacy ? 1 : 0);
        if (last && *last <= now && now - *last < proof_interval) return {};
    }
    // The path of a request does not wait for another writer.
    if (parts_->unwritten_proofs.size() < max_unwritten_proofs) {
        auto& proof = parts_->unwritten_proofs[mac];
        proof.last = now;
        if (is_legacy) proof.legacy = now;
    }
    return parts_->write_proofs();
}

Status Registry::Parts::write_proofs() {
    if (unwritten_proofs.empty()) return {};
    snapshot.reset();
    const LightWrites light(*database, Duration::zero());
    auto written = in_transaction(*database, [this]() -> Status {
        for (const auto& [mac, proof] : unwritten_proofs) {
            auto done = database->run(
                "UPDATE devices SET last_proved = ?, last_proved_legacy = coalesce(?, last_proved_legacy) WHERE mac = "
                "?",
                proof.last, proof.legacy, mac);
            if (!done) return done;
        }
        return {};
    });
    if (!written && written.error().code == FaultCode::unavailable) return {};
    unwritten_proofs.clear();
    return written;
}

Status Registry::add_device(const Device& device, const std::optional<Login>& login) {
    auto named = check_name("A device's model", device.model);
    if (!named) return named;
    return in_transaction(*parts_->database, [&]() -> Status {
        auto site = parts_->require_site(device.site);
        if (!site) return site;
        auto added = parts_->database->run(
            "INSERT INTO devices(mac, model, site, requires_certificate, added) VALUES(?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            device.mac, device.model, or_null(device.site), device.requires_certificate, parts_->clock.wall_now());
        if (!added) return added;
        if (parts_->database->changed_rows() == 0)
            return fail(FaultCode::conflict, "Device " + device.mac.colons() + " is there already.");
        if (!login) return {};
        RINGFENCE_ASSERT(login->device == device.mac);
        return store_login(*login);
    });
}

Status Registry::update_device(const Device& device) {
    auto named = check_name("A device's model", device.model);
    if (!named) return named;
    return in_transaction(*parts_->database, [&]() -> Status {
        auto site = parts_->require_site(device.site);
        if (!site) return site;
        auto updated =
            parts_->database->run("UPDATE devices SET model = ?, site = ?, requires_certificate = ? WHERE mac = ?",
                                  device.model, or_null(device.site), device.requires_certificate, device.mac);
        if (!updated) return updated;
        if (parts_->database->changed_rows() == 0) return fail(no_device(device.mac));
        return {};
    });
}

Status Registry::remove_device(const MacAddress& mac) {
    auto gone = in_transaction(*parts_->database, [&]() -> Status {
        // Or a certificate of today would open the files of whoever gets this MAC tomorrow.
        auto revoked = parts_->revoke(parts_->clock.wall_now(), mac);
        if (!revoked) return revoked;
        auto files = parts_->remove_files_of(mac);
        if (!files) return files;
        auto removed = parts_->database->run("DELETE FROM devices WHERE mac = ?", mac);
        if (!removed) return removed;
        if (parts_->database->changed_rows() == 0) return fail(no_device(mac));
        return {};
    });
    parts_->discard_released();
    return gone;
}

Status Registry::list_devices(const std::function<bool(const Device&)>& each) {
    auto row = parts_->database->statement(
        "SELECT d.mac, d.model, d.site, d.requires_certificate, d.added, d.last_proved, l.user, l.kind,"
        " d.last_proved_legacy"
        " FROM devices d LEFT JOIN logins l ON l.mac = d.mac ORDER BY d.mac");
    while (true) {
        auto there = row.step();
        if (!there) return fail(std::move(there.error()));
        if (!*there) return {};
        auto device = read_device(row);
        if (!device) return fail(std::move(device.error()));
        if (!each(*device)) return {};
    }
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
            "SELECT realm FROM state WHERE realm IS NOT NULL AND realm <> ? AND EXISTS(SELECT 1 FROM logins)", realm);
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
        auto removed = login.device ? parts_->database->run("DELETE FROM logins WHERE mac = ?", *login.device)
                                    : parts_->database->run("DELETE FROM logins WHERE site = ?", login.site);
        if (!removed) return removed;

        std::string both(login.ha1_md5.reveal());
        both += login.ha1_sha256.reveal();
        std::optional<std::string> password;
        if (!clear_password.empty()) password = parts_->seal(clear_password, {"site-password", login.site, login.user});
        const std::string hashes = parts_->seal(Secret(std::move(both)), {"login", login.user, owner_of(login)});
        auto stored = parts_->database->run(
            "INSERT INTO logins(user, mac, site, kind, hashes, password) VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO "
            "NOTHING",
            login.user, login.device, or_null(login.site), static_cast<int>(login.kind), Blob{hashes},
            password ? std::optional<Blob>(Blob{*password}) : std::nullopt);
        if (!stored) return stored;
        if (parts_->database->changed_rows() == 0)
            return fail(FaultCode::conflict, "The user name " + login.user + " belongs to another login.");
        return login.device ? Status() : parts_->bump_generation();
    });
}

Status Registry::remove_device_login(const MacAddress& mac) {
    auto removed = parts_->database->run("DELETE FROM logins WHERE mac = ?", mac);
    if (!removed) return removed;
    if (parts_->database->changed_rows() == 0)
        return fail(FaultCode::not_found, "Device " + mac.colons() + " has no login.");
    return {};
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
