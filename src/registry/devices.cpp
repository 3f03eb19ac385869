// Devices and their states.
#include <fmt/format.h>

#include "base/host_name.h"
#include "base/text.h"
#include "registry/device_state.h"
#include "registry/parts.h"

namespace ringfence::registry {

namespace {

// Often enough to see yesterday's HTTPS, seldom enough that a boot storm writes each device once.
constexpr Duration proof_interval = std::chrono::hours(1);
constexpr std::size_t max_unwritten_notes = 10'000;

// As read_device() reads it.
constexpr char select_device[] =
    "SELECT d.mac, d.model, d.site, d.requires_certificate, d.added, d.last_proved, l.user, l.kind,"
    " d.last_proved_legacy, d.serial, d.names, d.state, d.disabled FROM devices d LEFT JOIN logins l ON l.mac = d.mac";
constexpr auto by_mac = join_sql(select_device, " WHERE d.mac = ?");
constexpr auto all_of_them = join_sql(select_device, " ORDER BY d.mac");

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
    device.serial = row.text(9);
    if (!row.text(10).empty())
        for (const auto name : split(row.text(10), ' ')) device.names.emplace_back(name);
    device.state = static_cast<DeviceState>(row.integer(11));
    device.is_disabled = row.integer(12) != 0;
    return device;
}

Status check_device(const Device& device) {
    auto model = check_name("A device's model", device.model);
    if (!model) return model;
    auto serial = check_name("A device's serial number", device.serial, MayBeEmpty::yes);
    if (!serial) return serial;
    if (device.names.size() > max_device_names)
        return fail(FaultCode::too_large, fmt::format("A device may have at most {} names.", max_device_names));
    for (const auto& name : device.names)
        if (!is_host_name(name))
            return fail(FaultCode::malformed, printable(name) + " is not a DNS name, so no device can have it.");
    return {};
}

std::string join_names(const std::vector<std::string>& names) { return fmt::format("{}", fmt::join(names, " ")); }

Status store_state(Database& database, const MacAddress& mac, DeviceState state) {
    return database.run("UPDATE devices SET state = ? WHERE mac = ?", static_cast<int>(state), mac);
}

Fault no_device(const MacAddress& mac) { return {FaultCode::not_found, "There is no device " + mac.colons() + "."}; }

}  // namespace

Status Registry::Parts::require_device(const MacAddress& mac) {
    auto there = database->exists("SELECT 1 FROM devices WHERE mac = ?", mac);
    if (!there) return fail(std::move(there.error()));
    if (!*there) return fail(no_device(mac));
    return {};
}

Result<std::optional<Device>> Registry::find_device(const MacAddress& mac) {
    return find_row(parts_->database->statement(by_mac.data(), mac), read_device);
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
    return parts_->note(mac, {.proved = now, .proved_legacy = is_legacy ? std::optional(now) : std::nullopt});
}

Status Registry::note_state(const MacAddress& mac, DeviceState state) {
    auto present = parts_->find_state(mac);
    if (!present) return fail(std::move(present.error()));
    if (!*present || !is_step({**present, state})) return {};
    return parts_->note(mac, {.state = state});
}

// The path of a request does not wait for another writer.
Status Registry::Parts::note(const MacAddress& mac, const UnwrittenNote& note) {
    if (unwritten_notes.size() < max_unwritten_notes) {
        auto& kept = unwritten_notes[mac];
        if (note.proved) kept.proved = note.proved;
        if (note.proved_legacy) kept.proved_legacy = note.proved_legacy;
        if (note.state) kept.state = note.state;
    }
    return write_notes();
}

Status Registry::Parts::write_notes() {
    if (unwritten_notes.empty()) return {};
    snapshot.reset();
    const LightWrites light(*database, Duration::zero());
    auto written = in_transaction(*database, [this]() -> Status {
        for (const auto& [mac, note] : unwritten_notes) {
            auto done = database->run(
                "UPDATE devices SET last_proved = coalesce(?, last_proved),"
                " last_proved_legacy = coalesce(?, last_proved_legacy) WHERE mac = ?",
                note.proved, note.proved_legacy, mac);
            if (done && note.state) done = advance(mac, *note.state);
            if (!done) return done;
        }
        return {};
    });
    if (!written && written.error().code == FaultCode::unavailable) return {};
    unwritten_notes.clear();
    return written;
}

