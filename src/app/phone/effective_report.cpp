#include "app/phone/effective_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "base/secret.h"
#include "base/text.h"

namespace ringfence::app {

namespace {

namespace json = boost::json;

using family::SettingType;
using phone::EffectiveEntry;

constexpr std::string_view unknown_type = "unknown";

json::string text(std::string_view bytes) { return json::string(printable(bytes, bytes.size())); }

bool hides_name(const EffectiveEntry& entry, UnknownSettings unknown) {
    return !entry.type && unknown == UnknownSettings::masked;
}

bool hides_value(const EffectiveEntry& entry, UnknownSettings unknown) {
    return entry.is_secret || hides_name(entry, unknown);
}

std::string shown_name(const EffectiveEntry& entry, UnknownSettings unknown) {
    return hides_name(entry, unknown) ? std::string(masked_secret) : printable(entry.name);
}

std::string_view type_name(const EffectiveEntry& entry) { return entry.type ? to_string(*entry.type) : unknown_type; }

std::string_view wire(const EffectiveEntry& entry) { return entry.setting.came_by_https ? "https" : "clear"; }

std::string origin(const phone::EffectiveSetting& setting) {
    if (setting.file.empty()) return fmt::format("[{}]", printable(setting.section));
    return fmt::format("[{}] {} line {}", printable(setting.section), printable(setting.file), setting.line);
}

// As JSON's own types where the catalogue knows the type and the value fits it.
json::value typed_value(const EffectiveEntry& entry) {
    const std::string& value = entry.setting.value;
    if (!entry.type || !entry.misfit.empty()) return text(value);
    switch (*entry.type) {
        case SettingType::boolean: return value == "YES";
        case SettingType::integer:
        case SettingType::port:
        case SettingType::timezone: {
            std::int64_t number = 0;
            std::from_chars(value.data(), value.data() + value.size(), number);
            return number;
        }
        case SettingType::list: {
            json::array words;
            for (const auto word : split(value, ',')) words.push_back(text(word));
            return words;
        }
        case SettingType::choice:
        case SettingType::host:
        case SettingType::text: break;
    }
    return text(value);
}

std::string marks(const EffectiveEntry& entry) {
    std::string out;
    if (entry.is_default()) out += ", the default";
    if (entry.is_sticky) out += ", sticky: not in the last file";
    if (!entry.misfit.empty()) out += ", does not fit: " + printable(entry.misfit, entry.misfit.size());
    return out;
}

}  // namespace

std::string effective_text(const std::vector<EffectiveEntry>& entries, UnknownSettings unknown) {
    std::string out;
    for (const auto& entry : entries)
        out += fmt::format("{} = {} ({}; {}, {}{})\n", shown_name(entry, unknown),
                           hides_value(entry, unknown) ? std::string(masked_secret) : printable(entry.setting.value),
                           type_name(entry), origin(entry.setting), wire(entry), marks(entry));
    const auto masked = std::count_if(entries.begin(), entries.end(),
                                      [&](const EffectiveEntry& entry) { return hides_name(entry, unknown); });
    if (masked > 0) out += fmt::format("{} unknown to the catalogue are masked; --unknown shows them\n", masked);
    return out;
}

std::string effective_json(const std::vector<EffectiveEntry>& entries, UnknownSettings unknown) {
    json::array settings;
    for (const auto& entry : entries) {
        json::object object{{"name", shown_name(entry, unknown)},
                            {"type", type_name(entry)},
                            {"value", hides_value(entry, unknown) ? json::value(masked_secret) : typed_value(entry)},
                            {"secret", entry.is_secret},
                            {"default", entry.is_default()},
                            {"section", text(entry.setting.section)},
                            {"file", text(entry.setting.file)},
                            {"line", entry.setting.line},
                            {"wire", wire(entry)},
                            {"sticky", entry.is_sticky}};
        if (!entry.misfit.empty()) object["misfit"] = text(entry.misfit);
        settings.push_back(std::move(object));
    }
    return json::serialize(json::object{{"settings", std::move(settings)}});
}

}  // namespace ringfence::app
