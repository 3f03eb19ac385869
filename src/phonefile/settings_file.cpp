#include "phonefile/settings_file.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "phonefile/line_reader.h"

namespace ringfence::phonefile {

namespace {

// Why the line sets nothing, or nothing.
std::optional<Dropped> find_defect(const Line& line) {
    if (line.is_too_long) return describe_cut(line, line.content.empty() ? std::string() : mask_value(line.content));
    if (line.has_control) return describe_control(line);
    if (is_setting_name(split_word(line.content).name)) return std::nullopt;
    return Dropped{line.number, line.number, mask_value(line.content), "the line does not begin with a setting's name"};
}

}  // namespace

bool is_setting_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), is_name_character);
}

const SettingLine* SettingsFile::find(std::string_view name) const {
    const auto at =
        std::find_if(lines.begin(), lines.end(), [&](const SettingLine& line) { return line.name == name; });
    return at == lines.end() ? nullptr : &*at;
}

Result<SettingsReading> parse_settings_as_phone(std::string_view text) {
    if (const auto fits = check_size(text, "the settings file"); !fits) return fail(fits.error());

    SettingsReading reading;
    std::vector<SettingLine> lines;
    std::map<std::string, std::size_t, std::less<>> last_of;  // name -> index of the line that holds
    LineReader reader(text);
    while (const auto line = reader.next()) {
        if (line->content.empty() && !line->is_too_long) continue;
        if (auto defect = find_defect(*line)) {
            reading.dropped.push_back(std::move(*defect));
            continue;
        }
        const Word word = split_word(line->content);
        last_of.insert_or_assign(std::string(word.name), lines.size());
        lines.push_back({std::string(word.name), Secret(std::string(word.value)), line->number});
    }

    for (std::size_t i = 0; i < lines.size(); ++i) {
        if (last_of.find(lines[i].name)->second == i) {
            reading.file.lines.push_back(std::move(lines[i]));
            continue;
        }
        // A lone word may be the tail of a wrapped password.
        const std::string name = lines[i].value.empty() ? std::string() : lines[i].name + " ";
        reading.dropped.push_back(
            {lines[i].line, lines[i].line, name + std::string(masked_secret), "a later line sets the same name again"});
    }
    sort_by_line(reading.dropped);
    return reading;
}

Result<SettingsFile> parse_settings_strict(std::string_view text) {
    auto reading = parse_settings_as_phone(text);
    if (!reading) return fail(reading.error());
    if (const auto clean = check_nothing_dropped(text, reading->dropped); !clean) return fail(clean.error());
    return std::move(reading->file);
}

Result<std::string> format_settings(const SettingsFile& file) {
    std::string text;
    std::set<std::string_view> names;
    for (const SettingLine& line : file.lines) {
        if (!is_setting_name(line.name))
            return fail(FaultCode::malformed, "'" + printable(line.name) + "' cannot be a setting's name");
        if (!names.insert(line.name).second) return fail(FaultCode::malformed, line.name + " stands twice");
        if (auto fits = check_written_value(line.name, line.value.reveal()); !fits)
            return fail(std::move(fits.error()));
        // An empty value keeps the blank: so the one generator known to write empty values does (sipXecs).
        text.append(line.name).append(" ").append(line.value.reveal()).append("\n");
    }
    if (const auto fits = check_size(text, "the settings file"); !fits) return fail(fits.error());
    return text;
}

}  // namespace ringfence::phonefile
