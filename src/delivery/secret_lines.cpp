#include "delivery/secret_lines.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/secret.h"
#include "base/text.h"
#include "phonefile/manifest.h"

namespace ringfence::delivery {

namespace {

using phonefile::Keyword;

constexpr std::array shown_keywords = {
    Keyword::version,   Keyword::download_mode, Keyword::filename,      Keyword::protocol,
    Keyword::server_ip, Keyword::srv_user_name, Keyword::prompt,        Keyword::delete_files,
    Keyword::profile,   Keyword::purpose,       Keyword::security_mode, Keyword::prompt_authname_enable,
};

// Random bytes have one control character in nine; texts have next to none.
constexpr std::size_t most_controls_per_cent = 5;

bool is_word_character(char c) {
    const char lower = to_lower(c);
    return (lower >= 'a' && lower <= 'z') || is_ascii_digit(c) || c == '_';
}

bool is_name_character(char c) { return is_word_character(c) || c == '.' || c == '-'; }

// What may stand between a name and its value.
bool is_separator(char c) { return is_ascii_space(c) || std::string_view("=:#\"'").find(c) != std::string_view::npos; }

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && !is_ascii_space(c)) || byte == 0x7F;
}

bool is_text(std::string_view bytes) {
    const auto nul = static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\0'));
    const auto controls = static_cast<std::size_t>(std::count_if(bytes.begin(), bytes.end(), is_control)) - nul;
    return controls * 100 <= (bytes.size() - nul) * most_controls_per_cent;
}

std::string without_nul(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size());
    std::copy_if(bytes.begin(), bytes.end(), std::back_inserter(out), [](char c) { return c != '\0'; });
    return out;
}

// A name in a line, and whether a value follows it.
struct Named {
    std::string name;
    bool has_value = false;
};

class Reader {
public:
    explicit Reader(const family::Family& family) {
        for (const auto& [name, spec] : family.settings()) (spec.is_secret ? secret_ : shown_).insert(to_upper(name));
        for (const auto keyword : shown_keywords) shown_.insert(std::string(phonefile::to_string(keyword)));
    }

    // The first secret with a value; without any, the last one that is named.
    std::optional<Named> find_secret(std::string_view line) const {
        std::optional<Named> out;
        const auto end = line.end();
        for (auto at = line.begin(); at != end;) {
            const auto begin = std::find_if(at, end, is_word_character);
            at = std::find_if_not(begin, end, is_word_character);
            std::string name = to_upper(
                line.substr(static_cast<std::size_t>(begin - line.begin()), static_cast<std::size_t>(at - begin)));
            if (!is_secret(name)) continue;
            out = Named{std::move(name), std::find_if_not(at, end, is_separator) != end};
            if (out->has_value) return out;
        }
        return out;
    }

    bool may_be_shown(std::string_view name) const { return shown_.contains(to_upper(name)); }

    // A lone word may be the tail of a wrapped password.
    bool is_tail(std::string_view content) const {
        return !content.empty() && content.front() != '[' && content.front() != '#' &&
               std::none_of(content.begin(), content.end(), is_ascii_space) && !may_be_shown(content) &&
               !is_secret(to_upper(content));
    }

    // Empty when the line may be shown. A value may hold '#', so what follows a value goes with it.
    std::optional<std::string> mask(std::string_view line, bool after_secret) const {
        const auto hash = std::min(line.find('#'), line.size());
        const auto content = trim(line.substr(0, hash));
        const auto secret = find_secret(line);
        const bool is_suspect = (secret && secret->has_value) || sounds_secret(line.substr(hash));
        const std::string masked(masked_secret);
        if (content.empty()) return is_suspect ? std::optional("# " + masked) : std::nullopt;
        const auto end = std::find_if_not(content.begin(), content.end(), is_name_character);
        const auto name = content.substr(0, static_cast<std::size_t>(end - content.begin()));
        if (is_suspect) return name.empty() ? masked : std::string(name) + " " + masked;
        if (is_section(content) || may_be_shown(name)) return std::nullopt;
        if (is_lone_word(content)) return after_secret && is_tail(content) ? std::optional(masked) : std::nullopt;
        return name.empty() ? masked : std::string(name) + " " + masked;
    }

private:
    // Misspelt as SRV_USER_PASSWORD it is dropped by phones and read by people.
    bool is_secret(const std::string& upper) const {
        return secret_.contains(upper) || upper.find(phonefile::to_string(Keyword::srv_user_pass)) != std::string::npos;
    }

    static bool is_lone_word(std::string_view content) {
        return std::none_of(content.begin(), content.end(), [](char c) { return is_separator(c); });
    }

    static bool is_section(std::string_view content) {
        return content.size() > 2 && content.front() == '[' && content.back() == ']' &&
               std::all_of(content.begin() + 1, content.end() - 1, is_word_character);
    }

    std::set<std::string, std::less<>> secret_;
    std::set<std::string, std::less<>> shown_;
};

}  // namespace

std::optional<SecretLine> find_secret_line(const family::Family& family, std::string_view bytes) {
    if (bytes.size() > phonefile::max_file_size && !is_text(bytes)) return std::nullopt;
    const Reader reader(family);
    const std::string text = without_nul(bytes);
    const auto login = phonefile::to_string(Keyword::srv_user_pass);
    SecretLine out;
    bool awaits_value = false;
    for (const auto line : split(text, '\n')) {
        ++out.line;
        if (awaits_value && reader.is_tail(trim(line))) return out;
        auto named = reader.find_secret(line);
        awaits_value = named.has_value();
        if (!named) continue;
        out.is_login = named->name.find(login) != std::string::npos;
        out.name = std::move(named->name);
        if (named->has_value) return out;
    }
    return std::nullopt;
}

bool sounds_secret(std::string_view name) {
    const std::string upper = to_upper(name);
    for (const std::string_view word : {"PASS", "PWD", "SECRET", "_PIN", "CREDENTIAL"})
        if (upper.find(word) != std::string::npos) return true;
    return false;
}

std::map<std::size_t, std::string> find_unfit_settings(const family::Family& family,
                                                       const phonefile::SettingsReading& reading) {
    std::map<std::size_t, std::string> out;
    auto dropped = reading.dropped.begin();
    bool may_be_tail = false;
    for (const auto& line : reading.file.lines) {
        // A line that phones skip may be a secret's.
        for (; dropped != reading.dropped.end() && dropped->line < line.line; ++dropped) may_be_tail = true;
        if (const auto* spec = family.find_setting(line.name)) {
            may_be_tail = spec->is_secret;
            auto fits = family::check_value(*spec, line.value.reveal());
            if (!fits) out.emplace(line.line, std::move(fits.error().message));
            continue;
        }
        const bool is_told = !may_be_tail && !line.value.empty();
        out.emplace(line.line, (is_told ? printable(line.name) : "its name") + " is no known setting");
        may_be_tail = may_be_tail || sounds_secret(line.name);
    }
    return out;
}

std::string mask_secrets(const family::Family& family, std::string_view text) {
    const Reader reader(family);
    const std::string readable = without_nul(text);
    std::string out;
    bool after_secret = false;
    for (const auto line : split(readable, '\n')) {
        const auto masked = reader.mask(line, after_secret);
        after_secret = masked.has_value() || reader.find_secret(line).has_value();
        out += masked ? *masked : std::string(line);
        out += '\n';
    }
    out.pop_back();
    return out;
}

}  // namespace ringfence::delivery
