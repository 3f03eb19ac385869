#include "phone/settings_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace ringfence::phone {

namespace {

bool is_public(std::string_view name, const family::Family& family) {
    const auto* spec = family.find_setting(name);
    return spec != nullptr && spec->is_public;
}

std::size_t count_unknown_clear(const EffectiveSettings& settings, const family::Family& family) {
    return static_cast<std::size_t>(std::count_if(settings.begin(), settings.end(), [&](const auto& entry) {
        return !entry.second.came_by_https && family.find_setting(entry.first) == nullptr;
    }));
}

bool holds_https(const EffectiveSettings& settings) {
    return std::any_of(settings.begin(), settings.end(), [](const auto& entry) { return entry.second.came_by_https; });
}

bool changes(const EffectiveSettings& settings, const phonefile::SettingLine& line) {
    const auto found = settings.find(line.name);
    return found == settings.end() || found->second.value != line.value.reveal();
}

}  // namespace

Result<phonefile::SettingsReading> read_settings(const family::Family& family, std::string_view text) {
    auto reading = phonefile::parse_settings_as_phone(text);
    if (!reading) return reading;
    std::erase_if(reading->file.lines, [&](const phonefile::SettingLine& line) {
        if (!line.value.empty() || family.find_setting(line.name) != nullptr) return false;
        reading->dropped.push_back({line.line, line.line, std::string(masked_secret),
                                    "a lone word that is no known setting may be the rest of a wrapped password"});
        return true;
    });
    std::stable_sort(reading->dropped.begin(), reading->dropped.end(),
                     [](const auto& a, const auto& b) { return a.line < b.line; });
    return reading;
}

Result<Unchanged> overlay(EffectiveSettings& settings, const phonefile::SettingsFile& file,
                          const SettingsSource& source, const family::Family& family) {
    const bool sets_public_only = !source.is_https && holds_https(settings);
    Unchanged unchanged;
    EffectiveSettings next = settings;
    for (const auto& line : file.lines) {
        if (sets_public_only && !is_public(line.name, family)) {
            if (changes(settings, line)) unchanged.left_out.push_back(line.name);
            continue;
        }
        auto& setting = next[line.name];
        if (source.is_https || !setting.came_by_https)
            setting = {std::string(line.value.reveal()), source.section, source.is_https, source.file, line.line};
        else if (setting.value != line.value.reveal())
            unchanged.kept.push_back(line.name);
    }
    const std::size_t unknown = count_unknown_clear(next, family);
    if (unknown > unknown_clear_limit && unknown > count_unknown_clear(settings, family))
        return fail(FaultCode::too_large,
                    fmt::format("with this file {} unknown settings would have come over clear wires, and the phone "
                                "keeps {} of them at most",
                                unknown, unknown_clear_limit));
    settings = std::move(next);
    return unchanged;
}

bool is_public(const phonefile::SettingsFile& file, const family::Family& family) {
    return !file.lines.empty() && std::all_of(file.lines.begin(), file.lines.end(),
                                              [&](const auto& line) { return is_public(line.name, family); });
}

bool may_hold_secret(std::string_view setting_name) {
    static constexpr std::array<std::string_view, 5> marks = {"PASS", "PWD", "SECRET", "TOKEN", "CREDENTIAL"};
    const std::string name = to_upper(setting_name);
    return std::any_of(marks.begin(), marks.end(),
                       [&](std::string_view mark) { return name.find(mark) != std::string::npos; });
}

}  // namespace ringfence::phone
