#include <fmt/format.h>

#include "base/text.h"
#include "registry/parts.h"

namespace ringfence::registry {

namespace {

// Both tables have the same shape, so that one set of rules serves all layers.
struct Statements {
    const char* list;
    const char* set;
    const char* unset;
};

constexpr Statements of_shared = {
    "SELECT name, value FROM shared_settings WHERE layer = ?1 AND key = ?2 ORDER BY name",
    "INSERT INTO shared_settings(layer, key, name, value) VALUES(?1, ?2, ?3, ?4)"
    " ON CONFLICT DO UPDATE SET value = excluded.value",
    "UPDATE shared_settings SET value = NULL WHERE layer = ?1 AND key = ?2 AND name = ?3 AND value IS NOT NULL",
};
constexpr Statements of_device = {
    "SELECT name, value FROM device_settings WHERE ?1 = 3 AND mac = ?2 ORDER BY name",
    "INSERT INTO device_settings(mac, name, value) SELECT ?2, ?3, ?4 WHERE ?1 = 3"
    " ON CONFLICT DO UPDATE SET value = excluded.value",
    "UPDATE device_settings SET value = NULL WHERE ?1 = 3 AND mac = ?2 AND name = ?3 AND value IS NOT NULL",
};

const Statements& statements_for(const SettingScope& scope) {
    return scope.layer == Layer::device ? of_device : of_shared;
}

std::string describe(const SettingScope& scope) {
    if (scope.layer == Layer::global) return "globally";
    return fmt::format("for {} {}", to_string(scope.layer), printable(scope.key));
}

}  // namespace

Status Registry::Parts::check_scope(const SettingScope& scope) {
    switch (scope.layer) {
        case Layer::global: RINGFENCE_ASSERT(scope.key.empty()); return {};
        case Layer::model: return check_name("A model's name", scope.key);
        case Layer::site: {
            auto named = check_name("A site's name", scope.key);
            return named ? require_site(scope.key) : named;
        }
        case Layer::device: {
            auto mac = MacAddress::parse(scope.key);
            if (!mac) return fail(std::move(mac.error()));
            RINGFENCE_ASSERT(mac->bare_upper() == scope.key);
            return require_device(*mac);
        }
    }
    return {};
}

Result<std::vector<Setting>> Registry::Parts::read_settings(Statement rows, const SettingScope& scope) {
    std::vector<Setting> out;
    auto read = Database::each_row(std::move(rows), [&](const Statement& row) -> Status {
        Setting setting;
        setting.name = row.text(0);
        if (!row.is_null(1)) {
            auto value = open_sealed(row.blob(1), {"setting", to_string(scope.layer), scope.key, setting.name});
            if (!value) return fail(std::move(value.error()).within("setting " + setting.name + " " + describe(scope)));
            setting.value = std::move(*value);
        }
        out.push_back(std::move(setting));
        return {};
    });
    if (!read) return fail(std::move(read.error()));
    return out;
}

Result<std::vector<Setting>> Registry::device_settings(const MacAddress& mac) {
    return list_settings({Layer::device, mac.bare_upper()});
}

Result<std::vector<Setting>> Registry::list_settings(const SettingScope& scope) {
    return parts_->read_settings(
        parts_->database->statement(statements_for(scope).list, static_cast<int>(scope.layer), scope.key), scope);
}

Status Registry::set_setting(const SettingScope& scope, std::string_view name, const Secret& value) {
    auto named = check_name("A setting's name", name);
    if (!named) return named;
    if (value.reveal().size() > max_value_length)
        return fail(FaultCode::too_large,
                    fmt::format("The value of {} has more than {} bytes.", name, max_value_length));
    return in_transaction(*parts_->database, [&]() -> Status {
        auto known = parts_->check_scope(scope);
        if (!known) return known;
        const std::string sealed = parts_->seal(value, {"setting", to_string(scope.layer), scope.key, name});
        auto stored = parts_->database->run(statements_for(scope).set, static_cast<int>(scope.layer), scope.key, name,
                                            Blob{sealed});
        if (!stored) return stored;
        return parts_->settings_changed(scope);
    });
}

Status Registry::unset_setting(const SettingScope& scope, std::string_view name) {
    return in_transaction(*parts_->database, [&]() -> Status {
        auto unset = parts_->database->run(statements_for(scope).unset, static_cast<int>(scope.layer), scope.key, name);
        if (!unset) return unset;
        if (parts_->database->changed_rows() == 0)
            return fail(FaultCode::not_found, fmt::format("{} is not set {}.", printable(name), describe(scope)));
        return parts_->settings_changed(scope);
    });
}

Status Registry::Parts::settings_changed(const SettingScope& scope) {
    // A device's own file is announced as FORCED: it needs no number.
    if (scope.layer == Layer::device) return {};
    auto raised = raise_section(settings_section);
    if (!raised) return fail(std::move(raised.error()));
    return bump_generation();
}

}  // namespace ringfence::registry
