#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "registry/parts.h"

namespace ringfence::registry {

namespace {

// A DNS name has at most 253 characters; an address fits in that too.
constexpr std::size_t max_server_length = 253;

Status check_site(const Site& site) {
    auto named = check_name("A site's name", site.name);
    if (!named) return named;
    auto server = check_name("A site's server", site.server, MayBeEmpty::yes, max_server_length);
    if (!server) return server;
    auto legacy = check_name("A site's legacy server", site.legacy_server, MayBeEmpty::yes, max_server_length);
    if (!legacy) return legacy;
    if (site.networks.size() > max_networks)
        return fail(FaultCode::too_large, fmt::format("A site may have at most {} networks.", max_networks));
    return {};
}

Fault no_site(std::string_view name) { return {FaultCode::not_found, "There is no site " + printable(name) + "."}; }

Status store_networks(Database& database, const Site& site) {
    for (const Network& network : site.networks) {
        auto stored = database.run("INSERT INTO site_networks(network, site) VALUES(?, ?) ON CONFLICT DO NOTHING",
                                   network.to_string(), site.name);
        if (!stored) return stored;
        if (database.changed_rows() == 0)
            return fail(FaultCode::conflict, "Network " + network.to_string() + " belongs to a site already.");
    }
    return {};
}

struct Belonging {
    const char* count;
    std::string_view what;
};

constexpr Belonging belongings[] = {
    {"SELECT count(*) FROM devices WHERE site = ?", "devices"},
    {"SELECT count(*) FROM files WHERE site = ?", "files"},
    {"SELECT count(*) FROM shared_settings WHERE layer = 1 AND key = ? AND value IS NOT NULL", "settings"},
};

}  // namespace

Status Registry::Parts::require_site(std::string_view name) {
    if (name.empty()) return {};
    auto there = database->exists("SELECT 1 FROM sites WHERE name = ?", name);
    if (!there) return fail(std::move(there.error()));
    if (!*there) return fail(no_site(name));
    return {};
}

Status Registry::add_site(const Site& site) {
    auto sound = check_site(site);
    if (!sound) return sound;
    return in_transaction(*parts_->database, [&]() -> Status {
        auto count = parts_->database->number("SELECT count(*) FROM sites");
        if (!count) return fail(std::move(count.error()));
        if (*count >= static_cast<std::int64_t>(max_sites))
            return fail(FaultCode::too_large, fmt::format("There may be at most {} sites.", max_sites));
        auto added = parts_->database->run(
            "INSERT INTO sites(name, server, legacy_server) VALUES(?, ?, ?) ON CONFLICT DO NOTHING", site.name,
            site.server, site.legacy_server);
        if (!added) return added;
        if (parts_->database->changed_rows() == 0)
            return fail(FaultCode::conflict, "Site " + site.name + " is there already.");
        auto networks = store_networks(*parts_->database, site);
        if (!networks) return networks;
        return parts_->bump_generation();
    });
}

Status Registry::update_site(const Site& site) {
    auto sound = check_site(site);
    if (!sound) return sound;
    return in_transaction(*parts_->database, [&]() -> Status {
        auto updated = parts_->database->run("UPDATE sites SET server = ?, legacy_server = ? WHERE name = ?",
                                             site.server, site.legacy_server, site.name);
        if (!updated) return updated;
        if (parts_->database->changed_rows() == 0) return fail(no_site(site.name));
        auto cleared = parts_->database->run("DELETE FROM site_networks WHERE site = ?", site.name);
        if (!cleared) return cleared;
        auto networks = store_networks(*parts_->database, site);
        if (!networks) return networks;
        return parts_->bump_generation();
    });
}

Status Registry::remove_site(std::string_view name) {
    return in_transaction(*parts_->database, [&]() -> Status {
        for (const auto& [count_them, what] : belongings) {
            auto count = parts_->database->number(count_them, name);
            if (!count) return fail(std::move(count.error()));
            if (*count > 0)
                return fail(FaultCode::conflict, fmt::format("Site {} still has {} {}; move or remove them first.",
                                                             printable(name), *count, what));
        }
        // What is left are marks of settings that were unset again; without the site nobody asks for them.
        auto marks = parts_->database->run("DELETE FROM shared_settings WHERE layer = 1 AND key = ?", name);
        if (!marks) return marks;
        auto removed = parts_->database->run("DELETE FROM sites WHERE name = ?", name);
        if (!removed) return removed;
        if (parts_->database->changed_rows() == 0) return fail(no_site(name));
        return parts_->bump_generation();
    });
}

}  // namespace ringfence::registry
