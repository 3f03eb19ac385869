#include "phone/boot.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"

namespace ringfence::phone {

namespace {

using phonefile::DownloadMode;
using phonefile::Section;
using phonefile::SectionKind;

// No proved time lies before this program was written (docs/TRUST.md: a phone without a clock still gets in).
constexpr WallTime time_at_writing = std::chrono::sys_days(std::chrono::January / 1 / 2026);
// A clock that is a little behind the last proved time was set, not lost.
constexpr Duration clock_tolerance = std::chrono::hours(24);
// Manual: further language and tone files are refused.
constexpr std::size_t stored_file_limit = 5;
// Enough to see what is wrong with a file; each takes an entry of the event log.
constexpr std::size_t told_line_limit = 50;
constexpr std::size_t told_name_limit = 8;
// What a set's file system can name.
constexpr std::size_t path_limit = 255;

constexpr std::size_t kilobyte = 1024;
constexpr std::size_t megabyte = 1024 * kilobyte;
// Several times the largest files seen in the field; firmware there is 4 to 8 MB.
constexpr std::size_t firmware_limit = 32 * megabyte;
constexpr std::size_t media_limit = 2 * megabyte;
constexpr std::size_t root_file_limit = 64 * kilobyte;
constexpr std::size_t text_limit = 64 * kilobyte;

std::size_t size_limit(SectionKind kind) {
    switch (kind) {
        case SectionKind::fw: return firmware_limit;
        case SectionKind::language:
        case SectionKind::tones:
        case SectionKind::images: return media_limit;
        case SectionKind::device_config:
        case SectionKind::user_config: return phonefile::max_file_size;
        case SectionKind::user_keys: return root_file_limit;
        case SectionKind::dialing_plan:
        case SectionKind::licensing:
        case SectionKind::sec_policy:
        case SectionKind::dev_cert:
        case SectionKind::ctl:
        case SectionKind::crl:
        case SectionKind::login_banner: return text_limit;
    }
    return text_limit;
}

bool has_stored_file_limit(SectionKind kind) { return kind == SectionKind::language || kind == SectionKind::tones; }

std::optional<std::string> fault_in_path(std::string_view path) {
    if (path.empty()) return "the file's name is empty";
    if (path.size() > path_limit) return fmt::format("the file's name is longer than {} characters", path_limit);
    for (const char c : path)
        if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) return "the file's name holds a control character";
    for (const auto segment : split(path, '/'))
        if (segment == ".." || segment == ".") return "the file's name leads out of its folder";
    return std::nullopt;
}

// Both ways of writing, so that "/fw/a.bin" and "fw/a.bin" are the same file below the server's root.
std::string_view without_leading_slashes(std::string_view path) {
    while (!path.empty() && path.front() == '/') path.remove_prefix(1);
    return path;
}

std::string manifest_path(const Url& server, const std::string& model_name) {
    const std::string_view folder = server.path;
    if (to_lower(folder).ends_with(".cfg")) return std::string(without_leading_slashes(folder));
    std::string path(without_leading_slashes(folder));
    if (!path.empty() && path.back() != '/') path += '/';
    return path + model_name;
}

std::optional<Login> anonymous_login(Protocol protocol) {
    if (protocol != Protocol::ftp) return std::nullopt;
    return Login{"anonymous", Secret()};
}

// What the phone does not want, as against what it could not get.
Action action_for(FaultCode code) {
    switch (code) {
        case FaultCode::untrusted:
        case FaultCode::expired:
        case FaultCode::forbidden:
        case FaultCode::too_large: return Action::refused;
        default: return Action::failed;
    }
}

}  // namespace

Result<std::string> manifest_name(std::string_view model) {
    constexpr std::size_t digits = 4;
    const bool is_model = (model.size() == digits || (model.size() == digits + 1 && model.back() == 'e')) &&
                          std::all_of(model.begin(), model.begin() + digits, is_ascii_digit);
    if (!is_model) return fail(FaultCode::malformed, "a model is named like 1230 or 1140e");
    return fmt::format("{}SIP.cfg", model);
}

