#include "registry/parts.h"

namespace ringfence::registry {

namespace {

Result<Network> read_network(std::string_view text) {
    auto network = Network::parse(text);
    if (!network) return fail(FaultCode::corrupt, "The registry holds a network that is none.");
    return network;
}

Status load_sites(Registry::Parts& parts, Catalogue& out) {
    std::map<std::string, std::size_t, std::less<>> place;
    auto rows = parts.database->statement(
        "SELECT s.name, s.server, s.legacy_server, l.user, l.password FROM sites s LEFT JOIN logins l ON l.site = "
        "s.name"
        " ORDER BY s.name");
    auto read = Database::each_row(std::move(rows), [&](const Statement& row) -> Status {
        Site site;
        site.name = row.text(0);
        site.server = row.text(1);
        site.legacy_server = row.text(2);
        site.login_user = row.text(3);
        if (!row.is_null(4)) {
            auto password = parts.open_sealed(row.blob(4), {"site-password", site.name, site.login_user});
            if (!password) return fail(std::move(password.error()).within("the login of site " + site.name));
            site.login_password = std::move(*password);
        }
        place.emplace(site.name, out.sites.size());
        out.sites.push_back(std::move(site));
        return {};
    });
    if (!read) return read;
    auto networks = parts.database->statement("SELECT site, network FROM site_networks ORDER BY site, network");
    return Database::each_row(std::move(networks), [&](const Statement& row) -> Status {
        auto network = read_network(row.text(1));
        if (!network) return fail(std::move(network.error()));
        const auto site = place.find(row.text(0));
        if (site == place.end()) return fail(FaultCode::corrupt, "The registry holds a network of no site.");
        out.sites[site->second].networks.push_back(*network);
        return {};
    });
}

Status load_files(Registry::Parts& parts, Catalogue& out) {
    auto rows = parts.database->statement(
        "SELECT path, section, model, site, content_class, owner, manifest_with_login, sha256, size, version, put_at"
        " FROM files ORDER BY path, site = '', model = '', site, model");
    return Database::each_row(std::move(rows), [&](const Statement& row) -> Status {
        FileRecord file;
        file.path = row.text(0);
        file.section = row.text(1);
        file.model = row.text(2);
        file.site = row.text(3);
        file.content_class = static_cast<trust::ContentClass>(row.integer(4));
        auto owner = row.optional_mac(5);
        if (!owner) return fail(std::move(owner.error()));
        file.owner = *owner;
        file.is_manifest_with_login = row.integer(6) != 0;
        file.sha256 = row.text(7);
        file.size = static_cast<std::uint64_t>(row.integer(8));
        file.version = row.text(9);
        file.put_at = row.time(10);
        out.files.push_back(std::move(file));
        return {};
    });
}

Status load_settings(Registry::Parts& parts, Catalogue& out) {
    auto scopes = parts.database->statement("SELECT DISTINCT layer, key FROM shared_settings ORDER BY layer, key");
    return Database::each_row(std::move(scopes), [&](const Statement& row) -> Status {
        const SettingScope scope{static_cast<Layer>(row.integer(0)), std::string(row.text(1))};
        auto settings =
            parts.read_settings(parts.database->statement(
                                    "SELECT name, value FROM shared_settings WHERE layer = ? AND key = ? ORDER BY name",
                                    row.integer(0), row.text(1)),
                                scope);
        if (!settings) return fail(std::move(settings.error()));
        out.settings.emplace(scope, std::move(*settings));
        return {};
    });
}

Status load_windows(Registry::Parts& parts, Catalogue& out) {
    auto rows = parts.database->statement("SELECT id FROM windows WHERE closed IS NULL AND closes > ? ORDER BY id",
                                          parts.clock.wall_now());
    return Database::each_row(std::move(rows), [&](const Statement& row) -> Status {
        auto window = load_window(*parts.database, row.integer(0));
        if (!window) return fail(std::move(window.error()));
        out.windows.push_back(std::move(*window));
        return {};
    });
}

Status load_sections(Registry::Parts& parts, Catalogue& out) {
    auto floor = parts.database->number("SELECT version_floor FROM state");
    if (!floor) return fail(std::move(floor.error()));
    out.version_floor = static_cast<std::uint32_t>(*floor);
    return Database::each_row(parts.database->statement("SELECT name, version FROM sections"),
                              [&](const Statement& row) -> Status {
                                  out.section_versions.emplace(row.text(0), static_cast<std::uint32_t>(row.integer(1)));
                                  return {};
                              });
}

// Burned ones too: what a manifest says then changes with what is put, and not with each file that is fetched.
Status load_one_time_sections(Registry::Parts& parts, Catalogue& out) {
    auto rows = parts.database->statement("SELECT section, max(expires) FROM one_time_files GROUP BY section");
    return Database::each_row(std::move(rows), [&](const Statement& row) -> Status {
        out.one_time_until.emplace(row.text(0), row.time(1));
        return {};
    });
}

}  // namespace

Result<Window> load_window(Database& database, std::int64_t id) {
    Window window;
    auto row =
        database.statement("SELECT opened, closes, count, used, hands_out_login, closed FROM windows WHERE id = ?", id);
    auto there = row.step();
    if (!there) return fail(std::move(there.error()));
    if (!*there) return fail(FaultCode::not_found, "There is no window " + std::to_string(id) + ".");
    window.id = id;
    window.opened = row.time(0);
    window.closes = row.time(1);
    window.count = static_cast<std::uint32_t>(row.integer(2));
    window.used = static_cast<std::uint32_t>(row.integer(3));
    window.hands_out_login = row.integer(4) != 0;
    window.closed = row.optional_time(5);

    auto networks = Database::each_row(
        database.statement("SELECT network FROM window_networks WHERE window = ? ORDER BY network", id),
        [&](const Statement& at) -> Status {
            auto network = read_network(at.text(0));
            if (!network) return fail(std::move(network.error()));
            window.networks.push_back(*network);
            return {};
        });
    if (!networks) return fail(std::move(networks.error()));
    auto devices =
        Database::each_row(database.statement("SELECT mac FROM window_devices WHERE window = ? ORDER BY mac", id),
                           [&](const Statement& at) -> Status {
                               auto mac = at.mac(0);
                               if (!mac) return fail(std::move(mac.error()));
                               window.devices.push_back(*mac);
                               return {};
                           });
    if (!devices) return fail(std::move(devices.error()));
    return window;
}

Result<std::shared_ptr<const Catalogue>> load_catalogue(Registry::Parts& parts) {
    auto out = std::make_shared<Catalogue>();
    for (auto* load : {load_sites, load_files, load_settings, load_windows, load_sections, load_one_time_sections}) {
        auto loaded = load(parts, *out);
        if (!loaded) return fail(std::move(loaded.error()));
    }
    return std::shared_ptr<const Catalogue>(std::move(out));
}

}  // namespace ringfence::registry
