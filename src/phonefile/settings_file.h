// A settings file: the shared device configuration file and the per-phone SIP<MAC>.cfg. One "NAME value" per line, the
// value running to the line's end (reference section 3.1). Pure text in, value out, and back. Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "phonefile/line.h"

namespace ringfence::phonefile {

struct SettingLine {
    std::string name;      // letters, digits, '_', '.', '-'; exact case
    Secret value;          // any value may be a password; this grammar cannot know. May be empty
    std::size_t line = 0;  // where it was read, from 1; 0 when built. Not compared

    friend bool operator==(const SettingLine& a, const SettingLine& b) {
        return a.name == b.name && a.value == b.value;
    }
};

// In file order; no name stands twice.
struct SettingsFile {
    std::vector<SettingLine> lines;

    // Lives as long as this file; null when absent.
    const SettingLine* find(std::string_view name) const;
    friend bool operator==(const SettingsFile&, const SettingsFile&) = default;
};

struct SettingsReading {
    SettingsFile file;
    std::vector<Dropped> dropped;  // by line
};

// As the phone reads it. Bad lines never fail: comments go, even after text; a line over max_line_read ends the file;
// of a repeated name the last holds. What is skipped is listed. Bytes above ASCII are kept as they are. Fault:
// too_large above max_file_size.
Result<SettingsReading> parse_settings_as_phone(std::string_view text);

// Malformed at the first line, named in the message, that a phone would skip or that holds more than ASCII.
Result<SettingsFile> parse_settings_strict(std::string_view text);

// Line ends are LF, the order is as given. Refuses (malformed, too_large) what a phone would misread: a name that is
// none or stands twice, and values by check_written_value. parse_settings_strict(format_settings(f)) == f.
Result<std::string> format_settings(const SettingsFile& file);

// Whether `name` can stand as a setting's name.
bool is_setting_name(std::string_view name);

}  // namespace ringfence::phonefile
