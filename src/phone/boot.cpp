#include "phone/boot.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "crypto/hash.h"
#include "phone/login_rule.h"
#include "phone/restart_rule.h"
#include "phone/section_facts.h"
#include "phone/trust_review.h"
#include "phonefile/signed_file.h"

namespace ringfence::phone {

namespace {

using phonefile::DownloadMode;
using phonefile::Section;
using phonefile::SectionKind;

// Enough to see what is wrong with a file; each takes an entry of the event log.
constexpr std::size_t told_line_limit = 50;
constexpr std::size_t told_name_limit = 8;
// Several times what the fullest manifest names; a hostile one must not keep a phone busy for days.
constexpr std::size_t fetch_limit = 100;
constexpr unsigned silence_limit = 3;
// With what the phone knows at first, and once a file names the time server; each may cost some seconds.
constexpr unsigned time_order_limit = 2;
// What a set's file system can name.
constexpr std::size_t path_limit = 255;

constexpr std::size_t kilobyte = 1024;
constexpr std::size_t megabyte = 1024 * kilobyte;
// Of roots, and of revocation lists; each is signed, or let in by VAL_NO_CHECK.
constexpr std::size_t trust_file_count_limit = 16;
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

EventCode code_of_installed(SectionKind kind) {
    if (kind == SectionKind::user_keys) return EventCode::customer_certificate_imported;
    if (kind == SectionKind::dev_cert) return EventCode::device_certificate_installed;
    return EventCode::file_installed;
}

// The manuals' own samples leave the VERSION of these out.
bool identifies_itself(SectionKind kind) {
    return kind == SectionKind::user_keys || kind == SectionKind::ctl || kind == SectionKind::crl;
}

bool holds_all(const RootFile& whole, const RootFile& part) {
    const bool has_roots = std::all_of(part.certificates.begin(), part.certificates.end(), [&](const auto& one) {
        return std::find(whole.certificates.begin(), whole.certificates.end(), one) != whole.certificates.end();
    });
    const auto is_covered = [&](const crypto::RevocationList& list) {
        return std::any_of(whole.revocation_lists.begin(), whole.revocation_lists.end(), [&](const auto& other) {
            return other.issuer() == list.issuer() && other.this_update() >= list.this_update();
        });
    };
    return has_roots && std::all_of(part.revocation_lists.begin(), part.revocation_lists.end(), is_covered);
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

Result<std::string> manifest_name(std::string_view model, Load load, const Behaviour& behaviour) {
    constexpr std::size_t series = 2;
    auto name = manifest_name(model);
    if (!name || load == Load::sip) return name;
    if (load == Load::unistim) return fmt::format("{}.cfg", model);
    if (behaviour.is(Switch::boot_loader_manifest, "boot")) return fmt::format("{}xxBoot.cfg", model.substr(0, series));
    return name;
}

BootSession::BootSession(BootSettings settings, const family::Family& family, Flash& flash, const Clock& clock)
    : settings_(std::move(settings)),
      family_(&family),
      flash_(&flash),
      clock_(clock, flash.state().proved_time,
             settings_.behaviour.is(Switch::clock, "believed") ? ClockRule::as_it_tells : ClockRule::floored),
      trust_(settings_.vendor_anchors) {
    report_.mac = settings_.mac.colons();
    report_.model = settings_.model;
    report_.load = to_string(load());
    report_.notes = settings_.notes;
    if (auto loaded = reload_trust(); !loaded) trust_fault_ = std::move(loaded.error());
    identity_ = find_identity();
}

Status BootSession::reload_trust() {
    auto trust = TrustStore::load(*flash_, settings_.vendor_anchors);
    if (!trust) return fail(std::move(trust.error()));
    trust_ = std::move(*trust);
    return {};
}

std::shared_ptr<const crypto::ClientIdentity> BootSession::find_identity() {
    if (settings_.identity) return settings_.identity;
    auto identity = flash_->read_active_identity();
    if (identity) return std::make_shared<const crypto::ClientIdentity>(std::move(*identity));
    if (identity.error().code != FaultCode::not_found) note({}, 0, identity.error().message);
    return nullptr;
}

Step BootSession::start() {
    if (const auto& cut = flash_->interrupted()) {
        const std::string text = fmt::format("the boot before was cut off while {} {}; what was installed is whole",
                                             to_string(cut->stage), cut->file.empty() ? "nothing" : cut->file);
        record({EventCode::boot_interrupted, Severity::minor, text});
        note(cut->file, 0, text);
    }
    record({EventCode::boot_started, Severity::information,
            fmt::format("boot of {} as model {}, {} load, from {}", report_.mac, report_.model, report_.load,
                        settings_.server.without_login())});
    if (auto kept = keep_trust(*flash_, trust_, clock_.judging_time()); !kept) note({}, 0, kept.error().message);

    report_.manifest.file = settings_.model;
    // Without its roots and its policy the phone would judge as one fresh from the factory.
    if (trust_fault_)
        return fail_manifest(Action::refused, trust_fault_->message + "; only a reset of the phone helps");
    const auto name = manifest_name(settings_.model, load(), settings_.behaviour);
    if (!name) return fail_manifest(Action::failed, name.error().message);
    order_ = order_to(settings_.server.protocol, settings_.server.host, manifest_path(settings_.server, *name));
    order_.login = choose_login({settings_.device_login, settings_.server}, order_, nullptr);
    order_.size_limit = phonefile::max_file_size;
    report_.manifest.file = order_.path;
    report_.manifest.url = order_.url();
    if (load() == Load::unistim && order_.protocol != Protocol::tftp)
        return fail_manifest(Action::refused, "the UNIStim load provisions over TFTP only");
    if (auto fault = fault_in_path(order_.path)) return fail_manifest(Action::refused, std::move(*fault));
    if (order_.protocol == Protocol::https)
        if (auto reason = reason_against_https()) return fail_manifest(Action::refused, std::move(*reason));
    auto entered = enter(Stage::fetching_manifest);
    if (!entered) return fail_manifest(Action::failed, entered.error().message);
    return send();
}

std::optional<std::string> BootSession::reason_against_https() const {
    if (!trust_.has_customer_root() && !trust_.trust_list())
        return "no root certificate is installed, so this server cannot be verified";
    if (identity_ == nullptr && settings_.behaviour.is(Switch::tls_start, "needs-certificate"))
        return "this load begins no TLS without a device certificate, and none is installed";
    return std::nullopt;
}

Step BootSession::fail_manifest(Action action, std::string reason) {
    report_.manifest.action = action;
    report_.manifest.reason = std::move(reason);
    report_.manifest.facts = std::exchange(facts_, {});
    record({EventCode::manifest_failed, Severity::minor,
            fmt::format("{}: {}; everything installed is kept", report_.manifest.file, report_.manifest.reason)});
    if (load() == Load::boot_loader) ask_for_restart(Load::sip, "the boot loader is done");
    return finish();
}

Step BootSession::read_manifest(FetchOutcome outcome) {
    if (!outcome.body) return fail_manifest(action_for(outcome.body.error().code), outcome.body.error().message);
    report_.manifest.bytes = outcome.body->size();
    if (!outcome.verified_by.empty())
        explain(fmt::format("the server's certificate leads to {}", printable(outcome.verified_by)));
    auto entered = enter(Stage::reading_manifest);
    if (!entered) return fail_manifest(Action::failed, entered.error().message);

    candidate_ = {{}, report_.manifest.file, report_.manifest.url, std::move(*outcome.body)};
    auto verdict = judge({}, std::nullopt);
    if (const auto* fault = std::get_if<Fault>(&verdict)) return fail_manifest(Action::refused, fault->message);
    const auto& accepted = std::get<AcceptedFile>(verdict);
    auto reading = phonefile::parse_manifest_as_phone(accepted.content());
    if (!reading) return fail_manifest(Action::refused, reading.error().message);
    note_dropped(report_.manifest.file, reading->dropped);
    if (reading->manifest.sections.empty())
        return fail_manifest(Action::failed, "this is no manifest: it has no section that a phone obeys");
    if (auto noted = flash_->note_manifest(accepted.signed_at()); !noted)
        return fail_manifest(Action::failed, noted.error().message);

    manifest_ = std::move(reading->manifest);
    report_.manifest.action = Action::fetched;
    report_.manifest.reason = "always fetched";
    if (accepted.signed_at() || !accepted.anchor().empty()) report_.manifest.reason += "; " + accepted.basis();
    report_.manifest.facts = std::exchange(facts_, {});
    record({EventCode::manifest_read, Severity::information,
            fmt::format("{} fetched from {}", report_.manifest.file, report_.manifest.url)});
    plan_ = plan_boot(manifest_, flash_->state(), settings_.mac, load());
    pass_over();
    return next_file();
}

void BootSession::pass_over() {
    for (const std::size_t index : plan_.passed_over) {
        const Section& section = manifest_.sections[index];
        note(report_.manifest.file, section.line,
             fmt::format("[{}] is passed over: the {} load obeys [FW] only{}", to_string(section.kind),
                         to_string(load()), load() == Load::unistim ? ", over TFTP" : ""));
    }
}

Step BootSession::next_file() {
    for (; current_ < plan_.tasks.size(); ++current_)
        if (auto step = begin_file()) return std::move(*step);
    if (load() == Load::boot_loader) ask_for_restart(Load::sip, "the boot loader is done");
    return finish();
}

Step BootSession::after_file() {
    const bool waits_for_restart = restart_into_ && settings_.behaviour.is(Switch::firmware_restart, "at-once");
    if (waits_for_restart) return finish();
    ++current_;
    return next_file();
}

std::optional<Step> BootSession::begin_file() {
    if (decided_section_ != task().section) decide_section();
    facts_ = default_facts(section());
    order_ = order_for_current();
    candidate_ = {std::string(to_string(section().kind)), task().file, order_.url(), {}};
    if (!enter_or_settle(Stage::deciding)) return std::nullopt;
    if (wanted_.newer) note_weaker_wire();
    if (auto verdict = verdict_before_fetch()) {
        settle(verdict->action, std::move(verdict->reason));
        return std::nullopt;
    }
    if (!section().prompt) return order_file();
    if (!enter_or_settle(Stage::consulting)) return std::nullopt;
    return Question{Question::Kind::consent, candidate_.section, candidate_.name, {}, false};
}

// The version rule holds for a section as a whole, and before any of its files changes what is stored.
void BootSession::decide_section() {
    decided_section_ = task().section;
    section_has_trouble_ = false;
    const Section& now = section();
    if (now.download_mode == DownloadMode::forced)
        wanted_ = {true, "DOWNLOAD_MODE is FORCED"};
    else if (identifies_itself(now.kind) && (now.version.empty() || ignores_version(now.kind)))
        wanted_ = {true, "its certificates identify themselves"};
    else if (holds_unjudged_vendor_file())
        wanted_ = {true, "what is installed was never judged by a vendor root"};
    else
        wanted_ =
            judge_version(offered_version(), flash_->state().find_version(stored_version_key()),
                          {now.kind == SectionKind::fw && settings_.behaviour.is(Switch::load_names, "by-digits")});
}

bool BootSession::ignores_version(SectionKind kind) const {
    return kind == SectionKind::user_keys && settings_.behaviour.is(Switch::root_version, "ignored");
}

// Taken while this phone was given no vendor root, so that its VERSION counts for nothing.
bool BootSession::holds_unjudged_vendor_file() const {
    const std::string name(to_string(section().kind));
    if (!needs_vendor(name) || trust_.vendor_anchors().empty()) return false;
    const auto files = flash_->state().files_of(name);
    return std::any_of(files.begin(), files.end(), [](const auto* file) { return file->basis == unjudged_basis; });
}

std::string BootSession::stored_version_key() const {
    return version_key(to_string(section().kind), section().profile);
}

SectionVersion BootSession::offered_version() const {
    return {section().version, section().protocol == Protocol::https};
}

std::optional<BootSession::EarlyVerdict> BootSession::verdict_before_fetch() const {
    if (!wanted_.newer) return EarlyVerdict{Action::kept, wanted_.reason};
    if (task().is_beyond_limit)
        return EarlyVerdict{Action::refused,
                            fmt::format("a set stores {} of these files at most; DELETE_FILES YES makes room, but not "
                                        "over a clear wire for files that came over https",
                                        stored_file_limit)};
    if (auto fault = fault_in_path(order_.path)) return EarlyVerdict{Action::refused, std::move(*fault)};
    // With the image that the boot loader brought, the same manifest must not lead back into the boot loader.
    const auto* stored = flash_->state().find_version(stored_version_key());
    const bool came_from_boot_loader = section().kind == SectionKind::fw && settings_.image_room < firmware_limit &&
                                       load() == Load::sip && flash_->state().restarts > 0;
    if (came_from_boot_loader && stored != nullptr && stored->text == section().version)
        return EarlyVerdict{Action::kept, "the boot loader has just installed it"};
    if (section().kind == SectionKind::dev_cert)
        if (auto verdict = verdict_on_profile()) return verdict;
    if (order_.protocol != Protocol::https && needs_https())
        return EarlyVerdict{Action::refused,
                            fmt::format("it came over https before and is not taken over {}; a set would take it; "
                                        "here only a reset of the phone allows that again",
                                        to_string(order_.protocol))};
    if (trust_fault_) return EarlyVerdict{Action::refused, trust_fault_->message};
    if (order_.protocol == Protocol::https)
        if (auto reason = reason_against_https()) return EarlyVerdict{Action::refused, std::move(*reason)};
    if (fetch_count_ >= fetch_limit)
        return EarlyVerdict{Action::refused, fmt::format("a boot fetches {} files at most", fetch_limit)};
    if (const auto silent = silences_.find(order_.host); silent != silences_.end() && silent->second >= silence_limit)
        return EarlyVerdict{Action::failed,
                            fmt::format("this server was not reached {} times in a row, and is not asked "
                                        "again in this boot",
                                        silence_limit)};
    return std::nullopt;
}

std::optional<BootSession::EarlyVerdict> BootSession::verdict_on_profile() const {
    const unsigned index = section().profile;
    if (index > profile_limit)
        return EarlyVerdict{Action::refused, fmt::format("a set has {} profiles at most", profile_limit)};
    if (flash_->state().profile(index).source != ProfileSource::pkcs12)
        return EarlyVerdict{Action::kept, fmt::format("profile {} takes its certificate from SCEP, as a set's first "
                                                      "does unless somebody changes it",
                                                      index)};
    const auto& names = section().filenames;
    if (names.empty() || names.front().find('*') == std::string::npos)
        return EarlyVerdict{Action::refused,
                            "its FILENAME holds no '*' for the MAC, and a device certificate is of "
                            "one phone only"};
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
    if (!enter_or_settle(Stage::fetching)) return after_file();
    note_login();
    ++fetch_count_;
    return send();
}

Step BootSession::fetched(FetchOutcome outcome) {
    if (auto step = doubt_what_was_heard(outcome)) return std::move(*step);
    if (auto step = learn_time(outcome)) return std::move(*step);
    if (outcome.proved_time) clock_.prove(*outcome.proved_time);
    if (flash_->stage().stage == Stage::fetching_manifest) return read_manifest(std::move(outcome));

    RINGFENCE_ASSERT(flash_->stage().stage == Stage::fetching);
    note_silence(outcome);
    if (!outcome.verified_by.empty())
        explain(fmt::format("the server's certificate leads to {}", printable(outcome.verified_by)));
    if (!outcome.body) {
        if (wants_boot_loader(outcome.body.error())) {
            ask_for_restart(Load::boot_loader, "the image is larger than this load has room for");
            settle(Action::kept, "the image is larger than this load has room for; the boot loader fetches it");
        } else {
            settle_fault(outcome.body.error());
        }
        return after_file();
    }
    candidate_.bytes = std::move(*outcome.body);
    if (!enter_or_settle(Stage::accepting)) return after_file();
    return judge_file(std::nullopt);
}

void BootSession::note_silence(const FetchOutcome& outcome) {
    const bool is_silent = !outcome.body && outcome.body.error().code == FaultCode::unavailable;
    unsigned& silences = silences_[order_.host];
    silences = is_silent ? silences + 1 : 0;
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
    if (!enter_or_settle(Stage::accepting)) return after_file();
    return judge_file(answer);
}

// Of the candidate, whose section the manifest offers in this version.
Circumstances BootSession::circumstances(std::string_view version, const crypto::JudgingTime& time) const {
    return {trust_,        settings_.behaviour,
            *family_,      time,
            settings_.mac, settings_.model,
            version,       flash_->state().latest_signature(candidate_.section, candidate_.name)};
}

Verdict BootSession::judge(std::string_view version, const std::optional<Answer>& answer) const {
    auto verdict = accept(candidate_, circumstances(version, clock_.judging_time()), answer);
    const auto* fault = std::get_if<Fault>(&verdict);
    const bool may_be_times_fault = fault != nullptr && fault->code == FaultCode::expired && clock_.is_heard();
    return may_be_times_fault ? accept(candidate_, circumstances(version, clock_.own_time()), answer) : verdict;
}

Step BootSession::judge_file(const std::optional<Answer>& answer) {
    auto verdict = judge(section().version, answer);
    if (auto* question = std::get_if<Question>(&verdict)) {
        if (!enter_or_settle(Stage::asking)) return after_file();
        return std::move(*question);
    }
    if (const auto* fault = std::get_if<Fault>(&verdict)) {
        if (section().kind == SectionKind::ctl) record_unfit_trust_list(*fault);
        settle(Action::refused, fault->message);
    } else {
        install(std::get<AcceptedFile>(verdict));
    }
    return after_file();
}

void BootSession::record_unfit_trust_list(const Fault& fault) {
    if (fault.code == FaultCode::expired) record({EventCode::trust_list_expired, Severity::minor, fault.message});
    if (fault.code == FaultCode::malformed) record({EventCode::trust_list_unreadable, Severity::minor, fault.message});
}

// The image that runs is met at every boot under FORCED: to install it again would be a restart without end.
bool BootSession::holds_same_firmware() const {
    if (section().kind != SectionKind::fw) return false;
    const std::string hash = to_hex(crypto::sha256(candidate_.bytes));
    const auto files = flash_->state().files_of(candidate_.section);
    return files.size() == 1 && files.front()->sha256 == hash && files.front()->name == candidate_.name;
}

void BootSession::install(const AcceptedFile& accepted) {
    if (!accepted.anchor().empty()) explain(fmt::format("the root {} decided", printable(accepted.anchor())));
    if (needs_vendor(candidate_.section) && accepted.basis() == unjudged_basis)
        explain("a set refuses this file unless its vendor signed it");
    const auto commit = commit_for(accepted);
    if (!commit) return settle_fault(commit.error());
    const auto* stored = flash_->state().find_version(stored_version_key());
    const bool brings_version = commit->version && (stored == nullptr || *stored != *commit->version);
    // From now on this section comes over HTTPS only, also where it brought nothing new.
    const bool binds_wire = candidate_.came_by_https() && !flash_->state().seen_over_https.contains(candidate_.section);
    const bool holds_it = accepted.is_already_installed() || holds_same_firmware();
    const std::string kept_because = accepted.is_already_installed() ? accepted.basis() : "this image is installed";
    if (holds_it && !brings_version && !binds_wire) return settle(Action::kept, kept_because);

    const bool asks_restart =
        commit->settings && asks_for_restart(flash_->state().settings, *commit->settings, *family_);
    auto done = enter(Stage::installing);
    if (done) done = flash_->install(accepted, *commit);
    if (!done) return settle(Action::failed, done.error().message);
    if (holds_it) return settle(Action::kept, kept_because);
    settle(Action::fetched, fmt::format("{}; {}", wanted_.reason, accepted.basis()));
    needs_restart_ = needs_restart_ || asks_restart;
    after_install(accepted);
}

void BootSession::after_install(const AcceptedFile& accepted) {
    const SectionKind kind = section().kind;
    if (is_trust_section(accepted.file().section))
        if (auto loaded = reload_trust(); !loaded) trust_fault_ = std::move(loaded.error());
    if (kind == SectionKind::dev_cert) identity_ = find_identity();
    if (accepted.is_unchecked()) {
        const std::string text = "a root certificate was taken without a check (VAL_NO_CHECK)";
        note(accepted.file().name, section().line, text);
        record({EventCode::unchecked_root, Severity::minor, accepted.file().name + ": " + text});
    }
    if (kind == SectionKind::fw && accepted.is_runnable())
        ask_for_restart(Load::sip, fmt::format("firmware {} is installed", printable(section().version)));
}

bool BootSession::wants_boot_loader(const Fault& fault) const {
    return fault.code == FaultCode::too_large && section().kind == SectionKind::fw && load() == Load::sip &&
           settings_.image_room < firmware_limit && flash_->state().restarts == 0;
}

// Whatever a server sends, a set comes to rest.
void BootSession::ask_for_restart(Load next, std::string reason) {
    if (flash_->state().restarts >= restart_limit) {
        note({}, 0,
             fmt::format("{}, but this phone restarted {} times in a row and waits for the next boot", reason,
                         restart_limit));
        return;
    }
    restart_into_ = next;
    report_.restart = Restart{std::move(reason)};
}

Result<Commit> BootSession::commit_for(const AcceptedFile& accepted) {
    const Section& now = section();
    Commit commit;
    commit.version_key = stored_version_key();
    commit.proved_time = clock_.proved_time();
    if (is_settings(now.kind)) {
        auto settings = settings_with(accepted);
        if (!settings) return fail(std::move(settings.error()));
        commit.settings = std::move(*settings);
    }
    const bool stands_beside_others = now.kind == SectionKind::user_keys || now.kind == SectionKind::crl;
    if (stands_beside_others) {
        auto fits = fit_beside_others(accepted, commit);
        if (!fits) return fail(std::move(fits.error()));
    }
    if (now.kind == SectionKind::dev_cert) {
        commit.profile = now.profile;
        commit.purpose = now.purpose;
    }
    if (now.kind == SectionKind::sec_policy)
        if (const auto reading = phonefile::parse_security_policy_as_phone(accepted.content()); reading)
            note_dropped(accepted.file().name, reading->dropped);
    if (now.kind == SectionKind::fw && accepted.is_runnable()) commit.load = Load::sip;
    const bool stands_alone =
        !phonefile::takes_several_files(now.kind) && !stands_beside_others && now.kind != SectionKind::dev_cert;
    // What is met again under another name stands under its own.
    if (stands_alone && !accepted.is_already_installed()) commit.keep_only = {task().file};
    // Also when the manifest gives no number: what is stored must not keep the file of a clear wire in its place.
    const auto* stored = flash_->state().find_version(commit.version_key);
    const bool displaces = !is_settings(now.kind) && !candidate_.came_by_https() && !accepted.is_already_installed();
    if (stored != nullptr && displaces) commit.version = SectionVersion{stored->text};
    if (!task().completes_section || section_has_trouble_) return commit;

    if (!now.version.empty()) commit.version = offered_version();
    // Old files go only when all new ones are in, so that a failure in between leaves the set with its language.
    if (now.delete_files && has_stored_file_limit(now.kind)) {
        commit.keep_only.emplace();
        for (const auto& other : plan_.tasks)
            if (other.section == task().section && !other.is_beyond_limit) commit.keep_only->push_back(other.file);
    }
    return commit;
}

// Roots and revocation lists identify themselves, and none is ever lost by a download: a file goes only when the new
// one holds all of it, in lists at least as new.
Status BootSession::fit_beside_others(const AcceptedFile& accepted, Commit& commit) {
    if (accepted.is_already_installed()) return {};
    commit.replaces_namesake = false;
    const auto offered = read_roots_and_lists(candidate_.section, accepted.content());
    if (!offered) return fail(offered.error());
    const auto files = flash_->state().files_of(candidate_.section);
    for (const auto* file : files) {
        // Another name stays in the manifest, so its roots would come back at every boot.
        if (section().kind == SectionKind::user_keys && file->name != candidate_.name) continue;
        auto bytes = flash_->read(*file);
        if (!bytes) return fail(std::move(bytes.error()));
        const auto held = read_roots_and_lists(candidate_.section, phonefile::split_signed(*bytes).content);
        if (!held) return fail(held.error());
        if (holds_all(*offered, *held)) commit.supersedes.push_back(file->sha256);
    }
    if (files.size() - commit.supersedes.size() >= trust_file_count_limit)
        return fail(FaultCode::too_large, fmt::format("a phone holds {} files of [{}] at most; only a reset makes room",
                                                      trust_file_count_limit, candidate_.section));
    return {};
}

// Later sections of the manifest win, also those whose installed file is kept this time.
Result<EffectiveSettings> BootSession::settings_with(const AcceptedFile& accepted) {
    EffectiveSettings settings = flash_->state().settings;
    auto reading = read_settings(*family_, accepted.content());
    if (!reading) {
        note(accepted.file().name, 0, reading.error().message);
        return settings;
    }
    pass_over_empty(*reading);
    note_dropped(accepted.file().name, reading->dropped);
    explain_settings(reading->file);
    const auto unchanged =
        overlay(settings, reading->file,
                {accepted.file().section, accepted.file().came_by_https(), accepted.file().name}, *family_);
    if (!unchanged) return fail(unchanged.error());
    note_unchanged(*unchanged);

    for (std::size_t later = task().section + 1; later < manifest_.sections.size(); ++later) {
        const SectionKind kind = manifest_.sections[later].kind;
        if (!is_settings(kind) || kind == section().kind) continue;
        for (const auto* file : flash_->state().files_of(to_string(kind))) {
            auto bytes = flash_->read(*file);
            auto kept = bytes ? read_settings(*family_, phonefile::split_signed(*bytes).content) : fail(bytes.error());
            if (kept) pass_over_empty(*kept);
            const auto laid =
                kept ? overlay(settings, kept->file, {file->section, file->came_by_https(), file->name}, *family_)
                     : fail(kept.error());
            if (!laid) note(file->name, 0, laid.error().message);
        }
    }
    return settings;
}

void BootSession::explain_settings(const phonefile::SettingsFile& file) {
    std::size_t unknown = 0;
    for (const auto& line : file.lines) {
        const auto* spec = family_->find_setting(line.name);
        if (spec == nullptr) {
            ++unknown;
            continue;
        }
        const auto fits = line.value.empty() ? Status() : family::check_value(*spec, line.value.reveal());
        if (!fits && facts_.size() < told_line_limit)
            explain(
                fmt::format("line {}: {} is kept and does not fit: {}", line.line, line.name, fits.error().message));
    }
    if (unknown > 0) explain(fmt::format("{} settings are unknown here; they are kept as they came", unknown));
}

void BootSession::pass_over_empty(phonefile::SettingsReading& reading) const {
    if (settings_.behaviour.is(Switch::empty_value, "set")) return;
    std::erase_if(reading.file.lines, [](const auto& line) { return line.value.empty(); });
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
    if (is_same_server(settings_.server, protocol, order.host)) order.port = settings_.server.port;
    if (protocol == Protocol::https) order.identity = identity_;
    return order;
}

FetchOrder BootSession::order_for_current() {
    const Section& now = section();
    FetchOrder order = order_to(now.protocol, now.server.empty() ? settings_.server.host : now.server, task().file);
    const bool prefers_device = settings_.behaviour.is(Switch::login, "device-first");
    order.login = choose_login({settings_.device_login, settings_.server, prefers_device}, order, &now);
    has_withheld_login_ = must_withhold_login(order);
    if (has_withheld_login_) order.login = anonymous_login(order.protocol);
    const bool is_short_of_room = now.kind == SectionKind::fw && load() == Load::sip;
    order.size_limit = is_short_of_room ? settings_.image_room : size_limit(now.kind);
    return order;
}

// With a root in hand, whoever moves a section from HTTPS to a clear wire gets no login for it.
bool BootSession::must_withhold_login(const FetchOrder& order) const {
    if (order.protocol == Protocol::https || !order.login || order.login->password.empty()) return false;
    const bool holds_root = trust_.has_customer_root() || trust_fault_;
    return holds_root && flash_->state().seen_over_https.contains(to_string(section().kind));
}

Step BootSession::send() {
    if (auto order = ask_for_time()) return std::move(*order);
    is_judged_by_own_time_ = false;
    return send_judging_at(clock_.judging_time());
}

Step BootSession::send_judging_at(const crypto::JudgingTime& time) {
    if (order_.protocol != Protocol::https) return order_;
    order_.time = time;
    order_.trust = trust_.server_trust(order_.time, settings_.behaviour);
    if (!order_.time.is_floor) return order_;
    // Until the time is known the server is only half verified: it may tell the time, and gets no login.
    FetchOrder probe = order_;
    probe.login.reset();
    probe.identity.reset();
    return probe;
}

std::optional<Step> BootSession::ask_for_time() {
    if (!clock_.wants_to_hear() || time_orders_ == time_order_limit) return std::nullopt;
    const bool is_as_a_set = settings_.behaviour.is(Switch::clock, "believed");
    const auto& state = flash_->state();
    const auto lease = is_as_a_set ? std::vector<IpAddress>() : settings_.time_servers;
    auto servers = time_servers({state.parameters, state.settings, lease, is_as_a_set});
    if (servers.empty() || servers == asked_time_servers_) return std::nullopt;
    ++time_orders_;
    asked_time_servers_ = servers;
    return TimeOrder{std::move(servers)};
}

Step BootSession::told(const TimeOutcome& outcome) {
    const std::string own = "this phone's clock says " + format_time(clock_.own_clock());
    if (!outcome.time)
        note({}, 0, fmt::format("{}, and no time server tells another: {}", own, outcome.time.error().message));
    else if (clock_.hear(*outcome.time))
        note({}, 0, fmt::format("{}, and the time server {} says {}", own, outcome.server, format_time(*outcome.time)));
    else
        explain(fmt::format("{}, and what the time server {} says does not count: {}", own, outcome.server,
                            format_time(*outcome.time)));
    return send();
}

// Whoever is not good at a time that nobody proved may be good at the phone's own.
std::optional<Step> BootSession::doubt_what_was_heard(const FetchOutcome& outcome) {
    if (order_.protocol != Protocol::https || !clock_.is_heard() || is_judged_by_own_time_) return std::nullopt;
    if (settings_.behaviour.is(Switch::clock, "believed")) return std::nullopt;
    if (outcome.body || outcome.body.error().code != FaultCode::expired) return std::nullopt;
    explain("the time server's word is passed over: " + outcome.body.error().message);
    is_judged_by_own_time_ = true;
    return send_judging_at(clock_.own_time());
}

// While the phone's clock is unset, the server's Date stands in for it and the fetch is repeated under full checks.
std::optional<Step> BootSession::learn_time(const FetchOutcome& outcome) {
    if (order_.protocol != Protocol::https || !order_.time.is_floor) return std::nullopt;
    if (!outcome.server_time) {
        if (!outcome.body) return std::nullopt;
        return fetched(
            {fail(FaultCode::untrusted, "this phone's clock is unset, and the server does not tell the time")});
    }
    auto learnt = clock_.learn(*outcome.server_time);
    if (!learnt) return fetched({fail(std::move(learnt.error()))});
    explain(
        fmt::format("this phone's clock is unset, and the server says it is {}", format_time(*outcome.server_time)));
    return send();
}

void BootSession::note_weaker_wire() {
    if (order_.protocol == Protocol::https || !came_by_https()) return;
    const std::string text = fmt::format("[{}] came over https before and is announced over {} now", candidate_.section,
                                         to_string(order_.protocol));
    note(candidate_.name, section().line, text);
    record({EventCode::weaker_wire, Severity::minor, text});
}

void BootSession::note_login() {
    if (order_.login && !order_.login->user.empty())
        explain(fmt::format("the server is offered the login of {}", printable(order_.login->user)));
    if (order_.identity) explain("the server is shown this phone's certificate if it asks");
    if (order_.protocol == Protocol::https) return;
    if (has_withheld_login_)
        note(candidate_.name, section().line,
             fmt::format("the login of [{}] is not sent over {}, since files of it came over https before; a set would "
                         "send it",
                         candidate_.section, to_string(order_.protocol)));
    if (!order_.login || order_.login->password.empty()) return;
    note(candidate_.name, section().line,
         fmt::format("the login of [{}] crosses the network in clear over {}", candidate_.section,
                     to_string(order_.protocol)));
}

Status BootSession::enter(Stage stage) {
    StageMark mark;
    mark.stage = stage;
    if (current_ < plan_.tasks.size()) {
        mark.section = candidate_.section;
        mark.file = candidate_.name;
    } else {
        mark.file = report_.manifest.file;
    }
    return flash_->enter(std::move(mark));
}

bool BootSession::enter_or_settle(Stage stage) {
    const auto entered = enter(stage);
    if (!entered) settle_fault(entered.error());
    return entered.has_value();
}

void BootSession::settle_fault(const Fault& fault) { settle(action_for(fault.code), fault.message); }

void BootSession::settle(Action action, std::string reason) {
    static constexpr std::array codes = {EventCode::file_installed, EventCode::file_kept, EventCode::file_refused,
                                         EventCode::file_failed};
    const bool is_well = action == Action::fetched || action == Action::kept;
    if (!is_well && !task().is_beyond_limit) section_has_trouble_ = true;
    record({action == Action::fetched ? code_of_installed(section().kind) : codes[static_cast<std::size_t>(action)],
            is_well ? Severity::information : Severity::minor,
            fmt::format("[{}] {} {}: {}", candidate_.section, candidate_.name, to_string(action), reason)});
    report_.sections.push_back({candidate_.section, candidate_.name, action, std::move(reason), order_.url(),
                                candidate_.bytes.size(), section().line, std::exchange(facts_, {})});
    candidate_.bytes.clear();
}

Step BootSession::finish() {
    current_ = plan_.tasks.size();
    if (!restart_into_ && needs_restart_ && flash_->state().restarts == 0)
        ask_for_restart(Load::sip, "settings changed that take effect after a restart");
    const bool was_entered = flash_->stage().stage != Stage::idle;
    Status done = was_entered ? enter(Stage::reporting) : Status();
    if (done) done = flash_->note_time(clock_.proved_time());
    if (done) done = flash_->end_boot(restart_into_);
    // A restart that is not written down would be asked for again without end.
    if (!done) report_.restart.reset();
    if (report_.restart)
        record({EventCode::restart, Severity::information, "the phone restarts: " + report_.restart->reason});
    record({EventCode::boot_finished, report_.is_clean() ? Severity::information : Severity::minor,
            report_.is_clean() ? "boot finished" : "boot finished with something refused or failed"});
    if (done && was_entered) done = enter(Stage::idle);
    if (!done) report_.restart.reset();
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
