// The settings that a phone lives by. They are sticky: a new value overwrites, an absent one stays until it is
// overwritten or the phone is reset (reference 1.6, 3.1). Pure and thread-safe.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "family/family.h"
#include "phonefile/settings_file.h"

namespace ringfence::phone {

struct EffectiveSetting {
    std::string value;
    std::string section;  // the section whose file set it last: "DEVICE_CONFIG" or "USER_CONFIG"
    bool came_by_https = false;
    std::string file{};    // the file's name as the manifest gave it; empty: an index of an older program had none
    std::size_t line = 0;  // in that file, from 1; 0: unknown
};

using EffectiveSettings = std::map<std::string, EffectiveSetting, std::less<>>;

// Settings that no family knows and that came over clear wires. As many as the catalogue has, so that what a set knows
// beyond it fits; with at most 80 bytes a line and a file name of 255, escaped, they take 300 kB of the index, of 4 MB.
inline constexpr std::size_t unknown_clear_limit = 256;

// As the phone reads the file. A lone word that is no setting of the family is dropped too: it may be the rest of a
// wrapped password, and the name of a setting is shown. Faults: those of parse_settings_as_phone.
Result<phonefile::SettingsReading> read_settings(const family::Family& family, std::string_view text);

struct SettingsSource {
    std::string section;
    bool is_https = false;
    std::string file;
};

// The settings that a file would have changed and did not, by name. In file order.
struct Unchanged {
    std::vector<std::string> kept;      // another value came over HTTPS
    std::vector<std::string> left_out;  // not public
};

// Lays the file over the settings, by the wire rule: once one of them came over HTTPS, a file of a clear wire sets
// public ones only. A setting that stays as it is stays with the file and line that it came from. too_large when the
// file brings more settings over a clear wire than unknown_clear_limit allows; `settings` are then as they were.
Result<Unchanged> overlay(EffectiveSettings& settings, const phonefile::SettingsFile& file,
                          const SettingsSource& source, const family::Family& family);

// Whether the file sets something, and nothing but public settings.
bool is_public(const phonefile::SettingsFile& file, const family::Family& family);

// Judged by the name alone, and rather once too often: the phone shows nothing that might be a password.
bool may_hold_secret(std::string_view setting_name);

}  // namespace ringfence::phone