BootSession::BootSession(BootSettings settings, const family::Family& family, Flash& flash, const Clock& clock)
    : settings_(std::move(settings)), family_(&family), flash_(&flash), clock_(&clock) {
    report_.mac = settings_.mac.colons();
    report_.model = settings_.model;
    auto trust = TrustStore::load(flash);
    if (trust)
        trust_ = std::move(*trust);
    else
        trust_fault_ = std::move(trust.error());
}

std::string BootSession::section_name() const { return std::string(to_string(section().kind)); }

Step BootSession::start() {
    if (const auto& cut = flash_->interrupted()) {
        const std::string text = fmt::format("the boot before was cut off while {} {}; what was installed is whole",
                                             to_string(cut->stage), cut->file.empty() ? "nothing" : cut->file);
        record({EventCode::boot_interrupted, Severity::minor, text});
        note(cut->file, 0, text);
    }
    record(
        {EventCode::boot_started, Severity::information,
         fmt::format("boot of {} as model {} from {}", report_.mac, report_.model, settings_.server.without_login())});

    const auto name = manifest_name(settings_.model);
    if (!name) return fail_manifest(Action::failed, name.error().message);
    order_ = order_to(settings_.server.protocol, settings_.server.host, manifest_path(settings_.server, *name));
    order_.login = login_for(order_);
    order_.size_limit = phonefile::max_file_size;
    report_.manifest.file = order_.path;
    report_.manifest.url = order_.url();
    if (auto fault = fault_in_path(order_.path)) return fail_manifest(Action::refused, std::move(*fault));
    if (order_.protocol == Protocol::https && trust_fault_)
        return fail_manifest(Action::refused, trust_fault_->message);
    if (order_.protocol == Protocol::https && trust_.empty())
        return fail_manifest(Action::refused, "no root certificate is installed, so this server cannot be verified");
    auto entered = enter(Stage::fetching_manifest);
    if (!entered) return fail_manifest(Action::failed, entered.error().message);
    return send();
}

Step BootSession::fail_manifest(Action action, std::string reason) {
    report_.manifest.action = action;
    report_.manifest.reason = std::move(reason);
    record({EventCode::manifest_failed, Severity::minor,
            fmt::format("{}: {}; everything installed is kept", report_.manifest.file, report_.manifest.reason)});
    return finish();
}

Step BootSession::read_manifest(FetchOutcome outcome) {
    if (!outcome.body) return fail_manifest(action_for(outcome.body.error().code), outcome.body.error().message);
    report_.manifest.bytes = outcome.body->size();
    auto entered = enter(Stage::reading_manifest);
    if (!entered) return fail_manifest(Action::failed, entered.error().message);
    auto reading = phonefile::parse_manifest_as_phone(*outcome.body);
    if (!reading) return fail_manifest(Action::refused, reading.error().message);
    note_dropped(report_.manifest.file, reading->dropped);
    if (reading->manifest.sections.empty())
        return fail_manifest(Action::failed, "this is no manifest: it has no section that a phone obeys");
    manifest_ = std::move(reading->manifest);
    report_.manifest.action = Action::fetched;
    report_.manifest.reason = "always fetched";
    record({EventCode::manifest_read, Severity::information,
            fmt::format("{} fetched from {}", report_.manifest.file, report_.manifest.url)});
    plan();
    return next_file();
}

