// One boot, without I/O of its own but the flash's: fetch the manifest, then for each section decide, fetch, accept,
// install; at the end report (reference 1.2, 2.3, 2.4). Fetches and questions are asked for as values:
//
//     Step step = session.start();
//     while (!std::holds_alternative<Finished>(step)) step = ...fetched(...) or answered(...);
//     session.report();
//
// Nothing falls back to a weaker protocol, and what comes over one never weakens what came over HTTPS
// (phone/wire_rule.h). A file that fails or is refused leaves what is installed as it is, and the boot goes on with the
// next one.
#pragma once

#include <cstddef>
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
#include "phone/boot_report.h"
#include "phone/fetch.h"
#include "phone/flash.h"
#include "phone/settings_store.h"
#include "phone/wire_rule.h"
#include "phonefile/manifest.h"

namespace ringfence::phone {

struct BootSettings {
    MacAddress mac;
    std::string model;                  // "1230", "1140e"
    Url server;                         // a path that ends in .cfg is the manifest, else the folder that it lies in
    std::optional<Login> device_login;  // Device ID and Password; sent over HTTPS only
    bool has_certificate = false;       // a device certificate and key are loaded
};

// malformed unless the model is four digits, perhaps with an "e".
Result<std::string> manifest_name(std::string_view model);  // "1230SIP.cfg"

struct Question {
    enum class Kind {
        fingerprint,  // is this the right first root?
        consent,      // PROMPT YES: may this file be fetched?
    };
    Kind kind = Kind::fingerprint;
    std::string section;
    std::string file;
    Fingerprints fingerprints;  // empty for consent
};

using Answer = FingerprintAnswer;

struct Finished {};

using Step = std::variant<FetchOrder, Question, Finished>;

class BootSession {
public:
    // `family`, `flash` and `clock` outlive the session; the flash has been recovered.
    BootSession(BootSettings settings, const family::Family& family, Flash& flash, const Clock& clock);

    Step start();
    Step fetched(FetchOutcome outcome);   // the answer to a FetchOrder
    Step answered(const Answer& answer);  // the answer to a Question; no answer is a no
    const BootReport& report() const { return report_; }

private:
    // One file that the manifest names.
    struct Task {
        std::size_t section = 0;         // index into the manifest
        std::string file;                // '*' expanded
        bool is_beyond_limit = false;    // more files than the set stores
        bool completes_section = false;  // the last one: the section's version is stored with it
    };
    struct EarlyVerdict {
        Action action;
        std::string reason;
    };

    const phonefile::Section& section() const { return manifest_.sections[tasks_[current_].section]; }
    std::string section_name() const;

    Step read_manifest(FetchOutcome outcome);
    Step fail_manifest(Action action, std::string reason);
    void plan();

    Step next_file();
    std::optional<Step> begin_file();
    void decide_section();
    std::optional<EarlyVerdict> verdict_before_fetch() const;
    bool came_by_https() const;
    const InstalledFile* find_namesake_of_https() const;
    bool needs_https() const;
    Step order_file();
    Step judge_file(const std::optional<Answer>& answer);
    void install(const AcceptedFile& accepted);
    Result<Commit> commit_for(const AcceptedFile& accepted);
    SectionVersion offered_version() const;
    Result<EffectiveSettings> settings_with(const AcceptedFile& accepted);
    void note_unchanged(const Unchanged& unchanged);
    std::string list_names(const std::vector<std::string>& names) const;
    Step after_file() {
        ++current_;
        return next_file();
    }

    FetchOrder order_to(Protocol protocol, std::string host, std::string_view path) const;
    FetchOrder order_for_current();
    std::optional<Login> login_for(const FetchOrder& order) const;
    bool must_withhold_login(const FetchOrder& order) const;
    bool is_provisioning_server(const FetchOrder& order) const;
    crypto::JudgingTime judging_time() const;
    Step send();
    std::optional<Step> learn_time(const FetchOutcome& outcome);
    void note_proved_time(WallTime date);
    void note_weaker_wire();
    void note_login();

    Status enter(Stage stage);
    void settle(Action action, std::string reason);
    void settle_fault(const Fault& fault);
    Step finish();
    void note_dropped(const std::string& file, const std::vector<phonefile::Dropped>& dropped);
    void note(std::string file, std::size_t line, std::string text);
    void record(const Event& event);

    BootSettings settings_;
    const family::Family* family_;
    Flash* flash_;
    const Clock* clock_;
    BootReport report_;
    TrustStore trust_;
    std::optional<Fault> trust_fault_;  // the installed roots cannot be read: nothing is believed
    phonefile::Manifest manifest_;
    std::vector<Task> tasks_;
    std::size_t current_ = 0;

    // Of the section under way.
    std::optional<std::size_t> decided_section_;
    phonefile::VersionVerdict wanted_;
    bool section_has_trouble_ = false;

    // Of the file under way.
    FetchOrder order_;
    bool has_withheld_login_ = false;
    Candidate candidate_;

    Duration clock_correction_{};          // to a verified server's time, when the phone's own clock is unset
    std::optional<WallTime> proved_time_;  // by a server of this boot; never ahead of a clock that is set
};

}  // namespace ringfence::phone
