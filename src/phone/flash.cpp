#include "phone/flash.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "base/text.h"
#include "crypto/hash.h"
#include "phone/trust_store.h"

namespace ringfence::phone {

namespace {

constexpr std::string_view index_name = "index";
constexpr std::string_view stage_name = "stage";
constexpr std::string_view log_name = "events.log";
constexpr std::string_view old_log_name = "events.old";
constexpr std::string_view contents_name = "files";
constexpr std::string_view index_header = "ringfence-phone flash 2";
constexpr std::string_view sum_key = "sum";
constexpr std::string_view https_mark = "https";  // behind a setting's value
constexpr std::string_view on_word = "on";
constexpr std::string_view off_word = "off";
constexpr std::size_t stage_limit = 4096;  // three short words

constexpr std::array<std::string_view, 3> load_names = {"sip", "boot-loader", "unistim"};

// One word for the index: what could break a line or a field apart is percent-encoded.
std::string escape(std::string_view text) {
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

Result<std::string> unescape(std::string_view word) {
    if (word == "%") return std::string();
    return percent_decode(word);
}

auto damaged() { return fail(FaultCode::corrupt, "the phone's flash is damaged; only a reset makes it usable again"); }

std::string format_milliseconds(const std::optional<WallTime>& time) {
    return time ? fmt::format("{}", time->time_since_epoch().count()) : std::string("%");
}

std::string format_parameter(Parameter parameter, Source source, const Secret& text) {
    return fmt::format("parameter {} {} {}\n", to_string(parameter), to_string(source), escape(text.reveal()));
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

std::string format_index(const FlashState& state) {
    std::string out = fmt::format("{}\n", index_header);
    if (state.proved_time) out += fmt::format("time {}\n", state.proved_time->time_since_epoch().count());
    for (const auto& [section, version] : state.versions)
        out += fmt::format("version {} {}{}{}\n", escape(section), escape(version.text),
                           version.came_by_https ? " " : "", version.came_by_https ? https_mark : "");
    for (const auto& file : state.files)
        out += fmt::format("file {} {} {} {} {} {} {} {}\n", escape(file.section), escape(file.name),
                           escape(file.source), escape(file.basis), file.sha256, file.size,
                           file.installed_at.time_since_epoch().count(), format_milliseconds(file.signed_at));
    for (const auto& [index, profile] : state.profiles)
        out += fmt::format("profile {} {} {} {} {} {} {}\n", index, to_string(profile.source),
                           profile.is_active ? on_word : off_word, profile.purpose, escape(profile.ca_server_name),
                           escape(profile.host_name), escape(profile.identity));
    if (state.manifest_signed_at) out += fmt::format("manifest {}\n", format_milliseconds(state.manifest_signed_at));
    if (state.load) out += fmt::format("load {}\n", to_string(*state.load));
    if (state.restarts > 0) out += fmt::format("restarts {}\n", state.restarts);
    for (const auto& section : state.seen_over_https) out += fmt::format("https {}\n", escape(section));
    for (const auto& [name, setting] : state.settings)
        out += fmt::format("setting {} {} {} {} {}{}{}\n", escape(name), escape(setting.section), escape(setting.value),
                           escape(setting.file), setting.line, setting.came_by_https ? " " : "",
                           setting.came_by_https ? https_mark : "");
    for (const auto& [parameter, text] : state.parameters.manual)
        out += format_parameter(parameter, Source::manual, text);
    for (const auto& [parameter, value] : state.parameters.automatic)
        out += format_parameter(parameter, value.origin, value.text);
    return out + fmt::format("{} {}\n", sum_key, to_hex(crypto::sha256(out)));
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

bool take_profile(const std::vector<std::string>& words, FlashState& state) {
    const auto index = parse_number(words[1]);
    const auto source = parse_profile_source(words[2]);
    const auto purpose = parse_purpose(words[4]);
    if (!index || *index == 0 || *index > profile_limit || !source || !purpose) return false;
    if (words[3] != on_word && words[3] != off_word) return false;
    state.profiles[static_cast<unsigned>(*index)] = {*source, words[3] == on_word, *purpose, words[5], words[6],
                                                     words[7]};
    return true;
}

// setting NAME SECTION VALUE FILE LINE [https]
bool take_setting(const std::vector<std::string>& words, FlashState& state) {
    const auto line = parse_number(words[5]);
    if (!line) return false;
    state.settings[words[1]] = {words[3], words[2], words.size() == 7, words[4], static_cast<std::size_t>(*line)};
    return true;
}

bool take_line(const std::vector<std::string>& words, FlashState& state) {
    const auto& key = words.front();
    if (key == "profile" && words.size() == 8) return take_profile(words, state);
    if (key == "manifest" && words.size() == 2) {
        state.manifest_signed_at = parse_milliseconds(words[1]);
        return state.manifest_signed_at.has_value();
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
    if (key == "file" && words.size() == 9) {
        const auto size = parse_number(words[6]);
        const auto time = parse_milliseconds(words[7]);
        const auto signed_at = words[8].empty() ? std::nullopt : parse_milliseconds(words[8]);
        if (!size || !time || signed_at.has_value() == words[8].empty()) return false;
        state.files.push_back({words[1], words[2], words[3], words[4], words[5], *size, *time, signed_at});
        return true;
    }
    if (key == "https" && words.size() == 2) {
        state.seen_over_https.insert(words[1]);
        return true;
    }
    const bool is_marked = words.size() == 7 && words.back() == https_mark;
    if (key == "setting" && (words.size() == 6 || is_marked)) return take_setting(words, state);
    if (key == "parameter" && words.size() == 4) return take_parameter(words, state.parameters);
    return false;
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
            auto word = unescape(escaped);
            if (!word) return damaged();
            words.push_back(std::move(*word));
        }
        if (!take_line(words, state)) return damaged();
    }
    return state;
}

// The file of [DEV_CERT] that the profile's former identity came from goes with it.
void give_identity(FlashState& state, unsigned index, const std::string& hash) {
    DeviceProfile profile = state.profile(index);
    if (!profile.identity.empty() && profile.identity != hash)
        std::erase_if(state.files, [&](const InstalledFile& file) { return file.sha256 == profile.identity; });
    profile.identity = hash;
    state.profiles[index] = std::move(profile);
}

bool is_temporary(std::string_view name) { return name.ends_with(Disk::temporary_suffix); }

// The number of the last whole line, so that numbers go on over a rotation.
std::uint64_t last_number(std::string_view log) {
    std::uint64_t last = 0;
    for (const auto line : split(log, '\n')) last = std::max(last, parse_running_number(line).value_or(0));
    return last;
}

void append_lines(std::vector<std::string>& out, std::string_view log) {
    for (const auto line : split(log, '\n'))
        if (!line.empty()) out.emplace_back(line);
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

std::string Flash::path(std::string_view name) const { return fmt::format("{}/{}", folder_, name); }

std::string Flash::content_path(std::string_view sha256) const {
    return fmt::format("{}/{}/{}", folder_, contents_name, sha256);
}

Result<Flash> Flash::open(Disk& disk, std::string folder, const Clock& clock) {
    Flash flash(disk, std::move(folder), clock);
    auto loaded = flash.load();
    if (loaded) loaded = flash.load_log();
    if (!loaded) return fail(std::move(loaded.error()));
    return flash;
}

Status Flash::load() {
    FlashState state;
    auto text = disk_->read(path(index_name), index_limit);
    if (text) {
        auto parsed = parse_index(*text);
        if (!parsed) return fail(std::move(parsed.error()));
        state = std::move(*parsed);
    } else if (text.error().code != FaultCode::not_found) {
        return fail(std::move(text.error()));
    }

    StageMark stage;
    const auto mark = disk_->read(path(stage_name), stage_limit);
    if (mark) {
        // A mark that cannot be read still says that a boot was under way.
        const auto words = split(trim(*mark), ' ');
        stage.stage = parse_stage(words.front()).value_or(Stage::fetching_manifest);
        if (words.size() == 3) {
            stage.section = unescape(words[1]).value_or("");
            stage.file = unescape(words[2]).value_or("");
        }
    } else if (mark.error().code != FaultCode::not_found) {
        return fail(mark.error());
    }
    state_ = std::move(state);
    stage_ = std::move(stage);
    return {};
}

Status Flash::load_log() {
    for (auto [name, log] : {std::pair{old_log_name, &old_log_}, std::pair{log_name, &log_}}) {
        auto text = disk_->read(path(name), 2 * log_limit);
        if (text)
            *log = std::move(*text);
        else if (text.error().code != FaultCode::not_found && text.error().code != FaultCode::too_large)
            return fail(std::move(text.error()));
        next_event_ = std::max(next_event_, last_number(*log) + 1);
    }
    return {};
}

Status Flash::recover() {
    auto done = disk_->make_directory(path(contents_name), private_directory);
    if (done) done = remove_leftovers();
    if (!done) return done;
    if (stage_.stage == Stage::idle) return {};
    done = disk_->remove(path(stage_name));
    if (!done) return done;
    interrupted_ = std::exchange(stage_, StageMark{});
    return {};
}

Status Flash::remove_leftovers() {
    std::set<std::string> wanted;
    for (const auto& file : state_.files) wanted.insert(file.sha256);
    for (const auto& [index, profile] : state_.profiles) wanted.insert(profile.identity);

    auto contents = disk_->list(path(contents_name));
    if (!contents) return fail(std::move(contents.error()));
    for (const auto& name : *contents) {
        if (wanted.count(name) > 0) continue;
        auto removed = disk_->remove(content_path(name));
        if (!removed) return removed;
    }
    auto names = disk_->list(folder_);
    if (!names) return fail(std::move(names.error()));
    for (const auto& name : *names) {
        if (!is_temporary(name)) continue;
        auto removed = disk_->remove(path(name));
        if (!removed) return removed;
    }
    return {};
}

Result<std::string> Flash::read(const InstalledFile& file) { return read_content(file.sha256, file.name); }

Result<std::string> Flash::read_content(const std::string& sha256, std::string_view name) {
    auto bytes = disk_->read(content_path(sha256), file_limit);
    if (!bytes && bytes.error().code != FaultCode::not_found) return bytes;
    if (!bytes || to_hex(crypto::sha256(*bytes)) != sha256)
        return fail(FaultCode::corrupt, fmt::format("the stored file {} is not what was installed", printable(name)));
    return bytes;
}

Status Flash::store_content(const std::string& sha256, std::string_view bytes) {
    const auto stored = disk_->read(content_path(sha256), file_limit);
    if (stored && *stored == bytes) return {};
    return disk_->replace(content_path(sha256), bytes, private_file);
}

Status Flash::enter(StageMark next) {
    RINGFENCE_ASSERT(is_legal_step(stage_.stage, next.stage));
    auto stored =
        next.stage == Stage::idle
            ? disk_->remove(path(stage_name))
            : disk_->replace(path(stage_name),
                             fmt::format("{} {} {}\n", to_string(next.stage), escape(next.section), escape(next.file)),
                             private_file);
    if (stored) stage_ = std::move(next);
    return stored;
}

Status Flash::store(const FlashState& next) {
    const std::string index = format_index(next);
    if (index.size() > index_limit) return fail(FaultCode::too_large, "the phone's flash has no room for more entries");
    auto stored = disk_->replace(path(index_name), index, private_file);
    if (stored) {
        state_ = next;
        return {};
    }
    // The rename may have happened before the fault: what stands on the disk counts. If even that cannot be read, the
    // next boot will find out.
    const auto text = disk_->read(path(index_name), index_limit);
    if (text)
        if (auto parsed = parse_index(*text)) state_ = std::move(*parsed);
    return stored;
}

Status Flash::install(const AcceptedFile& accepted, const Commit& commit) {
    const Candidate& file = accepted.file();
    RINGFENCE_ASSERT(stage_.stage == Stage::installing && stage_.section == file.section && stage_.file == file.name);

    const std::string sha256 = to_hex(crypto::sha256(accepted.stored()));
    auto written = store_content(sha256, accepted.stored());
    if (!written) return written;

    FlashState next = state_;
    if (!accepted.is_already_installed()) {
        std::erase_if(next.files, [&](const InstalledFile& other) {
            const bool is_same = other.section == file.section && other.name == file.name;
            return is_same && (commit.replaces_namesake || other.sha256 == sha256);
        });
        next.files.push_back({file.section, file.name, file.source, accepted.basis(), sha256, accepted.stored().size(),
                              std::chrono::floor<Duration>(clock_->wall_now()), accepted.signed_at()});
        if (next.files.back().came_by_https()) next.seen_over_https.insert(file.section);
    }
    if (commit.profile) give_identity(next, *commit.profile, sha256);
    if (commit.load) next.load = commit.load;
    if (commit.keep_only)
        std::erase_if(next.files, [&](const InstalledFile& other) {
            const auto& kept = *commit.keep_only;
            if (other.section != file.section || (other.came_by_https() && !file.came_by_https())) return false;
            return std::find(kept.begin(), kept.end(), other.name) == kept.end();
        });
    if (commit.version) next.versions[commit.version_key.empty() ? file.section : commit.version_key] = *commit.version;
    if (commit.settings) next.settings = *commit.settings;
    if (commit.proved_time && (!next.proved_time || *next.proved_time < *commit.proved_time))
        next.proved_time = commit.proved_time;

    auto stored = store(next);
    if (!stored) return stored;
    // The new state stands; contents that nothing names any more cost room only, and the next boot removes them too.
    static_cast<void>(remove_leftovers());
    return {};
}

Status Flash::note_manifest(std::optional<WallTime> signed_at) {
    if (!signed_at || signed_at == state_.manifest_signed_at) return {};
    FlashState next = state_;
    next.manifest_signed_at = signed_at;
    return store(next);
}

Status Flash::end_boot(std::optional<Load> restart_into) {
    RINGFENCE_ASSERT(stage_.stage == Stage::reporting);
    FlashState next = state_;
    if (restart_into) next.load = restart_into;
    next.restarts = restart_into ? state_.restarts + 1 : 0;
    if (next.load == state_.load && next.restarts == state_.restarts) return {};
    return store(next);
}

Status Flash::forget(std::string_view section) {
    FlashState next = state_;
    std::erase_if(next.files, [&](const InstalledFile& file) { return file.section == section; });
    next.versions.erase(std::string(section));
    auto stored = store(next);
    if (stored) static_cast<void>(remove_leftovers());
    return stored;
}

Status Flash::store_profile(unsigned index, DeviceProfile profile) {
    RINGFENCE_ASSERT(stage_.stage == Stage::idle && index > 0 && index <= profile_limit);
    FlashState next = state_;
    profile.identity = state_.profile(index).identity;
    next.profiles[index] = std::move(profile);
    return store(next);
}

Status Flash::store_enrolment(const Enrolment& enrolment) {
    RINGFENCE_ASSERT(stage_.stage == Stage::idle && enrolment.profile > 0 && enrolment.profile <= profile_limit);
    const Secret identity = format_identity(enrolment.identity);
    const std::string identity_hash = to_hex(crypto::sha256(identity.reveal()));
    const std::string roots = crypto::format_bundle(enrolment.authorities);
    const std::string roots_hash = to_hex(crypto::sha256(roots));
    auto written = store_content(identity_hash, identity.reveal());
    if (written && !roots.empty()) written = store_content(roots_hash, roots);
    if (!written) return written;

    FlashState next = state_;
    if (!roots.empty()) {
        std::erase_if(next.files, [&](const InstalledFile& other) {
            return other.section == scep_section && other.sha256 == roots_hash;
        });
        next.files.push_back({std::string(scep_section),
                              enrolment.authority_name,
                              enrolment.source,
                              enrolment.basis,
                              roots_hash,
                              roots.size(),
                              std::chrono::floor<Duration>(clock_->wall_now()),
                              {}});
    }
    give_identity(next, enrolment.profile, identity_hash);
    DeviceProfile& profile = next.profiles[enrolment.profile];
    profile.source = ProfileSource::scep;
    profile.is_active = true;
    auto stored = store(next);
    if (stored) static_cast<void>(remove_leftovers());
    return stored;
}

Status Flash::delete_identity(unsigned index) {
    RINGFENCE_ASSERT(stage_.stage == Stage::idle);
    FlashState next = state_;
    give_identity(next, index, {});
    next.versions.erase(version_key(certificate_section, index));
    auto stored = store(next);
    if (stored) static_cast<void>(remove_leftovers());
    return stored;
}

Result<crypto::ClientIdentity> Flash::read_identity(unsigned index) {
    const std::string hash = state_.profile(index).identity;
    if (hash.empty()) return fail(FaultCode::not_found, fmt::format("profile {} holds no certificate", index));
    auto text = read_content(hash, fmt::format("of profile {}", index));
    if (!text) return fail(std::move(text.error()));
    auto identity = parse_identity(*text);
    wipe(*text);
    if (!identity) return fail(FaultCode::corrupt, identity.error().message);
    return identity;
}

Result<crypto::ClientIdentity> Flash::read_active_identity() {
    for (unsigned index = 1; index <= profile_limit; ++index) {
        const DeviceProfile profile = state_.profile(index);
        if (profile.is_active && profile.purpose != 0 && !profile.identity.empty()) return read_identity(index);
    }
    return fail(FaultCode::not_found, "no active profile holds a certificate");
}

Status Flash::remember(const ParameterMemory& parameters) {
    if (parameters == state_.parameters) return {};
    FlashState next = state_;
    next.parameters = parameters;
    return store(next);
}

Status Flash::log(const Event& event) {
    if (log_.size() >= log_limit) {
        auto rotated = disk_->rename(path(log_name), path(old_log_name));
        // A rename that only could not be confirmed has happened.
        if (!rotated && disk_->exists(path(log_name))) return rotated;
        old_log_ = std::exchange(log_, {});
    }
    std::string next = log_ + format_event(event, clock_->wall_now(), next_event_) + "\n";
    auto stored = disk_->replace(path(log_name), next, private_file);
    if (!stored) return stored;
    log_ = std::move(next);
    ++next_event_;
    return {};
}

std::vector<std::string> Flash::events() const {
    std::vector<std::string> out;
    append_lines(out, old_log_);
    append_lines(out, log_);
    return out;
}

Status Flash::erase(Disk& disk, const std::string& folder) {
    if (!disk.exists(folder)) return {};
    for (const auto name : {index_name, stage_name, log_name, old_log_name}) {
        auto removed = disk.remove(fmt::format("{}/{}", folder, name));
        if (!removed) return removed;
    }
    const std::string contents = fmt::format("{}/{}", folder, contents_name);
    for (const auto& directory : {contents, folder}) {
        if (!disk.exists(directory)) continue;
        auto names = disk.list(directory);
        if (!names) return fail(std::move(names.error()));
        for (const auto& name : *names) {
            if (directory == folder && !is_temporary(name)) continue;
            auto removed = disk.remove(fmt::format("{}/{}", directory, name));
            if (!removed) return removed;
        }
    }
    return {};
}

}  // namespace ringfence::phone