void BootSession::plan() {
    using Names = std::map<SectionKind, std::set<std::string>>;
    Names stored;
    Names from_https;
    for (const auto& file : flash_->state().files) {
        const auto kind = phonefile::parse_section_kind(file.section);
        if (!kind) continue;
        stored[*kind].insert(file.name);
        if (file.came_by_https()) from_https[*kind].insert(file.name);
    }

    for (std::size_t index = 0; index < manifest_.sections.size(); ++index) {
        const Section& section = manifest_.sections[index];
        std::vector<std::string> names = section.filenames;
        if (names.empty()) names.push_back("SIP*.cfg");
        auto& held = stored[section.kind];
        if (section.delete_files)
            held = section.protocol == Protocol::https ? std::set<std::string>() : from_https[section.kind];
        std::optional<std::size_t> last;
        for (const auto& name : names) {
            Task task;
            task.section = index;
            task.file = phonefile::expand_filename(name, settings_.mac);
            task.is_beyond_limit =
                has_stored_file_limit(section.kind) && held.count(task.file) == 0 && held.size() >= stored_file_limit;
            if (!task.is_beyond_limit) {
                held.insert(task.file);
                last = tasks_.size();
            }
            tasks_.push_back(std::move(task));
        }
        if (last) tasks_[*last].completes_section = true;
    }
}

Step BootSession::next_file() {
    for (; current_ < tasks_.size(); ++current_)
        if (auto step = begin_file()) return std::move(*step);
    return finish();
}

std::optional<Step> BootSession::begin_file() {
    if (decided_section_ != tasks_[current_].section) decide_section();
    order_ = order_for_current();
    candidate_ = {section_name(), tasks_[current_].file, order_.url(), {}};
    if (auto entered = enter(Stage::deciding); !entered) {
        settle_fault(entered.error());
        return std::nullopt;
    }
    if (wanted_.newer) note_weaker_wire();
    if (auto verdict = verdict_before_fetch()) {
        settle(verdict->action, std::move(verdict->reason));
        return std::nullopt;
    }
    if (!section().prompt) return order_file();
    if (auto entered = enter(Stage::consulting); !entered) {
        settle_fault(entered.error());
        return std::nullopt;
    }
    return Question{Question::Kind::consent, candidate_.section, candidate_.name, {}};
}

// The version rule holds for a section as a whole, and before any of its files changes what is stored.
void BootSession::decide_section() {
    decided_section_ = tasks_[current_].section;
    section_has_trouble_ = false;
    const Section& now = section();
    if (now.download_mode == DownloadMode::forced)
        wanted_ = {true, "DOWNLOAD_MODE is FORCED"};
    else if (now.kind == SectionKind::user_keys && now.version.empty())
        wanted_ = {true, "certificates without a VERSION identify themselves"};
    else
        wanted_ = judge_version(offered_version(), flash_->state().find_version(section_name()));
}

SectionVersion BootSession::offered_version() const {
    return {section().version, section().protocol == Protocol::https};
}

std::optional<BootSession::EarlyVerdict> BootSession::verdict_before_fetch() const {
    const Task& task = tasks_[current_];
    if (auto reason = reason_never_accepted(section_name())) return EarlyVerdict{Action::refused, std::move(*reason)};
    if (!wanted_.newer) return EarlyVerdict{Action::kept, wanted_.reason};
    if (task.is_beyond_limit)
        return EarlyVerdict{Action::refused,
                            fmt::format("a set stores {} of these files at most; DELETE_FILES YES makes room, but not "
                                        "over a clear wire for files that came over https",
                                        stored_file_limit)};
    if (auto fault = fault_in_path(order_.path)) return EarlyVerdict{Action::refused, std::move(*fault)};
    if (order_.protocol != Protocol::https && needs_https())
        return EarlyVerdict{Action::refused,
                            fmt::format("it came over https before and is not taken over {}; only a reset of the phone "
                                        "allows that again",
                                        to_string(order_.protocol))};
    const bool needs_trust = order_.protocol == Protocol::https || section().kind == SectionKind::user_keys;
    if (needs_trust && trust_fault_) return EarlyVerdict{Action::refused, trust_fault_->message};
    if (order_.protocol == Protocol::https && trust_.empty())
        return EarlyVerdict{Action::refused, "no root certificate is installed, so this server cannot be verified"};
    return std::nullopt;
}

