// What a phone lives by, as a person or a program wants to read it: each effective setting with its type, where it came
// from, and whether it fits what the family's catalogue says of it. Pure and thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "family/family.h"
#include "phone/flash.h"
#include "phone/settings_store.h"
#include "phonefile/settings_file.h"

namespace ringfence::phone {

struct EffectiveEntry {
    std::string name;
    EffectiveSetting setting;                  // its value as the file wrote it, secret or not
    std::optional<family::SettingType> type;   // empty: no setting of the family
    std::optional<std::string> default_value;  // of the catalogue
    bool is_secret = false;                    // by the catalogue or by its name
    bool is_sticky = false;                    // the file that it came from is gone or names it no longer
    std::string misfit;                        // why the value does not fit its type; empty: it fits, or is unknown

    bool is_default() const { return default_value == setting.value; }
};

// The settings files that the flash holds, by section and name.
using InstalledSettings = std::map<std::pair<std::string, std::string>, phonefile::SettingsFile>;

// Reads them from the flash. A file that cannot be read counts as one that names nothing.
InstalledSettings installed_settings(Flash& flash, const family::Family& family);

// In order of their names.
std::vector<EffectiveEntry> effective_configuration(const EffectiveSettings& settings,
                                                    const InstalledSettings& installed, const family::Family& family);

// What a boot changed, by names; no values.
struct StateChange {
    std::vector<std::string> settings;  // added, changed or gone; those that the family knows
    std::size_t unknown_settings = 0;   // the others, whose names may be the rest of a wrapped password
    std::vector<std::string> sections;  // whose installed files are not what they were

    bool empty() const { return settings.empty() && unknown_settings == 0 && sections.empty(); }
};

StateChange changes_between(const FlashState& before, const FlashState& after, const family::Family& family);

}  // namespace ringfence::phone
