#include "phone/flash_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/text.h"
#include "crypto/hash.h"
#include "phone/trust_store.h"

namespace ringfence::phone {

namespace {

constexpr std::string_view index_header = "ringfence-phone flash 2";
constexpr std::string_view sum_key = "sum";
constexpr std::string_view https_mark = "https";  // behind a setting's value
constexpr std::string_view on_word = "on";
constexpr std::string_view off_word = "off";

constexpr std::array<std::string_view, 3> load_names = {"sip", "boot-loader", "unistim"};

auto damaged() { return fail(FaultCode::corrupt, "the phone's flash is damaged; only a reset makes it usable again"); }

std::string format_parameter(Parameter parameter, Source source, const Secret& text) {
    return fmt::format("parameter {} {} {}\n", to_string(parameter), to_string(source), escape_word(text.reveal()));
}

std::string format_port(const PortSettings& port) {
    return fmt::format("port {} {} {} {} {} {}\n", to_string(port.mode), escape_word(port.id1), escape_word(port.id2),
                       escape_word(port.password.reveal()), to_string(port.tunnel), escape_word(port.server_name));
}

bool take_parameter(const std::vector<std::string>& words, ParameterMemory& memory) {
    const auto parameter = parse_parameter(words[1]);
    const auto source = parse_source(words[2]);
    if (!parameter || !source) return false;
    if (*source == Source::manual)
        memory.manual[*parameter] = Secret(words[3]);
    else
        memory.automatic[*parameter] = {Secret(words[3]), *source, *source};
    return true;
}

std::optional<WallTime> parse_milliseconds(const std::string& digits) {
    const auto count = parse_number(digits);
    if (!count) return std::nullopt;
    return WallTime(Duration(static_cast<Duration::rep>(*count)));
}

std::optional<std::int32_t> parse_purpose(const std::string& text) {
    if (text == "-1") return all_purposes;
    const auto mask = parse_number(text);
    if (!mask || *mask > static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max())) return std::nullopt;
    return static_cast<std::int32_t>(*mask);
}

// profile INDEX SOURCE ACTIVE PURPOSE CA HOST IDENTITY [SERVER]
bool take_profile(const std::vector<std::string>& words, FlashState& state) {
    const auto index = parse_number(words[1]);
    const auto source = parse_profile_source(words[2]);
    const auto purpose = parse_purpose(words[4]);
    if (!index || *index == 0 || *index > profile_limit || !source || !purpose) return false;
    if (words[3] != on_word && words[3] != off_word) return false;
    const bool has_server = words.size() == 9;
    state.profiles[static_cast<unsigned>(*index)] = {
        *source, words[3] == on_word, *purpose, words[5], words[6], words[7], has_server ? words[8] : std::string()};
    return true;
}

// setting NAME SECTION VALUE FILE LINE [https]
bool take_setting(const std::vector<std::string>& words, FlashState& state) {
    const auto line = parse_number(words[5]);
    if (!line) return false;
    state.settings[words[1]] = {words[3], words[2], words.size() == 7, words[4], static_cast<std::size_t>(*line)};
    return true;
}

// port MODE ID1 ID2 PASSWORD TUNNEL SERVER
bool take_port(const std::vector<std::string>& words, PortSettings& port) {
    constexpr std::array fields = {PortField::mode,     PortField::id1,    PortField::id2,
                                   PortField::password, PortField::tunnel, PortField::server_name};
    for (std::size_t i = 0; i < fields.size(); ++i)
        if (!set_port_field(port, fields[i], words[i + 1])) return false;
    return true;
}

bool take_line(const std::vector<std::string>& words, FlashState& state) {
    const auto& key = words.front();
    if (key == "profile" && (words.size() == 8 || words.size() == 9)) return take_profile(words, state);
    if (key == "signed" && words.size() == 3) {
        const auto time = parse_milliseconds(words[2]);
        if (time) state.latest_signatures[words[1]] = *time;
        return time.has_value();
    }
    if (key == "load" && words.size() == 2) {
        state.load = parse_load(words[1]);
        return state.load.has_value();
    }
    if (key == "restarts" && words.size() == 2) {
        const auto count = parse_number(words[1]);
        state.restarts = static_cast<unsigned>(count.value_or(0));
        return count && *count <= std::numeric_limits<unsigned>::max();
    }
    if (key == "time" && words.size() == 2) {
        state.proved_time = parse_milliseconds(words[1]);
        return state.proved_time.has_value();
    }
    if (key == "version" && (words.size() == 3 || (words.size() == 4 && words[3] == https_mark))) {
        state.versions[words[1]] = {words[2], words.size() == 4};
        return true;
    }
    if (key == "file" && words.size() == 8) {
        const auto size = parse_number(words[6]);
        const auto time = parse_milliseconds(words[7]);
        if (!size || !time) return false;
        state.files.push_back({words[1], words[2], words[3], words[4], words[5], *size, *time});
        return true;
    }
    if (key == "https" && words.size() == 2) {
        state.seen_over_https.insert(words[1]);
        return true;
    }
    const bool is_marked = words.size() == 7 && words.back() == https_mark;
    if (key == "setting" && (words.size() == 6 || is_marked)) return take_setting(words, state);
    if (key == "parameter" && words.size() == 4) return take_parameter(words, state.parameters);
    if (key == "port" && words.size() == 7) return take_port(words, state.port);
    return false;
}

}  // namespace

std::string_view to_string(Load load) { return load_names[static_cast<std::size_t>(load)]; }