// Sets are given two DEVICE_CONFIG files, a public one over any wire and another over HTTPS: those are told apart by
// name. Of every other section no new name leads around the rule.
bool BootSession::came_by_https() const {
    if (section().kind == SectionKind::device_config) return find_namesake_of_https() != nullptr;
    return flash_->state().seen_over_https.contains(candidate_.section);
}

const InstalledFile* BootSession::find_namesake_of_https() const {
    for (const auto* file : flash_->state().files_of(candidate_.section))
        if (file->came_by_https() && without_leading_slashes(file->name) == order_.path) return file;
    return nullptr;
}

bool BootSession::needs_https() const {
    const SectionKind kind = section().kind;
    if (!came_by_https() || is_public_by_nature(kind) || kind == SectionKind::user_keys) return false;
    if (kind != SectionKind::device_config) return true;
    // A public file that came over HTTPS, because the whole manifest did, may come in clear again.
    const auto bytes = flash_->read(*find_namesake_of_https());
    const auto held = bytes ? read_settings(*family_, *bytes) : fail(bytes.error());
    return !held || !is_public(held->file, *family_);
}

Step BootSession::order_file() {
    if (auto entered = enter(Stage::fetching); !entered) {
        settle_fault(entered.error());
        return after_file();
    }
    note_login();
    return send();
}

Step BootSession::fetched(FetchOutcome outcome) {
    if (auto step = learn_time(outcome)) return std::move(*step);
    if (outcome.proved_time) note_proved_time(*outcome.proved_time);
    if (flash_->stage().stage == Stage::fetching_manifest) return read_manifest(std::move(outcome));

    RINGFENCE_ASSERT(flash_->stage().stage == Stage::fetching);
    if (!outcome.body) {
        settle_fault(outcome.body.error());
        return after_file();
    }
    candidate_.bytes = std::move(*outcome.body);
    if (auto entered = enter(Stage::accepting); !entered) {
        settle_fault(entered.error());
        return after_file();
    }
    return judge_file(std::nullopt);
}

Step BootSession::answered(const Answer& answer) {
    if (flash_->stage().stage == Stage::consulting) {
        if (answer.yes) return order_file();
        settle(
            Action::refused,
            fmt::format("the manifest asks for the user's consent (PROMPT YES), which was not given ({})", answer.how));
        return after_file();
    }
    RINGFENCE_ASSERT(flash_->stage().stage == Stage::asking);
    if (auto entered = enter(Stage::accepting); !entered) {
        settle_fault(entered.error());
        return after_file();
    }
    return judge_file(answer);
}

Step BootSession::judge_file(const std::optional<Answer>& answer) {
    auto verdict = accept(candidate_, trust_, answer);
    if (const auto* needed = std::get_if<NeedsFingerprint>(&verdict)) {
        if (auto entered = enter(Stage::asking); !entered) {
            settle_fault(entered.error());
            return after_file();
        }
        return Question{Question::Kind::fingerprint, candidate_.section, candidate_.name, needed->fingerprints};
    }
    if (const auto* fault = std::get_if<Fault>(&verdict))
        settle(Action::refused, fault->message);
    else
        install(std::get<AcceptedFile>(verdict));
    return after_file();
}

void BootSession::install(const AcceptedFile& accepted) {
    const auto commit = commit_for(accepted);
    if (!commit) return settle_fault(commit.error());
    const auto* stored = flash_->state().find_version(candidate_.section);
    const bool brings_version = commit->version && (stored == nullptr || *stored != *commit->version);
    if (accepted.is_already_installed() && !brings_version) return settle(Action::kept, accepted.basis());

    auto done = enter(Stage::installing);
    if (done) done = flash_->install(accepted, *commit);
    if (!done) return settle(Action::failed, done.error().message);
    if (section().kind == SectionKind::user_keys && !accepted.is_already_installed()) trust_.add_file(candidate_.bytes);
    if (accepted.is_already_installed()) return settle(Action::kept, accepted.basis());
    settle(Action::fetched, fmt::format("{}; {}", wanted_.reason, accepted.basis()));
}

