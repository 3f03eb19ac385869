// The network door: logins for it, switches, where devices were let in, and the journal.
#include "registry/network.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "registry/parts.h"

namespace ringfence::registry {

namespace {

// What a RADIUS attribute can hold (RFC 2865 section 5); what a switch says is kept as it says it.
constexpr std::size_t max_attribute = 253;

constexpr std::size_t lookup_password_bytes = 16;

constexpr char select_login[] = "SELECT identity, mac, password, kind, is_provisioning_login FROM network_logins";
constexpr auto by_identity = join_sql(select_login, " WHERE identity = ?");
constexpr auto by_device = join_sql(select_login, " WHERE mac = ?");

constexpr char select_switch[] = "SELECT name, network, secret, change, port FROM switches";
constexpr auto switch_by_name = join_sql(select_switch, " WHERE name = ?");
constexpr auto switches_by_name = join_sql(select_switch, " ORDER BY name");

constexpr char select_port[] =
    "SELECT mac, switch, port, switch_name, port_number, hardware, identity, proof, segment, since, last,"
    " told_address FROM device_ports";
constexpr auto ports_of_device = join_sql(select_port, " WHERE mac = ? ORDER BY last DESC, since DESC");

Result<NetworkLogin> read_login(const Registry::Parts& parts, const Statement& row) {
    auto device = row.mac(1);
    if (!device) return fail(std::move(device.error()));
    NetworkLogin out{.identity = std::string(row.text(0)), .device = *device};
    auto password = parts.open_sealed(row.blob(2), {"network-login", out.identity, device->bare_upper()});
    if (!password) return fail(std::move(password.error()).within("the network login of " + device->colons()));
    out.password = std::move(*password);
    out.kind = static_cast<LoginKind>(row.integer(3));
    out.is_provisioning_login = row.integer(4) != 0;
    return out;
}

// Which switch stands for which addresses.
struct Place {
    std::string name;
    Network network;
};

Result<Place> read_place(const Statement& row) {
    auto network = Network::parse(row.text(1));
    if (!network) return fail(FaultCode::corrupt, "A switch has no readable network.");
    return Place{std::string(row.text(0)), *network};
}

Result<Switch> read_switch(const Registry::Parts& parts, const Statement& row) {
    auto place = read_place(row);
    if (!place) return fail(std::move(place.error()));
    Switch out{.name = std::move(place->name), .network = place->network};
    auto secret = parts.open_sealed(row.blob(2), {"switch", out.name});
    if (!secret) return fail(std::move(secret.error()).within("the switch " + out.name));
    out.secret = std::move(*secret);
    out.change = static_cast<PortChange>(row.integer(3));
    out.port = static_cast<std::uint16_t>(row.integer(4));
    return out;
}

Result<DevicePort> read_port(const Statement& row) {
    auto device = row.mac(0);
    if (!device) return fail(std::move(device.error()));
    auto address = IpAddress::parse(row.text(1));
    if (!address) return fail(FaultCode::corrupt, "A device's switch has no readable address.");
    DevicePort out{.device = *device, .switch_address = *address};
    out.port = row.text(2);
    out.switch_name = row.text(3);
    out.port_number = static_cast<std::uint32_t>(row.integer(4));
    out.hardware = row.text(5);
    out.identity = row.text(6);
    out.proof = static_cast<trust::NetworkProof>(row.integer(7));
    out.segment = static_cast<trust::Segment>(row.integer(8));
    out.since = row.time(9);
    out.last = row.time(10);
    if (row.is_null(11)) return out;
    const auto told = IpAddress::parse(row.text(11));
    if (!told) return fail(FaultCode::corrupt, "A device's switch has no readable address of its own.");
    out.told_address = *told;
    return out;
}

// What says nothing outside of a tunnel (RFC 7542 section 2.4).
constexpr std::string_view anonymous = "anonymous";

// A MAC names its device to whoever shows a certificate; as another's login it would shut that one out.
Status check_identity(const NetworkLogin& login) {
    auto named = check_name("A network login's identity", login.identity);
    if (!named) return named;
    const auto mac = MacAddress::parse(login.identity);
    if (mac && *mac != login.device)
        return fail(FaultCode::conflict, "The identity " + login.identity + " is another device's MAC.");
    if (login.identity == anonymous) return fail(FaultCode::malformed, "The identity anonymous names nobody.");
    return {};
}

bool is_same_place(const DevicePort& a, const DevicePort& b) {
    return a.switch_address == b.switch_address && a.port == b.port;
}

// But for the times.
bool says_the_same(DevicePort known, const DevicePort& now) {
    known.since = now.since;
    known.last = now.last;
    return known == now;
}

bool is_recent(const DevicePort& known, WallTime now, Duration time) {
    return known.last <= now && now - known.last < time;
}

bool is_known(const std::vector<DevicePort>& known, const DevicePort& port, WallTime now) {
    return !known.empty() && says_the_same(known.front(), port) && is_recent(known.front(), now, port_note_interval);
}

// Of a port that was just written down; `known` is what was there before, newest first.
NotedPort judge_move(const std::vector<DevicePort>& known, const DevicePort& port, WallTime now) {
    if (known.empty() || is_same_place(known.front(), port)) return {.is_new = true};
    const auto back =
        std::find_if(known.begin(), known.end(), [&](const DevicePort& place) { return is_same_place(place, port); });
    const bool takes_turns = back != known.end() && is_recent(*back, now, two_ports_time);
    return {.is_new = true, .move = takes_turns ? Move::two_ports : Move::other_port, .before = known.front()};
}

Status store_port(Database& database, const DevicePort& port) {
    auto stored = database.run(
        "INSERT INTO device_ports(mac, switch, port, switch_name, port_number, hardware, identity, proof, segment,"
        " since, last, told_address) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11) ON CONFLICT DO UPDATE"
        " SET switch_name = ?4, port_number = ?5, hardware = ?6, identity = ?7, proof = ?8, segment = ?9, last = ?10,"
        " told_address = ?11",
        port.device, port.switch_address.to_string(), port.port, port.switch_name, port.port_number, port.hardware,
        port.identity, static_cast<int>(port.proof), static_cast<int>(port.segment), port.last,
        port.told_address ? std::optional(port.told_address->to_string()) : std::nullopt);
    if (!stored) return stored;
    return database.run(
        "DELETE FROM device_ports WHERE mac = ?1 AND last < (SELECT min(last) FROM (SELECT last FROM device_ports"
        " WHERE mac = ?1 ORDER BY last DESC LIMIT ?2))",
        port.device, static_cast<std::int64_t>(max_ports));
}

void cut_attributes(DevicePort& port) {
    for (std::string* text : {&port.port, &port.switch_name, &port.hardware, &port.identity})
        if (text->size() > max_attribute) text->resize(max_attribute);
}

}  // namespace

// ---- Logins

Result<std::optional<NetworkLogin>> Registry::find_network_login(std::string_view identity) {
    return find_row(parts_->database->statement(by_identity.data(), identity),
                    [this](const Statement& row) { return read_login(*parts_, row); });
}

Result<std::optional<NetworkLogin>> Registry::find_network_login_of(const MacAddress& mac) {
    return find_row(parts_->database->statement(by_device.data(), mac),
                    [this](const Statement& row) { return read_login(*parts_, row); });
}

Status Registry::store_network_login(const NetworkLogin& login) {
    RINGFENCE_ASSERT(!login.password.empty());
    auto named = check_identity(login);
    if (!named) return named;
    return in_transaction(*parts_->database, [&]() -> Status {
        auto known = parts_->require_device(login.device);
        if (!known) return known;
        auto removed = parts_->database->run("DELETE FROM network_logins WHERE mac = ?", login.device);
        if (!removed) return removed;
        const std::string password =
            parts_->seal(login.password, {"network-login", login.identity, login.device.bare_upper()});
        auto stored = parts_->database->run(
            "INSERT INTO network_logins(identity, mac, password, kind, is_provisioning_login) VALUES(?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            login.identity, login.device, Blob{password}, static_cast<int>(login.kind), login.is_provisioning_login);
        if (!stored) return stored;
        if (parts_->database->changed_rows() == 0)
            return fail(FaultCode::conflict, "The identity " + login.identity + " belongs to another device.");
        return {};
    });
}

Status Registry::remove_network_login(const MacAddress& mac) {
    auto removed = parts_->database->run("DELETE FROM network_logins WHERE mac = ?", mac);
    if (removed && parts_->database->changed_rows() == 0)
        return fail(FaultCode::not_found, "Device " + mac.colons() + " has no network login.");
    return removed;
}

// ---- Switches

Status Registry::add_switch(const Switch& added) {
    RINGFENCE_ASSERT(!added.secret.empty());
    auto named = check_name("A switch's name", added.name);
    if (!named) return named;
    return in_transaction(*parts_->database, [&]() -> Status {
        auto count = parts_->database->number("SELECT count(*) FROM switches");
        if (!count) return fail(std::move(count.error()));
        if (*count >= static_cast<std::int64_t>(max_switches))
            return fail(FaultCode::too_large, fmt::format("There may be at most {} switches.", max_switches));
        const std::string secret = parts_->seal(added.secret, {"switch", added.name});
        auto stored = parts_->database->run(
            "INSERT INTO switches(name, network, secret, change, port) VALUES(?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            added.name, added.network.to_string(), Blob{secret}, static_cast<int>(added.change),
            static_cast<int>(added.port));
        if (!stored) return stored;
        if (parts_->database->changed_rows() == 0)
            return fail(FaultCode::conflict, fmt::format("There is a switch {} or one with the network {} already.",
                                                         added.name, added.network.to_string()));
        return {};
    });
}

Status Registry::remove_switch(std::string_view name) {
    auto removed = parts_->database->run("DELETE FROM switches WHERE name = ?", name);
    if (removed && parts_->database->changed_rows() == 0)
        return fail(FaultCode::not_found, "There is no switch " + printable(name, max_name_length) + ".");
    return removed;
}

Status Registry::list_switches(const std::function<bool(const Switch&)>& each) {
    return list_rows(
        parts_->database->statement(switches_by_name.data()),
        [this](const Statement& row) { return read_switch(*parts_, row); }, each);
}

Result<std::optional<Switch>> Registry::find_switch(const IpAddress& address) {
    // Only the one that is found has its secret opened.
    std::optional<Place> best;
    auto listed = list_rows(
        parts_->database->statement("SELECT name, network FROM switches"), read_place, [&](const Place& known) {
            const bool is_closer = !best || known.network.prefix_length() > best->network.prefix_length();
            if (known.network.contains(address) && is_closer) best = known;
            return true;
        });
    if (!listed) return fail(std::move(listed.error()));
    if (!best) return std::optional<Switch>();
    return find_row(parts_->database->statement(switch_by_name.data(), best->name),
                    [this](const Statement& row) { return read_switch(*parts_, row); });
}

// ---- RADIUS servers on this machine

Result<Secret> Registry::lookup_password(Random& random) {
    const auto find = [&]() -> Result<std::optional<Secret>> {
        return find_row(parts_->database->statement("SELECT lookup_password FROM state WHERE lookup_password NOT NULL"),
                        [this](const Statement& row) { return parts_->open_sealed(row.blob(0), {"lookup-password"}); });
    };
    auto known = find();
    if (!known) return fail(std::move(known.error()));
    if (*known) return std::move(**known);
    return in_transaction(*parts_->database, [&]() -> Result<Secret> {
        auto made = find();  // by another process, meanwhile
        if (!made) return fail(std::move(made.error()));
        if (*made) return std::move(**made);
        Secret password(to_hex(random.bytes(lookup_password_bytes)));
        const std::string sealed = parts_->seal(password, {"lookup-password"});
        auto stored = parts_->database->run("UPDATE state SET lookup_password = ?", Blob{sealed});
        if (!stored) return fail(std::move(stored.error()));
        return password;
    });
}

// ---- Where devices are

Result<std::vector<DevicePort>> Registry::ports_of(const MacAddress& mac) {
    std::vector<DevicePort> out;
    auto listed = list_rows(parts_->database->statement(ports_of_device.data(), mac), read_port, [&](DevicePort& port) {
        out.push_back(std::move(port));
        return out.size() < max_ports;
    });
    if (!listed) return fail(std::move(listed.error()));
    return out;
}

Result<bool> Registry::is_noted(DevicePort port, WallTime now) {
    cut_attributes(port);
    const auto known = ports_of(port.device);
    if (!known) return fail(known.error());
    return is_known(*known, port, now);
}

Result<NotedPort> Registry::note_port(DevicePort port, WallTime now) {
    cut_attributes(port);
    port.last = now;
    const auto known = ports_of(port.device);
    if (!known) return fail(known.error());
    if (is_known(*known, port, now)) return NotedPort{};
    parts_->snapshot.reset();
    const LightWrites light(*parts_->database, Duration::zero());
    auto noted = in_transaction(*parts_->database, [&]() { return store_port(*parts_->database, port); });
    if (!noted && noted.error().code == FaultCode::unavailable) return NotedPort{};
    if (!noted) return fail(std::move(noted.error()));
    return judge_move(*known, port, now);
}

Status Registry::forget_port(const DevicePort& port) {
    return parts_->database->run("DELETE FROM device_ports WHERE mac = ? AND switch = ? AND port = ?", port.device,
                                 port.switch_address.to_string(), port.port);
}

Result<std::vector<MacAddress>> Registry::devices_let_in_since(WallTime since, const std::optional<MacAddress>& after,
                                                               std::size_t limit) {
    std::vector<MacAddress> out;
    auto listed = list_rows(
        parts_->database->statement("SELECT DISTINCT mac FROM device_ports WHERE mac > ? AND last >= ? ORDER BY mac"
                                    " LIMIT ?",
                                    after ? after->bare_upper() : std::string(), since,
                                    static_cast<std::int64_t>(limit)),
        [](const Statement& row) { return row.mac(0); },
        [&](const MacAddress& mac) {
            out.push_back(mac);
            return true;
        });
    if (!listed) return fail(std::move(listed.error()));
    return out;
}

// ---- The journal

Result<JournalPage> Registry::read_journal(std::int64_t after, std::size_t limit) {
    JournalPage out;
    auto numbers = parts_->database->statement(
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'network_journal'), 0),"
        " coalesce(min(id), 0) FROM network_journal");
    auto there = numbers.step();
    if (!there) return fail(std::move(there.error()));
    out.last = numbers.integer(0);
    const std::int64_t first = numbers.integer(1);
    out.is_complete = after >= first - 1 && after <= out.last;
    auto listed = list_rows(
        parts_->database->statement("SELECT id, mac FROM network_journal WHERE id > ? ORDER BY id LIMIT ?", after,
                                    static_cast<std::int64_t>(std::min(limit, max_journal_page))),
        [](const Statement& row) -> Result<JournalEntry> {
            auto mac = row.optional_mac(1);
            if (!mac) return fail(std::move(mac.error()));
            return JournalEntry{row.integer(0), *mac};
        },
        [&](const JournalEntry& entry) {
            out.entries.push_back(entry);
            return true;
        });
    if (!listed) return fail(std::move(listed.error()));
    return out;
}

}  // namespace ringfence::registry
