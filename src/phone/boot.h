// One boot, without I/O of its own but the flash's: fetch the manifest, then for each section decide, fetch, accept,
// install; at the end report (reference 1.2, 2.3, 2.4). Fetches, questions and the time are asked for as values:
//
//     Step step = session.start();
//     while (!std::holds_alternative<Finished>(step)) step = ...fetched(...), answered(...) or told(...);
//     session.report();
//
// Nothing falls back to a weaker protocol, and what comes over one never weakens what came over HTTPS
// (phone/wire_rule.h). A file that fails or is refused leaves what is installed as it is, and the boot goes on with the
// next one.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/mac_address.h"
#include "base/result.h"
#include "base/url.h"
#include "family/family.h"
#include "phone/acceptance.h"
#include "phone/behaviour.h"
#include "phone/boot_plan.h"
#include "phone/boot_report.h"
#include "phone/fetch.h"
#include "phone/flash.h"
#include "phone/phone_clock.h"
#include "phone/settings_store.h"
#include "phone/time_servers.h"
#include "phone/wire_rule.h"
#include "phonefile/manifest.h"

namespace ringfence::phone {

// Several times the largest firmware seen in the field, which is 4 to 8 MB.
inline constexpr std::size_t firmware_limit = std::size_t{32} * 1024 * 1024;

struct BootSettings {
    MacAddress mac;
    std::string model;                  // "1230", "1140e"
    Url server;                         // a path that ends in .cfg is the manifest, else the folder that it lies in
    std::optional<Login> device_login;  // Device ID and Password; sent over HTTPS only
    // Given from outside; in its absence the flash's first active profile serves.
    std::shared_ptr<const crypto::ClientIdentity> identity{};
    std::vector<crypto::Certificate> vendor_anchors{};  // empty: what the vendor signs is not judged, nor run
    Behaviour behaviour{};
    Load load = Load::sip;                    // when the flash does not say
    std::vector<Note> notes{};                // stand at the head of the report's
    std::vector<IpAddress> time_servers{};    // of the lease; a set does not ask for them
    std::size_t image_room = firmware_limit;  // bytes; what is larger takes the boot loader
};

// malformed unless the model is four digits, perhaps with an "e".
Result<std::string> manifest_name(std::string_view model);  // of the SIP load: "1230SIP.cfg"
Result<std::string> manifest_name(std::string_view model, Load load, const Behaviour& behaviour);

struct Finished {};

using Step = std::variant<FetchOrder, Question, TimeOrder, Finished>;

// Restarts in a row before a boot gives up asking for another: into the boot loader, back, and once for settings.
inline constexpr unsigned restart_limit = 3;

class BootSession {
public:
    // `family`, `flash` and `clock` outlive the session; the flash has been recovered.
    BootSession(BootSettings settings, const family::Family& family, Flash& flash, const Clock& clock);

    Step start();
    Step fetched(FetchOutcome outcome);     // the answer to a FetchOrder
    Step answered(const Answer& answer);    // the answer to a Question; no answer is a no
    Step told(const TimeOutcome& outcome);  // the answer to a TimeOrder
    const BootReport& report() const { return report_; }
    // What the phone judges by; once the session has finished, by the best that it came to know.
    crypto::JudgingTime time() const { return clock_.judging_time(); }

private:
    struct EarlyVerdict {
        Action action;
        std::string reason;
    };

    const phonefile::Section& section() const { return manifest_.sections[plan_.tasks[current_].section]; }
    const Task& task() const { return plan_.tasks[current_]; }
    Load load() const { return flash_->state().load.value_or(settings_.load); }

    std::optional<std::string> reason_against_https() const;
    Step read_manifest(FetchOutcome outcome);
    Step fail_manifest(Action action, std::string reason);
    void pass_over();

    Step next_file();
    std::optional<Step> begin_file();
    void decide_section();
    std::optional<EarlyVerdict> verdict_before_fetch() const;
    std::optional<EarlyVerdict> verdict_on_profile() const;
    bool ignores_version(phonefile::SectionKind kind) const;
    bool holds_unjudged_vendor_file() const;
    std::string stored_version_key() const;
    bool came_by_https() const;
    const InstalledFile* find_namesake_of_https() const;
    bool needs_https() const;
    Step order_file();
    Step judge_file(const std::optional<Answer>& answer);
    Verdict judge(std::string_view version, const std::optional<Answer>& answer) const;
    Circumstances circumstances(std::string_view version, const crypto::JudgingTime& time) const;
    void record_unfit_trust_list(const Fault& fault);
    void install(const AcceptedFile& accepted);
    Result<Commit> commit_for(const AcceptedFile& accepted);
    Status fit_beside_others(const AcceptedFile& accepted, Commit& commit);
    void explain_settings(const phonefile::SettingsFile& file);
    void pass_over_empty(phonefile::SettingsReading& reading) const;
    SectionVersion offered_version() const;
    Result<EffectiveSettings> settings_with(const AcceptedFile& accepted);
    void after_install(const AcceptedFile& accepted);
    void note_unchanged(const Unchanged& unchanged);
    std::string list_names(const std::vector<std::string>& names) const;
    Step after_file();

    FetchOrder order_to(Protocol protocol, std::string host, std::string_view path) const;
    FetchOrder order_for_current();
    bool must_withhold_login(const FetchOrder& order) const;
    std::shared_ptr<const crypto::ClientIdentity> find_identity();
    Status reload_trust();
    Step send();
    Step send_judging_at(const crypto::JudgingTime& time);
    std::optional<Step> ask_for_time();
    std::optional<Step> doubt_what_was_heard(const FetchOutcome& outcome);
    std::optional<Step> learn_time(const FetchOutcome& outcome);
    void note_silence(const FetchOutcome& outcome);
    void note_weaker_wire();
    void note_login();

    bool holds_same_firmware() const;
    bool wants_boot_loader(const Fault& fault) const;
    void ask_for_restart(Load next, std::string reason);

    Status enter(Stage stage);
    bool enter_or_settle(Stage stage);  // false: the file is settled with the fault
    void explain(std::string fact) { facts_.push_back(std::move(fact)); }
    void settle(Action action, std::string reason);
    void settle_fault(const Fault& fault);
    Step finish();
    void note_dropped(const std::string& file, const std::vector<phonefile::Dropped>& dropped);
    void note(std::string file, std::size_t line, std::string text);
    void record(const Event& event);

    BootSettings settings_;
    const family::Family* family_;
    Flash* flash_;
    PhoneClock clock_;
    BootReport report_;
    TrustStore trust_;
    std::optional<Fault> trust_fault_;  // the installed roots cannot be read: nothing is believed
    std::shared_ptr<const crypto::ClientIdentity> identity_;
    phonefile::Manifest manifest_;
    BootPlan plan_;
    std::size_t current_ = 0;
    std::size_t fetch_count_ = 0;
    std::map<std::string, unsigned> silences_;  // fetches in a row that reached nobody, by host
    std::vector<std::string> asked_time_servers_;
    unsigned time_orders_ = 0;

    // Of the section under way.
    std::optional<std::size_t> decided_section_;
    phonefile::VersionVerdict wanted_;
    bool section_has_trouble_ = false;

    // Of the file under way.
    FetchOrder order_;
    bool has_withheld_login_ = false;
    bool is_judged_by_own_time_ = false;  // the fetch under way, whatever a time server said
    Candidate candidate_;
    std::vector<std::string> facts_;

    std::optional<Load> restart_into_;
    bool needs_restart_ = false;  // settings changed that wait for one
};

}  // namespace ringfence::phone