Result<Commit> BootSession::commit_for(const AcceptedFile& accepted) {
    const Task& task = tasks_[current_];
    const Section& now = section();
    Commit commit;
    commit.proved_time = proved_time_;
    if (is_settings(now.kind)) {
        auto settings = settings_with(accepted);
        if (!settings) return fail(std::move(settings.error()));
        commit.settings = std::move(*settings);
    }
    if (!phonefile::takes_several_files(now.kind)) commit.keep_only = {task.file};
    // Also when the manifest gives no number: what is stored must not keep the file of a clear wire in its place.
    const auto* stored = flash_->state().find_version(candidate_.section);
    const bool displaces = !is_settings(now.kind) && !candidate_.came_by_https() && !accepted.is_already_installed();
    if (stored != nullptr && displaces) commit.version = SectionVersion{stored->text};
    if (!task.completes_section || section_has_trouble_) return commit;

    if (!now.version.empty()) commit.version = offered_version();
    // Old files go only when all new ones are in, so that a failure in between leaves the set with its language.
    if (now.delete_files && has_stored_file_limit(now.kind)) {
        commit.keep_only.emplace();
        for (const auto& other : tasks_)
            if (other.section == task.section && !other.is_beyond_limit) commit.keep_only->push_back(other.file);
    }
    return commit;
}

// Later sections of the manifest win, also those whose installed file is kept this time.
Result<EffectiveSettings> BootSession::settings_with(const AcceptedFile& accepted) {
    EffectiveSettings settings = flash_->state().settings;
    auto reading = read_settings(*family_, accepted.file().bytes);
    if (!reading) {
        note(accepted.file().name, 0, reading.error().message);
        return settings;
    }
    note_dropped(accepted.file().name, reading->dropped);
    const auto unchanged =
        overlay(settings, reading->file, {accepted.file().section, accepted.file().came_by_https()}, *family_);
    if (!unchanged) return fail(unchanged.error());
    note_unchanged(*unchanged);

    for (std::size_t later = tasks_[current_].section + 1; later < manifest_.sections.size(); ++later) {
        const SectionKind kind = manifest_.sections[later].kind;
        if (!is_settings(kind) || kind == section().kind) continue;
        for (const auto* file : flash_->state().files_of(to_string(kind))) {
            auto bytes = flash_->read(*file);
            auto kept = bytes ? read_settings(*family_, *bytes) : fail(bytes.error());
            const auto laid = kept ? overlay(settings, kept->file, {file->section, file->came_by_https()}, *family_)
                                   : fail(kept.error());
            if (!laid) note(file->name, 0, laid.error().message);
        }
    }
    return settings;
}

void BootSession::note_unchanged(const Unchanged& unchanged) {
    for (const auto& name : unchanged.kept)
        note(candidate_.name, 0,
             fmt::format("{} keeps its value, which came over https, while this file came over {}", name,
                         to_string(order_.protocol)));
    if (unchanged.left_out.empty()) return;
    const std::string text =
        fmt::format("{} left out: since settings came over https, only public ones are taken over {}",
                    list_names(unchanged.left_out), to_string(order_.protocol));
    note(candidate_.name, 0, text);
    record({EventCode::weaker_wire, Severity::minor, fmt::format("{}: {}", candidate_.name, text)});
}

// What the family does not know may be anything, also the rest of a wrapped password.
std::string BootSession::list_names(const std::vector<std::string>& names) const {
    std::vector<std::string> shown;
    for (const auto& name : names)
        if (shown.size() < told_name_limit && family_->find_setting(name) != nullptr) shown.push_back(name);
    const std::size_t rest = names.size() - shown.size();
    if (shown.empty()) return fmt::format("{} unknown settings are", rest);
    const std::string list = fmt::format("{}", fmt::join(shown, ", "));
    if (rest == 0) return list + (shown.size() == 1 ? " is" : " are");
    return fmt::format("{} and {} more are", list, rest);
}

