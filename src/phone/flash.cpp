#include "phone/flash.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "crypto/hash.h"
#include "phone/enrolment_store.h"
#include "phone/port_store.h"
#include "phone/trust_store.h"

namespace ringfence::phone {

namespace {

constexpr std::string_view index_name = "index";
constexpr std::string_view stage_name = "stage";
constexpr std::string_view log_name = "events.log";
constexpr std::string_view old_log_name = "events.old";
constexpr std::string_view contents_name = "files";
constexpr std::size_t stage_limit = 4096;  // three short words

// The file of [DEV_CERT] that the profile's former identity came from goes with it.
void give_identity(FlashState& state, unsigned index, const std::string& hash) {
    DeviceProfile profile = state.profile(index);
    if (!profile.identity.empty() && profile.identity != hash)
        std::erase_if(state.files, [&](const InstalledFile& file) { return file.sha256 == profile.identity; });
    profile.identity = hash;
    state.profiles[index] = std::move(profile);
}

void note_signature(FlashState& state, std::string_view section, std::string_view name, WallTime signed_at) {
    auto& latest = state.latest_signatures.try_emplace(signature_key(section, name), signed_at).first->second;
    latest = std::max(latest, signed_at);
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
            stage.section = unescape_word(words[1]).value_or("");
            stage.file = unescape_word(words[2]).value_or("");
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
        // What is kept of the port is written meanwhile, by its own thread.
        if (!is_temporary(name) || name.starts_with(port_file_prefix)) continue;
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
    auto stored = next.stage == Stage::idle
                      ? disk_->remove(path(stage_name))
                      : disk_->replace(path(stage_name),
                                       fmt::format("{} {} {}\n", to_string(next.stage), escape_word(next.section),
                                                   escape_word(next.file)),
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

// Once the new state stands, contents that nothing names any more cost room only, and the next boot removes them too.
Status Flash::store_and_tidy(const FlashState& next) {
    auto stored = store(next);
    if (stored) static_cast<void>(remove_leftovers());
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
            if (other.section != file.section) return false;
            const auto& gone = commit.supersedes;
            if (std::find(gone.begin(), gone.end(), other.sha256) != gone.end()) return true;
            return other.name == file.name && (commit.replaces_namesake || other.sha256 == sha256);
        });
        next.files.push_back({file.section, file.name, file.source, accepted.basis(), sha256, accepted.stored().size(),
                              std::chrono::floor<Duration>(clock_->wall_now())});
    }
    if (file.came_by_https()) next.seen_over_https.insert(file.section);
    if (accepted.signed_at()) note_signature(next, file.section, file.name, *accepted.signed_at());
    if (commit.profile) {
        give_identity(next, *commit.profile, sha256);
        next.profiles[*commit.profile].purpose = commit.purpose;
    }
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

    return store_and_tidy(next);
}

Status Flash::note_manifest(std::optional<WallTime> signed_at) {
    if (!signed_at || signed_at == state_.latest_signature({}, {})) return {};
    FlashState next = state_;
    note_signature(next, {}, {}, *signed_at);
    return store(next);
}

Status Flash::note_time(std::optional<WallTime> proved) {
    if (!proved || (state_.proved_time && *proved < *state_.proved_time + time_spacing)) return {};
    FlashState next = state_;
    next.proved_time = proved;
    return store(next);
}

Status Flash::end_boot(std::optional<Load> restart_into) {
    RINGFENCE_ASSERT(stage_.stage == Stage::reporting || stage_.stage == Stage::idle);
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
    return store_and_tidy(next);
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
        const auto section = enrolment.protocol == ProfileSource::scep ? scep_section : token_section;
        std::erase_if(next.files, [&](const InstalledFile& other) {
            return other.section == section && other.sha256 == roots_hash;
        });
        next.files.push_back({std::string(section), enrolment.authority_name, enrolment.source, enrolment.basis,
                              roots_hash, roots.size(), std::chrono::floor<Duration>(clock_->wall_now())});
    }
    give_identity(next, enrolment.profile, identity_hash);
    DeviceProfile& profile = next.profiles[enrolment.profile];
    profile.source = enrolment.protocol;
    profile.server = enrolment.source;
    profile.is_active = true;
    return store_and_tidy(next);
}

Status Flash::delete_identity(unsigned index) {
    RINGFENCE_ASSERT(stage_.stage == Stage::idle);
    FlashState next = state_;
    give_identity(next, index, {});
    next.versions.erase(version_key(certificate_section, index));
    return store_and_tidy(next);
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

Status Flash::store_port(const PortSettings& port) {
    FlashState next = state_;
    next.port = port.mode == PortMode::disabled ? PortSettings() : port;
    if (next.port == state_.port) return {};
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
            const bool is_ours =
                is_temporary(name) || name.starts_with(enrolment_file_prefix) || name.starts_with(port_file_prefix);
            if (directory == folder && !is_ours) continue;
            auto removed = disk.remove(fmt::format("{}/{}", directory, name));
            if (!removed) return removed;
        }
    }
    return {};
}

}  // namespace ringfence::phone
