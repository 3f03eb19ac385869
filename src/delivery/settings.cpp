#include "delivery/settings.h"

#include <map>
#include <optional>

namespace ringfence::delivery {

namespace {

using registry::Layer;
using registry::Setting;
using registry::SettingScope;

struct Decided {
    std::optional<Secret> value;
    SettingScope scope;
};

using DecidedByName = std::map<std::string, Decided>;

void lay_over(DecidedByName& decided, const SettingScope& scope, const std::vector<Setting>& settings) {
    for (const Setting& setting : settings) {
        const auto found = decided.find(setting.name);
        // A layer that no longer sets a value uncovers the layer below; only where nothing is left is it undone.
        if (!setting.value && found != decided.end()) continue;
        decided.insert_or_assign(setting.name, Decided{setting.value, scope});
    }
}

EffectiveSetting describe(const family::SettingSpec* spec, std::string name, Secret value, Origin origin,
                          SettingScope scope) {
    EffectiveSetting out;
    out.name = std::move(name);
    out.value = std::move(value);
    out.origin = origin;
    out.scope = std::move(scope);
    // A name that the catalogue no longer knows is kept out of the clear.
    out.is_secret = spec == nullptr || spec->is_secret;
    out.is_public = spec != nullptr && spec->is_public && !spec->is_secret;
    return out;
}

}  // namespace

std::vector<EffectiveSetting> effective_settings(const family::Family& family, const registry::Catalogue& catalogue,
                                                 const std::string& site, const std::string& model,
                                                 const std::vector<Setting>& device) {
    DecidedByName decided;
    const auto lay_shared = [&](const SettingScope& scope) {
        const auto found = catalogue.settings.find(scope);
        if (found != catalogue.settings.end()) lay_over(decided, scope, found->second);
    };
    lay_shared({Layer::global, ""});
    if (!site.empty()) lay_shared({Layer::site, site});
    if (!model.empty()) lay_shared({Layer::model, model});
    lay_over(decided, {Layer::device, ""}, device);

    for (const auto& [name, safe_value] : family.licence_defaults()) {
        const auto found = decided.find(name);
        if (found != decided.end() && found->second.value) continue;
        decided.erase(name);
    }

    std::map<std::string, EffectiveSetting> out;
    for (const auto& [name, choice] : decided) {
        const auto* spec = family.find_setting(name);
        if (choice.value) {
            out.emplace(name, describe(spec, name, *choice.value, Origin::set, choice.scope));
            continue;
        }
        if (spec == nullptr || !spec->default_value) continue;
        out.emplace(name, describe(spec, name, Secret(*spec->default_value), Origin::undone, choice.scope));
    }
    for (const auto& [name, safe_value] : family.licence_defaults())
        if (!out.contains(name))
            out.emplace(name, describe(family.find_setting(name), name, Secret(safe_value), Origin::licence, {}));

    std::vector<EffectiveSetting> sorted;
    sorted.reserve(out.size());
    for (auto& entry : out) sorted.push_back(std::move(entry.second));
    return sorted;
}

std::vector<EffectiveSetting> public_settings(const std::vector<EffectiveSetting>& settings) {
    std::vector<EffectiveSetting> out;
    for (const auto& setting : settings)
        if (setting.is_public && setting.origin != Origin::licence) out.push_back(setting);
    return out;
}

Result<std::string> render_settings(const std::string& title, const std::vector<EffectiveSetting>& settings,
                                    Reveal reveal) {
    phonefile::SettingsFile file;
    for (const auto& setting : settings) {
        const bool mask = setting.is_secret && reveal == Reveal::masked;
        file.lines.push_back({setting.name, mask ? Secret(std::string(masked_secret)) : setting.value, 0});
    }
    auto text = phonefile::format_settings(file);
    if (!text) return fail(std::move(text).error().within(title));
    return "# " + title + "\n" + *text;
}

}  // namespace ringfence::delivery