Result<std::optional<DeviceState>> Registry::Parts::find_state(const MacAddress& mac) {
    return find_row(
        database->statement("SELECT state FROM devices WHERE mac = ?", mac),
        [](const Statement& row) -> Result<DeviceState> { return static_cast<DeviceState>(row.integer(0)); });
}

Status Registry::Parts::require_in_service(const MacAddress& mac) {
    auto row = database->statement("SELECT state, disabled FROM devices WHERE mac = ?", mac);
    auto there = row.step();
    if (!there) return fail(std::move(there.error()));
    if (!*there) return fail(no_device(mac));
    if (static_cast<DeviceState>(row.integer(0)) == DeviceState::retired)
        return fail(FaultCode::forbidden, "Device " + mac.colons() + " is retired.");
    if (row.integer(1) != 0) return fail(FaultCode::forbidden, "Device " + mac.colons() + " is disabled.");
    return {};
}

Status Registry::Parts::advance(const MacAddress& mac, DeviceState state) {
    auto present = find_state(mac);
    if (!present) return fail(std::move(present.error()));
    if (!*present || !is_step({**present, state})) return {};
    return store_state(*database, mac, state);
}

Status Registry::set_device_state(const MacAddress& mac, DeviceState state) {
    return in_transaction(*parts_->database, [&]() -> Status {
        auto present = parts_->find_state(mac);
        if (!present) return fail(std::move(present.error()));
        if (!*present) return fail(no_device(mac));
        if (!is_step({**present, state}))
            return fail(FaultCode::conflict, fmt::format("Device {} is {}; it cannot become {}.", mac.colons(),
                                                         to_string(**present), to_string(state)));
        auto moved = store_state(*parts_->database, mac, state);
        if (!moved || state != DeviceState::retired) return moved;
        return parts_->retire(mac);
    });
}

Status Registry::Parts::retire(const MacAddress& mac) {
    auto revoked = revoke_all(mac, RevocationReason::cessation_of_operation);
    if (!revoked) return revoked;
    auto withdrawn = withdraw_pending(mac);
    if (!withdrawn) return fail(std::move(withdrawn.error()));
    return drop_handed_out_login(*database, mac);
}

Status Registry::add_device(const Device& device, const std::optional<Login>& login) {
    auto sound = check_device(device);
    if (!sound) return sound;
    return in_transaction(*parts_->database, [&]() -> Status {
        auto site = parts_->require_site(device.site);
        if (!site) return site;
        auto added = parts_->database->run(
            "INSERT INTO devices(mac, model, site, requires_certificate, added, serial, names)"
            " VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            device.mac, device.model, or_null(device.site), device.requires_certificate, parts_->clock.wall_now(),
            device.serial, join_names(device.names));
        if (!added) return added;
        if (parts_->database->changed_rows() == 0)
            return fail(FaultCode::conflict, "Device " + device.mac.colons() + " is there already.");
        if (!login) return {};
        RINGFENCE_ASSERT(login->device == device.mac);
        return store_login(*login);
    });
}

Status Registry::update_device(const Device& device) {
    auto sound = check_device(device);
    if (!sound) return sound;
    return in_transaction(*parts_->database, [&]() -> Status {
        auto site = parts_->require_site(device.site);
        if (!site) return site;
        auto updated = parts_->database->run(
            "UPDATE devices SET model = ?, site = ?, requires_certificate = ?, serial = ?, names = ? WHERE mac = ?",
            device.model, or_null(device.site), device.requires_certificate, device.serial, join_names(device.names),
            device.mac);
        if (!updated) return updated;
        if (parts_->database->changed_rows() == 0) return fail(no_device(device.mac));
        return {};
    });
}

Status Registry::set_disabled(const MacAddress& mac, Service service) {
    return in_transaction(*parts_->database, [&]() -> Status {
        auto updated =
            parts_->database->run("UPDATE devices SET disabled = ? WHERE mac = ?", service == Service::disabled, mac);
        if (updated && parts_->database->changed_rows() == 0) return fail(no_device(mac));
        return updated;
    });
}

Status Registry::remove_device(const MacAddress& mac) {
    auto gone = in_transaction(*parts_->database, [&]() -> Status {
        // Or a certificate of today would open the files of whoever gets this MAC tomorrow.
        auto revoked = parts_->revoke_all(mac, RevocationReason::cessation_of_operation);
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
    return list_rows(parts_->database->statement(all_of_them.data()), read_device, each);
}

}  // namespace ringfence::registry