FetchOrder BootSession::order_to(Protocol protocol, std::string host, std::string_view path) const {
    FetchOrder order;
    order.protocol = protocol;
    order.host = std::move(host);
    order.path = std::string(without_leading_slashes(path));
    if (is_provisioning_server(order)) order.port = settings_.server.port;
    if (protocol == Protocol::https) {
        order.anchors_pem = trust_.anchors_pem();
        order.offers_certificate = settings_.has_certificate;
    }
    return order;
}

FetchOrder BootSession::order_for_current() {
    const Section& now = section();
    FetchOrder order =
        order_to(now.protocol, now.server.empty() ? settings_.server.host : now.server, tasks_[current_].file);
    order.login = login_for(order);
    if (!now.user_name.empty() && now.protocol != Protocol::tftp) order.login = Login{now.user_name, now.password};
    has_withheld_login_ = must_withhold_login(order);
    if (has_withheld_login_) order.login = anonymous_login(order.protocol);
    order.size_limit = size_limit(now.kind);
    return order;
}

// The most specific login wins. The device's own goes over HTTPS only, and the URL's to the URL's server only
// (docs/TRUST.md).
std::optional<Login> BootSession::login_for(const FetchOrder& order) const {
    if (order.protocol == Protocol::tftp) return std::nullopt;
    if (is_provisioning_server(order) && !settings_.server.user.empty())
        return Login{settings_.server.user, settings_.server.password};
    if (order.protocol == Protocol::https) return settings_.device_login;
    return anonymous_login(order.protocol);
}

// With a root in hand, whoever moves a section from HTTPS to a clear wire gets no login for it.
bool BootSession::must_withhold_login(const FetchOrder& order) const {
    if (order.protocol == Protocol::https || !order.login || order.login->password.empty()) return false;
    const bool holds_root = !trust_.empty() || trust_fault_;
    return holds_root && flash_->state().seen_over_https.contains(section_name());
}

bool BootSession::is_provisioning_server(const FetchOrder& order) const {
    return order.protocol == settings_.server.protocol && equals_ignoring_case(order.host, settings_.server.host);
}

crypto::JudgingTime BootSession::judging_time() const {
    WallTime floor = time_at_writing;
    if (const auto& proved = flash_->state().proved_time) floor = std::max(floor, *proved - clock_tolerance);
    const WallTime now = clock_->wall_now() + clock_correction_;
    if (now < floor) return {floor, true};
    return {now, false};
}

Step BootSession::send() {
    if (order_.protocol != Protocol::https) return order_;
    order_.time = judging_time();
    if (!order_.time.is_floor) return order_;
    // Until the time is known the server is only half verified: it may tell the time, and gets no login.
    FetchOrder probe = order_;
    probe.login.reset();
    probe.offers_certificate = false;
    return probe;
}

// While the phone's clock is unset, the server's Date stands in for it and the fetch is repeated under full checks.
std::optional<Step> BootSession::learn_time(const FetchOutcome& outcome) {
    if (order_.protocol != Protocol::https || !order_.time.is_floor) return std::nullopt;
    if (!outcome.server_time) {
        if (!outcome.body) return std::nullopt;
        return fetched(
            {fail(FaultCode::untrusted, "this phone's clock is unset, and the server does not tell the time"),
             std::nullopt});
    }
    clock_correction_ = *outcome.server_time - clock_->wall_now();
    if (const auto judged = judging_time(); judged.is_floor) {
        clock_correction_ = {};
        return fetched({fail(FaultCode::untrusted, "this phone's clock and the server's are both before " +
                                                       format_time(*judged.at) +
                                                       ", the last proved time; only a reset of the phone forgets it"),
                        std::nullopt});
    }
    return send();
}

// A clock that is set counts for as much as a server's Date: one server that is years ahead must not raise the floor
// above it, where every other server's time would be called wrong.
void BootSession::note_proved_time(WallTime date) {
    proved_time_ = std::min(date, clock_->wall_now() + clock_correction_);
}