std::optional<Load> parse_load(std::string_view name) {
    const auto found = std::find(load_names.begin(), load_names.end(), name);
    if (found == load_names.end()) return std::nullopt;
    return static_cast<Load>(found - load_names.begin());
}

std::string version_key(std::string_view section, unsigned profile) {
    if (section != certificate_section || profile == 1) return std::string(section);
    return fmt::format("{}/{}", section, profile);
}

std::string signature_key(std::string_view section, std::string_view name) {
    if (section.empty()) return "manifest";
    const bool holds_one_file = section == policy_section || section == trust_list_section || section == "USER_CONFIG";
    return holds_one_file ? std::string(section) : fmt::format("{}/{}", section, name);
}

std::optional<WallTime> FlashState::latest_signature(std::string_view section, std::string_view name) const {
    const auto found = latest_signatures.find(signature_key(section, name));
    if (found == latest_signatures.end()) return std::nullopt;
    return found->second;
}

DeviceProfile FlashState::profile(unsigned index) const {
    const auto found = profiles.find(index);
    return found == profiles.end() ? factory_profile(index) : found->second;
}

const SectionVersion* FlashState::find_version(std::string_view section) const {
    const auto found = versions.find(section);
    return found == versions.end() ? nullptr : &found->second;
}

const InstalledFile* FlashState::find_file(std::string_view section, std::string_view name) const {
    const auto found = std::find_if(files.begin(), files.end(), [&](const InstalledFile& file) {
        return file.section == section && file.name == name;
    });
    return found == files.end() ? nullptr : &*found;
}

std::vector<const InstalledFile*> FlashState::files_of(std::string_view section) const {
    std::vector<const InstalledFile*> out;
    for (const auto& file : files)
        if (file.section == section) out.push_back(&file);
    return out;
}

std::string format_index(const FlashState& state) {
    std::string out = fmt::format("{}\n", index_header);
    if (state.proved_time) out += fmt::format("time {}\n", state.proved_time->time_since_epoch().count());
    for (const auto& [section, version] : state.versions)
        out += fmt::format("version {} {}{}{}\n", escape_word(section), escape_word(version.text),
                           version.came_by_https ? " " : "", version.came_by_https ? https_mark : "");
    for (const auto& file : state.files)
        out += fmt::format("file {} {} {} {} {} {} {}\n", escape_word(file.section), escape_word(file.name),
                           escape_word(file.source), escape_word(file.basis), file.sha256, file.size,
                           file.installed_at.time_since_epoch().count());
    for (const auto& [index, profile] : state.profiles)
        out +=
            fmt::format("profile {} {} {} {} {} {} {}{}{}\n", index, to_string(profile.source),
                        profile.is_active ? on_word : off_word, profile.purpose, escape_word(profile.ca_server_name),
                        escape_word(profile.host_name), escape_word(profile.identity),
                        profile.server.empty() ? "" : " ", profile.server.empty() ? "" : escape_word(profile.server));
    for (const auto& [what, time] : state.latest_signatures)
        out += fmt::format("signed {} {}\n", escape_word(what), time.time_since_epoch().count());
    if (state.load) out += fmt::format("load {}\n", to_string(*state.load));
    if (state.restarts > 0) out += fmt::format("restarts {}\n", state.restarts);
    for (const auto& section : state.seen_over_https) out += fmt::format("https {}\n", escape_word(section));
    for (const auto& [name, setting] : state.settings)
        out += fmt::format("setting {} {} {} {} {}{}{}\n", escape_word(name), escape_word(setting.section),
                           escape_word(setting.value), escape_word(setting.file), setting.line,
                           setting.came_by_https ? " " : "", setting.came_by_https ? https_mark : "");
    for (const auto& [parameter, text] : state.parameters.manual)
        out += format_parameter(parameter, Source::manual, text);
    for (const auto& [parameter, value] : state.parameters.automatic)
        out += format_parameter(parameter, value.origin, value.text);
    if (state.port != PortSettings()) out += format_port(state.port);
    return out + fmt::format("{} {}\n", sum_key, to_hex(crypto::sha256(out)));
}

Result<FlashState> parse_index(std::string_view text) {
    const auto sum_at = text.rfind(fmt::format("\n{} ", sum_key));
    if (sum_at == std::string_view::npos) return damaged();
    const std::string_view body = text.substr(0, sum_at + 1);
    if (text.substr(body.size()) != fmt::format("{} {}\n", sum_key, to_hex(crypto::sha256(body)))) return damaged();

    FlashState state;
    auto lines = split(body.substr(0, body.size() - 1), '\n');
    if (lines.front() != index_header) return damaged();
    for (std::size_t i = 1; i < lines.size(); ++i) {
        std::vector<std::string> words;
        for (const auto escaped : split(lines[i], ' ')) {
            auto word = unescape_word(escaped);
            if (!word) return damaged();
            words.push_back(std::move(*word));
        }
        if (!take_line(words, state)) return damaged();
    }
    return state;
}

std::string escape_word(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool is_plain = c > ' ' && c < 0x7f && c != '%';
        if (is_plain)
            out += c;
        else
            out += "%" + to_hex(std::string_view(&c, 1));
    }
    return out.empty() ? "%" : out;  // a lone '%' stands for nothing at all
}

Result<std::string> unescape_word(std::string_view word) {
    if (word == "%") return std::string();
    return percent_decode(word);
}

}  // namespace ringfence::phone
