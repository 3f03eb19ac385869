#include <fmt/format.h>
#include <unistd.h>

#include <thread>
#include <utility>
#include <variant>

#include "app/phone/answerer.h"
#include "app/phone/commands.h"
#include "app/phone/enrol_report.h"
#include "app/phone/first_line.h"
#include "app/phone/output.h"
#include "app/phone/state_folder.h"
#include "base/clock.h"
#include "base/disk.h"
#include "phone/curl_fetcher.h"
#include "phone/enrolment_store.h"
#include "phone/flash.h"
#include "phone/phone_clock.h"
#include "phone/scep_enrolment.h"
#include "phone/trust_store.h"

namespace ringfence::app {

namespace {

using Outcome = phone::EnrolmentReport::Outcome;

// What the command line says, before the flash is opened.
Result<phone::EnrolmentSettings> read_settings(const EnrolOptions& options) {
    const auto mac = MacAddress::parse(options.mac);
    if (!mac) return fail(mac.error());
    auto url = Url::parse(options.scep);
    if (!url) return fail(std::move(url.error()));
    if (url->protocol != Protocol::http && url->protocol != Protocol::https)
        return fail(FaultCode::malformed, "SCEP needs an http or https URL");
    if (!url->user.empty()) return fail(FaultCode::malformed, "a SCEP server takes no login");
    if (auto name = phone::enrolment_name(*mac, options.host_name, options.domain); !name)
        return fail(std::move(name.error()));

    phone::EnrolmentSettings settings;
    settings.server.protocol = url->protocol;
    settings.server.host = url->host;
    settings.server.port = url->port;
    settings.server.path = url->path;
    phone::Behaviour behaviour;
    for (const auto& assignment : options.switches)
        if (auto set = behaviour.set(assignment); !set) return fail(std::move(set.error()));
    if (behaviour.is(phone::Switch::thumbprint, "public-key")) settings.thumbprint = phone::Thumbprint::public_key;
    if (options.allows_single_des) settings.single_des = crypto::SingleDes::taken;
    if (options.polls) settings.polls = *options.polls;
    if (options.poll_seconds > 0) settings.poll_interval = std::chrono::seconds(options.poll_seconds);
    return settings;
}

Result<std::vector<phone::ExpectedFingerprint>> read_fingerprints(const EnrolOptions& options) {
    std::vector<phone::ExpectedFingerprint> out;
    for (const auto& text : options.accepted_fingerprints) {
        auto expected = phone::ExpectedFingerprint::parse(text);
        if (!expected) return fail(std::move(expected.error()));
        out.push_back(std::move(*expected));
    }
    return out;
}

// What the flash holds: the profile, roots, a certificate to renew, a request under way.
Status add_stored(phone::EnrolmentSettings& settings, phone::Flash& flash, Disk& disk, const EnrolOptions& options) {
    const auto profile = flash.state().profile(options.profile);
    settings.ca_name = options.ca_name.empty() ? profile.ca_server_name : options.ca_name;
    const auto& host_name = options.host_name.empty() ? profile.host_name : options.host_name;
    auto name = phone::enrolment_name(*MacAddress::parse(options.mac), host_name, options.domain);
    if (!name) return fail(std::move(name.error()));
    settings.common_name = std::move(*name);

    const auto trust = phone::TrustStore::load(flash, {});
    if (!trust) return fail(trust.error());
    settings.known_authorities = trust->without_revoked(trust->customer_anchors());
    settings.server.trust = trust->server_trust(settings.time, phone::Behaviour());
    auto present = flash.read_identity(options.profile);
    if (!present && present.error().code != FaultCode::not_found) return fail(std::move(present.error()));
    if (present) settings.present = std::move(*present);
    auto pending = phone::EnrolmentStore(disk, options.state, options.profile).load();
    if (!pending) return fail(std::move(pending.error()));
    settings.pending = std::move(*pending);
    return {};
}

struct Asked {
    unsigned profile;
    std::string ca_name;
    std::string url;  // without login
};

struct Helpers {
    const phone::CurlFetcher& fetcher;
    const Answerer& answerer;
    phone::EnrolmentStore& store;
};

void run(phone::ScepEnrolment& session, const Helpers& helpers) {
    phone::EnrolmentStep step = session.start();
    while (!std::holds_alternative<phone::Finished>(step)) {
        if (const auto* order = std::get_if<phone::FetchOrder>(&step)) {
            step = session.fetched(helpers.fetcher.fetch(*order));
        } else if (const auto* question = std::get_if<phone::Question>(&step)) {
            step = session.answered(helpers.answerer.answer(*question));
        } else if (const auto* keep = std::get_if<phone::Keep>(&step)) {
            step = session.kept(helpers.store.save(keep->pending));
        } else {
            std::this_thread::sleep_for(std::get<phone::Wait>(step).duration);
            step = session.waited();
        }
    }
}

// First what was won, then what it was kept for: a crash between them costs a renewal, no certificate.
Status store(const phone::ScepEnrolment& session, phone::EnrolmentStore& store, phone::Flash& flash,
             const Asked& asked) {
    if (const auto& enrolled = session.enrolled()) {
        auto stored = flash.store_enrolment({asked.profile, enrolled->identity, enrolled->authorities, asked.ca_name,
                                             asked.url, session.report().accepted_by});
        if (!stored) return stored;
    }
    return session.has_ended() ? store.remove() : Status();
}

int exit_code(Outcome outcome) {
    if (outcome == Outcome::enrolled) return exit_done;
    return outcome == Outcome::pending ? exit_pending : exit_failed;
}

}  // namespace

int enrol(const EnrolOptions& options) {
    auto settings = read_settings(options);
    if (!settings) return complain(settings.error().message, exit_misused);
    auto fingerprints = read_fingerprints(options);
    if (!fingerprints) return complain(fingerprints.error().message, exit_misused);
    if (!options.challenge_file.empty()) {
        auto challenge = read_first_line(options.challenge_file);
        if (!challenge) return complain(challenge.error().message, exit_failed);
        settings->challenge = std::move(*challenge);
    }

    SystemDisk disk;
    const SystemClock clock;
    SystemRandom random;
    auto held = hold_recovered_flash(disk, options.state, clock);
    if (!held) return complain(held.error().message, exit_failed);
    phone::Flash& flash = held->flash;
    settings->time = phone::PhoneClock(clock, flash.state().proved_time).judging_time();
    if (auto added = add_stored(*settings, flash, disk, options); !added)
        return complain(added.error().message, exit_failed);

    phone::FetcherSettings fetching;
    if (options.patience_seconds > 0) fetching.patience.stall = std::chrono::seconds(options.patience_seconds);
    const bool may_ask = options.challenge_file != standard_input && ::isatty(STDIN_FILENO) == 1;
    const phone::CurlFetcher fetcher(std::move(fetching));
    const Answerer answerer({std::move(*fingerprints), {}, {}}, may_ask);
    phone::EnrolmentStore enrolment_store(disk, options.state, options.profile);
    const Asked asked{options.profile, settings->ca_name, settings->server.url()};
    phone::ScepEnrolment session(std::move(*settings), random);
    run(session, {fetcher, answerer, enrolment_store});

    const auto stored = store(session, enrolment_store, flash, asked);
    if (!stored) return complain(stored.error().message, exit_failed);
    print(options.json ? enrol_json(session.report()) + "\n" : enrol_text(session.report()));
    return finish_output(exit_code(session.report().outcome));
}

}  // namespace ringfence::app