void BootSession::note_weaker_wire() {
    if (order_.protocol == Protocol::https || !came_by_https()) return;
    const std::string text = fmt::format("[{}] came over https before and is announced over {} now", candidate_.section,
                                         to_string(order_.protocol));
    note(candidate_.name, section().line, text);
    record({EventCode::weaker_wire, Severity::minor, text});
}

void BootSession::note_login() {
    if (order_.protocol == Protocol::https) return;
    if (has_withheld_login_)
        note(candidate_.name, section().line,
             fmt::format("the login of [{}] is not sent over {}, since files of it came over https before",
                         candidate_.section, to_string(order_.protocol)));
    if (!order_.login || order_.login->password.empty()) return;
    note(candidate_.name, section().line,
         fmt::format("the login of [{}] crosses the network in clear over {}", candidate_.section,
                     to_string(order_.protocol)));
}

Status BootSession::enter(Stage stage) {
    StageMark mark;
    mark.stage = stage;
    if (current_ < tasks_.size()) {
        mark.section = candidate_.section;
        mark.file = candidate_.name;
    } else {
        mark.file = report_.manifest.file;
    }
    return flash_->enter(std::move(mark));
}

void BootSession::settle_fault(const Fault& fault) { settle(action_for(fault.code), fault.message); }

void BootSession::settle(Action action, std::string reason) {
    const bool is_root = action == Action::fetched && section().kind == SectionKind::user_keys;
    static constexpr std::array codes = {EventCode::file_installed, EventCode::file_kept, EventCode::file_refused,
                                         EventCode::file_failed};
    const bool is_well = action == Action::fetched || action == Action::kept;
    if (!is_well && !tasks_[current_].is_beyond_limit) section_has_trouble_ = true;
    record({is_root ? EventCode::customer_certificate_imported : codes[static_cast<std::size_t>(action)],
            is_well ? Severity::information : Severity::minor,
            fmt::format("[{}] {} {}: {}", candidate_.section, candidate_.name, to_string(action), reason)});
    report_.sections.push_back(
        {candidate_.section, candidate_.name, action, std::move(reason), order_.url(), candidate_.bytes.size()});
    candidate_.bytes.clear();
}

Step BootSession::finish() {
    current_ = tasks_.size();
    Status done;
    if (flash_->stage().stage != Stage::idle) done = enter(Stage::reporting);
    record({EventCode::boot_finished, report_.is_clean() ? Severity::information : Severity::minor,
            report_.is_clean() ? "boot finished" : "boot finished with something refused or failed"});
    if (done && flash_->stage().stage != Stage::idle) done = enter(Stage::idle);
    if (!done && report_.flash_fault.empty()) report_.flash_fault = done.error().message;
    return Finished{};
}

void BootSession::note_dropped(const std::string& file, const std::vector<phonefile::Dropped>& dropped) {
    const std::size_t told = std::min(dropped.size(), told_line_limit);
    for (std::size_t i = 0; i < told; ++i) {
        const auto& line = dropped[i];
        const std::string where = line.last_line > line.line ? fmt::format("lines {} to {}", line.line, line.last_line)
                                                             : fmt::format("line {}", line.line);
        record({EventCode::line_skipped, Severity::minor, fmt::format("{} {}: {}", file, where, line.reason)});
        note(file, line.line, fmt::format("{} skipped: {}", where, line.reason));
    }
    if (told == dropped.size()) return;
    const std::string rest = fmt::format("{} more lines are skipped", dropped.size() - told);
    record({EventCode::line_skipped, Severity::minor, fmt::format("{}: {}", file, rest)});
    note(file, 0, rest);
}

void BootSession::note(std::string file, std::size_t line, std::string text) {
    report_.notes.push_back({std::move(file), line, std::move(text)});
}

void BootSession::record(const Event& event) {
    auto stored = flash_->log(event);
    if (!stored && report_.flash_fault.empty())
        report_.flash_fault = "the event log could not be written: " + stored.error().message;
}

}  // namespace ringfence::phone
