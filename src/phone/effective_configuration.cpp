#include "phone/effective_configuration.h"

#include <algorithm>
#include <set>

namespace ringfence::phone {

namespace {

bool names(const InstalledSettings& installed, const EffectiveSetting& setting, std::string_view name) {
    const auto file = installed.find({setting.section, setting.file});
    return file != installed.end() && file->second.find(name) != nullptr;
}

using Contents = std::map<std::pair<std::string, std::string>, std::string>;  // the hash by section and name

Contents contents_of(const FlashState& state) {
    Contents out;
    for (const auto& file : state.files) out[{file.section, file.name}] = file.sha256;
    return out;
}

// Keys that only one of the two has, or that both have with another value.
template <typename Map, typename Same>
std::vector<typename Map::key_type> differing_keys(const Map& before, const Map& after, const Same& is_same) {
    std::vector<typename Map::key_type> out;
    for (const auto& [key, value] : before) {
        const auto found = after.find(key);
        if (found == after.end() || !is_same(value, found->second)) out.push_back(key);
    }
    for (const auto& [key, value] : after)
        if (before.find(key) == before.end()) out.push_back(key);
    std::sort(out.begin(), out.end());
    return out;
}

}  // namespace

InstalledSettings installed_settings(Flash& flash, const family::Family& family) {
    InstalledSettings out;
    for (const auto& file : flash.state().files) {
        const auto kind = phonefile::parse_section_kind(file.section);
        if (!kind || !is_settings(*kind)) continue;
        const auto bytes = flash.read(file);
        if (!bytes) continue;
        auto reading = read_settings(family, *bytes);
        if (reading) out[{file.section, file.name}] = std::move(reading->file);
    }
    return out;
}

std::vector<EffectiveEntry> effective_configuration(const EffectiveSettings& settings,
                                                    const InstalledSettings& installed, const family::Family& family) {
    std::vector<EffectiveEntry> out;
    for (const auto& [name, setting] : settings) {
        EffectiveEntry entry{name, setting, {}, {}, may_hold_secret(name), !names(installed, setting, name), {}};
        if (const auto* spec = family.find_setting(name)) {
            entry.type = spec->type;
            entry.default_value = spec->default_value;
            entry.is_secret = entry.is_secret || spec->is_secret;
            if (auto fits = family::check_value(*spec, setting.value); !fits) entry.misfit = fits.error().message;
        }
        out.push_back(std::move(entry));
    }
    return out;
}

StateChange changes_between(const FlashState& before, const FlashState& after, const family::Family& family) {
    StateChange out;
    const auto is_same_value = [](const auto& a, const auto& b) { return a.value == b.value; };
    for (auto& name : differing_keys(before.settings, after.settings, is_same_value)) {
        if (family.find_setting(name) != nullptr)
            out.settings.push_back(std::move(name));
        else
            ++out.unknown_settings;
    }
    std::set<std::string> sections;
    const auto is_same_hash = [](const auto& a, const auto& b) { return a == b; };
    for (const auto& [section, name] : differing_keys(contents_of(before), contents_of(after), is_same_hash))
        sections.insert(section);
    out.sections.assign(sections.begin(), sections.end());
    return out;
}

}  // namespace ringfence::phone
