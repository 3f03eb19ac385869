#include "phonefile/manifest.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "phonefile/line_reader.h"
#include "phonefile/value_reader.h"

namespace ringfence::phonefile {

namespace {

constexpr std::array section_names{
    Named<SectionKind>{"DEVICE_CONFIG", SectionKind::device_config},
    Named<SectionKind>{"USER_CONFIG", SectionKind::user_config},
    Named<SectionKind>{"FW", SectionKind::fw},
    Named<SectionKind>{"DIALING_PLAN", SectionKind::dialing_plan},
    Named<SectionKind>{"LANGUAGE", SectionKind::language},
    Named<SectionKind>{"TONES", SectionKind::tones},
    Named<SectionKind>{"IMAGES", SectionKind::images},
    Named<SectionKind>{"LICENSING", SectionKind::licensing},
    Named<SectionKind>{"SEC_POLICY", SectionKind::sec_policy},
    Named<SectionKind>{"USER_KEYS", SectionKind::user_keys},
    Named<SectionKind>{"DEV_CERT", SectionKind::dev_cert},
    Named<SectionKind>{"CTL", SectionKind::ctl},
    Named<SectionKind>{"CRL", SectionKind::crl},
    Named<SectionKind>{"LOGIN_BANNER", SectionKind::login_banner},
    // Second names, read and never written.
    Named<SectionKind>{"IMAGE", SectionKind::images},
    Named<SectionKind>{"POLICY", SectionKind::sec_policy},
};

constexpr std::array keyword_names{
    Named<Keyword>{"VERSION", Keyword::version},
    Named<Keyword>{"DOWNLOAD_MODE", Keyword::download_mode},
    Named<Keyword>{"FILENAME", Keyword::filename},
    Named<Keyword>{"PROTOCOL", Keyword::protocol},
    Named<Keyword>{"SERVER_IP", Keyword::server_ip},
    Named<Keyword>{"SRV_USER_NAME", Keyword::srv_user_name},
    Named<Keyword>{"SRV_USER_PASS", Keyword::srv_user_pass},
    Named<Keyword>{"PROMPT", Keyword::prompt},
    Named<Keyword>{"DELETE_FILES", Keyword::delete_files},
    Named<Keyword>{"PROMPT_AUTHNAME_ENABLE", Keyword::prompt_authname_enable},
    Named<Keyword>{"PROFILE", Keyword::profile},
    Named<Keyword>{"PURPOSE", Keyword::purpose},
    Named<Keyword>{"SECURITY_MODE", Keyword::security_mode},
};

bool is_host(std::string_view text) {
    const auto fits = [](char c) { return is_name_character(c) || c == ':'; };
    return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

// All bits of the mask set.
constexpr std::int32_t lowest_purpose = -1;

bool read_download_mode(std::string_view text, DownloadMode& mode) {
    if (text != "AUTO" && text != "FORCED") return false;
    mode = text == "FORCED" ? DownloadMode::forced : DownloadMode::automatic;
    return true;
}

bool read_protocol(std::string_view text, Protocol& protocol) {
    const auto known = parse_protocol(text);
    if (!known || text != to_upper(text)) return false;
    protocol = *known;
    return true;
}

// An empty value means "not stated" where the manual gives no list of values: one generator ends its file so.
bool read_host(std::string_view text, std::string& host) {
    if (!text.empty() && !is_host(text)) return false;
    host = text;
    return true;
}

// False when the phone cannot read the value. FILENAME is kept apart because it repeats.
bool read_value(Keyword keyword, std::string_view value, Section& section) {
    switch (keyword) {
        case Keyword::version: section.version = value; return true;
        case Keyword::download_mode: return read_download_mode(value, section.download_mode);
        case Keyword::filename: return !value.empty();
        case Keyword::protocol: return read_protocol(value, section.protocol);
        case Keyword::server_ip: return read_host(value, section.server);
        case Keyword::srv_user_name: section.user_name = value; return true;
        case Keyword::srv_user_pass: section.password = Secret(std::string(value)); return true;
        case Keyword::prompt: return read_yes_no(value, section.prompt);
        case Keyword::delete_files: return read_yes_no(value, section.delete_files);
        case Keyword::prompt_authname_enable: return read_yes_no(value, section.prompt_authname);
        case Keyword::profile: return read_number(value, 1U, section.profile);
        case Keyword::purpose: return read_number(value, lowest_purpose, section.purpose);
        case Keyword::security_mode: section.security_mode = value; return true;
    }
    return false;
}

bool decides_where_to_fetch(Keyword keyword) { return keyword == Keyword::protocol || keyword == Keyword::server_ip; }

// The line as a report may show it.
std::string show(std::string_view content) {
    if (content.empty()) return {};
    if (content.front() == '[') return printable(content);
    const Word word = split_word(content);
    const auto keyword = find_value(keyword_names, word.name);
    const bool may_hold_login = word.value.find('@') != std::string_view::npos;
    if (!keyword || keyword == Keyword::srv_user_pass || may_hold_login) return mask_value(content);
    return printable(content);
}

class ManifestReader {
public:
    ManifestReading read(std::string_view text) {
        LineReader lines(text);
        while (const auto line = lines.next()) read_line(*line);
        close_section();
        sort_by_line(reading_.dropped);
        return std::move(reading_);
    }

private:
    struct Stated {
        std::size_t line = 0;
        std::string_view content;
        std::string_view value;
    };
    struct OpenSection {
        SectionKind kind = SectionKind::device_config;
        Stated heading;
        std::map<Keyword, Stated> stated;
        std::vector<Stated> filenames;
    };

    void read_line(const Line& line) {
        if (line.is_too_long) {
            reading_.dropped.push_back(describe_cut(line, show(line.content)));
            return;
        }
        if (line.content.empty()) return;
        if (line.content.front() == '[') return open_section(line);
        if (skipped_section_) {
            reading_.dropped[*skipped_section_].last_line = line.number;
            return;
        }
        if (line.has_control) {
            reading_.dropped.push_back(describe_control(line));
            return;
        }
        read_keyword(line);
    }

    void open_section(const Line& line) {
        close_section();
        skipped_section_.reset();
        const bool is_closed = line.content.back() == ']' && line.content.size() > 1;
        const auto name = is_closed ? line.content.substr(1, line.content.size() - 2) : std::string_view();
        if (const auto kind = find_value(section_names, name)) {
            open_ = OpenSection{*kind, {line.number, line.content, {}}, {}, {}};
            return;
        }
        skipped_section_ = reading_.dropped.size();
        drop({line.number, line.content, {}}, explain_heading(line.content, name));
    }

    static std::string explain_heading(std::string_view content, std::string_view name) {
        if (name == "USER_KERYS") return "[USER_KERYS] is a misprint of the manual for [USER_KEYS]; it is skipped";
        if (name.empty()) return "'" + printable(content) + "' is no section heading; what follows is skipped";
        return "[" + printable(name) + "] is no section that a phone knows; it is skipped";
    }

    void read_keyword(const Line& line) {
        const Word word = split_word(line.content);
        const Stated stated{line.number, line.content, word.value};
        const auto keyword = find_value(keyword_names, word.name);
        if (!keyword) return drop(stated, "the line does not begin with a keyword that a phone knows");
        if (!open_) return drop(stated, "the line stands before the first section");
        if (*keyword == Keyword::filename) return add_filename(stated);

        const auto [at, is_new] = open_->stated.try_emplace(*keyword, stated);
        if (is_new) return;
        drop_repeated(at->second, *keyword);
        at->second = stated;
    }

    void add_filename(const Stated& stated) {
        if (stated.value.empty()) return drop(stated, "FILENAME names no file");
        if (!open_->filenames.empty() && !takes_several_files(open_->kind)) {
            drop_repeated(open_->filenames.front(), Keyword::filename);
            open_->filenames.clear();
        }
        open_->filenames.push_back(stated);
    }

    void close_section() {
        if (!open_) return;
        const OpenSection open = std::move(*open_);
        open_.reset();

        Section section;
        section.kind = open.kind;
        section.line = open.heading.line;
        bool is_usable = true;
        for (const auto& [keyword, stated] : open.stated) {
            section.keyword_lines[keyword] = stated.line;
            if (read_value(keyword, stated.value, section)) continue;
            std::string reason = "no phone knows this value of " + std::string(to_string(keyword));
            if (decides_where_to_fetch(keyword)) {
                reason += "; the section of line " + std::to_string(section.line) + " is skipped";
                is_usable = false;
            }
            drop(stated, std::move(reason));
        }
        for (const Stated& stated : open.filenames) {
            section.keyword_lines.try_emplace(Keyword::filename, stated.line);
            section.filenames.emplace_back(stated.value);
        }
        if (section.filenames.empty() && open.kind != SectionKind::user_config) {
            drop(open.heading, "the section has no FILENAME, so nothing is fetched for it");
            is_usable = false;
        }
        if (is_usable) reading_.manifest.sections.push_back(std::move(section));
    }

    void drop(const Stated& stated, std::string reason) {
        reading_.dropped.push_back({stated.line, stated.line, show(stated.content), std::move(reason)});
    }

    void drop_repeated(const Stated& stated, Keyword keyword) {
        drop(stated, "a later " + std::string(to_string(keyword)) + " of the same section holds instead");
    }

    ManifestReading reading_;
    std::optional<OpenSection> open_;
    std::optional<std::size_t> skipped_section_;  // its entry in reading_.dropped
};

class ManifestWriter {
public:
    Result<std::string> write(const Manifest& manifest) {
        for (const Section& section : manifest.sections) {
            if (auto written = write_section(section); !written) {
                const std::string name(to_string(section.kind));
                return fail(std::move(written.error()).within("section [" + name + "]"));
            }
        }
        if (const auto fits = check_size(text_, "the manifest"); !fits) return fail(fits.error());
        return std::move(text_);
    }

private:
    Status write_section(const Section& section) {
        if (const auto possible = check_section(section); !possible) return possible;
        if (!text_.empty()) text_ += '\n';
        text_.append("[").append(to_string(section.kind)).append("]\n");
        write_line(Keyword::download_mode, to_string(section.download_mode));
        write_stated(Keyword::version, section.version);
        write_line(Keyword::protocol, to_upper(to_string(section.protocol)));
        write_stated(Keyword::server_ip, section.server);
        write_stated(Keyword::srv_user_name, section.user_name);
        write_stated(Keyword::srv_user_pass, section.password.reveal());
        write_if_yes(Keyword::prompt, section.prompt);
        write_if_yes(Keyword::delete_files, section.delete_files);
        write_if_yes(Keyword::prompt_authname_enable, section.prompt_authname);
        const bool is_certificate = section.kind == SectionKind::dev_cert;
        if (is_certificate || section.profile != 1) write_line(Keyword::profile, std::to_string(section.profile));
        if (is_certificate || section.purpose != -1) write_line(Keyword::purpose, std::to_string(section.purpose));
        write_stated(Keyword::security_mode, section.security_mode);
        for (const std::string& name : section.filenames) write_line(Keyword::filename, name);
        return status_;
    }

    static Status check_section(const Section& section) {
        const std::size_t files = section.filenames.size();
        if (files == 0 && section.kind != SectionKind::user_config)
            return fail(FaultCode::malformed, "it needs a FILENAME");
        if (files > 1 && !takes_several_files(section.kind))
            return fail(FaultCode::malformed, "it takes only one FILENAME");
        for (const std::string& name : section.filenames)
            if (name.empty()) return fail(FaultCode::malformed, "a FILENAME is empty");
        if (auto fits = check_server(section.server); !fits) return fits;
        if (section.user_name.empty() && !section.password.empty())
            return fail(FaultCode::malformed, "a password stands without a user name");
        if (section.profile == 0) return fail(FaultCode::malformed, "PROFILE begins at 1");
        if (section.purpose < lowest_purpose) return fail(FaultCode::malformed, "PURPOSE is -1 or a bit mask");
        return check_version(section);
    }

    static Status check_version(const Section& section) {
        const bool is_optional = section.kind == SectionKind::user_keys || section.kind == SectionKind::ctl ||
                                 section.kind == SectionKind::crl;
        if (section.version.empty()) {
            if (is_optional) return {};
            return fail(FaultCode::malformed, "it needs a VERSION");
        }
        if (section.kind == SectionKind::fw) {
            if (section.version.size() <= max_firmware_version_length) return {};
            return fail(FaultCode::too_large,
                        "VERSION is longer than " + std::to_string(max_firmware_version_length) + " characters");
        }
        const auto number = parse_number(section.version);
        const std::size_t digits = section.version.size();
        if (number && *number <= max_version && digits >= min_version_digits && digits <= max_version_digits) return {};
        return fail(FaultCode::malformed, "VERSION must be " + std::to_string(min_version_digits) + " to " +
                                              std::to_string(max_version_digits) + " digits and at most " +
                                              std::to_string(max_version));
    }

    void write_stated(Keyword keyword, std::string_view value) {
        if (!value.empty()) write_line(keyword, value);
    }

    void write_if_yes(Keyword keyword, bool value) {
        if (value) write_line(keyword, "YES");
    }

    void write_line(Keyword keyword, std::string_view value) {
        if (!status_) return;
        const std::string_view name = to_string(keyword);
        status_ = check_written_value(name, value);
        // No manual says where a value with an inner blank ends.
        if (status_ && value.find(' ') != std::string_view::npos)
            status_ = fail(FaultCode::malformed, "the value of " + std::string(name) + " holds a blank");
        text_.append(name).append(" ").append(value).append("\n");
    }

    std::string text_;
    Status status_;
};

}  // namespace

std::string_view to_string(SectionKind kind) { return find_name(section_names, kind); }

std::optional<SectionKind> parse_section_kind(std::string_view name) { return find_value(section_names, name); }

bool takes_several_files(SectionKind kind) {
    return kind == SectionKind::language || kind == SectionKind::tones || kind == SectionKind::user_keys;
}

std::string_view to_string(DownloadMode mode) { return mode == DownloadMode::forced ? "FORCED" : "AUTO"; }

std::string_view to_string(Keyword keyword) { return find_name(keyword_names, keyword); }

bool operator==(const Section& a, const Section& b) {
    return a.kind == b.kind && a.version == b.version && a.download_mode == b.download_mode &&
           a.filenames == b.filenames && a.protocol == b.protocol && a.server == b.server &&
           a.user_name == b.user_name && a.password == b.password && a.prompt == b.prompt &&
           a.delete_files == b.delete_files && a.prompt_authname == b.prompt_authname && a.profile == b.profile &&
           a.purpose == b.purpose && a.security_mode == b.security_mode;
}

Result<ManifestReading> parse_manifest_as_phone(std::string_view text) {
    if (const auto fits = check_size(text, "the manifest"); !fits) return fail(fits.error());
    return ManifestReader().read(text);
}

Result<Manifest> parse_manifest_strict(std::string_view text) {
    auto reading = parse_manifest_as_phone(text);
    if (!reading) return fail(reading.error());
    if (const auto clean = check_nothing_dropped(text, reading->dropped); !clean) return fail(clean.error());
    return std::move(reading->manifest);
}

Status check_server(std::string_view host) {
    if (!host.empty() && !is_host(host))
        return fail(FaultCode::malformed, "SERVER_IP must be an address or a host name");
    return check_written_value(to_string(Keyword::server_ip), host);
}

Result<std::string> format_manifest(const Manifest& manifest) { return ManifestWriter().write(manifest); }

}  // namespace ringfence::phonefile
