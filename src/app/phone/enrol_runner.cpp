#include "app/phone/enrol_runner.h"

#include <fmt/format.h>

#include <memory>
#include <thread>
#include <utility>
#include <variant>

#include "app/phone/time_inquiry.h"
#include "base/random.h"
#include "base/text.h"
#include "phone/cmp_enrolment.h"
#include "phone/enrolment_store.h"
#include "phone/est_enrolment.h"
#include "phone/trust_store.h"

namespace ringfence::app {

namespace {

using phone::ProfileSource;

struct Drivers {
    const phone::CurlFetcher& fetcher;
    const Answerer& answerer;
    phone::EnrolmentStore& store;
};

void run(phone::EnrolmentSession& session, const Drivers& drivers) {
    phone::EnrolmentStep step = session.start();
    while (!std::holds_alternative<phone::Finished>(step)) {
        if (const auto* order = std::get_if<phone::FetchOrder>(&step)) {
            step = session.fetched(drivers.fetcher.fetch(*order));
        } else if (const auto* question = std::get_if<phone::Question>(&step)) {
            step = session.answered(drivers.answerer.answer(*question));
        } else if (const auto* keep = std::get_if<phone::Keep>(&step)) {
            step = session.kept(drivers.store.save(keep->pending));
        } else {
            std::this_thread::sleep_for(std::get<phone::Wait>(step).duration);
            step = session.waited();
        }
    }
}

phone::FetchOrder order_for(const Url& server) {
    phone::FetchOrder order;
    order.protocol = server.protocol;
    order.host = server.host;
    order.port = server.port;
    order.path = server.path;
    return order;
}

// What the command line says and the flash holds.
Result<phone::EnrolmentBasics> prepare_basics(const EnrolmentPlan& plan, phone::Flash& flash,
                                              const phone::TrustStore& trust, const phone::EnrolmentStore& store) {
    phone::EnrolmentBasics basics;
    basics.server = order_for(plan.server);
    basics.time = time_for_one_try(flash.state(), plan.fetching.stop);
    basics.server.time = basics.time;
    basics.server.trust = trust.server_trust(basics.time, phone::Behaviour());
    const auto profile = flash.state().profile(plan.profile);
    auto name =
        phone::enrolment_name(plan.mac, plan.host_name.empty() ? profile.host_name : plan.host_name, plan.domain);
    if (!name) return fail(std::move(name.error()));
    basics.common_name = std::move(*name);
    auto present = flash.read_identity(plan.profile);
    if (!present && present.error().code != FaultCode::not_found) return fail(std::move(present.error()));
    if (present) basics.present = std::move(*present);
    auto pending = store.load();
    if (!pending) return fail(std::move(pending.error()));
    basics.pending = std::move(*pending);
    if (plan.poll_interval) basics.poll_interval = *plan.poll_interval;
    if (plan.polls) basics.polls = *plan.polls;
    if (plan.key) basics.make_key = [type = *plan.key] { return crypto::PrivateKey::generate(type); };
    return basics;
}

std::string ca_name_of(const EnrolmentPlan& plan, const phone::Flash& flash) {
    return plan.ca_name.empty() ? flash.state().profile(plan.profile).ca_server_name : plan.ca_name;
}

std::unique_ptr<phone::EnrolmentSession> make_session(const EnrolmentPlan& plan, phone::EnrolmentBasics basics,
                                                      const phone::TrustStore& trust, const phone::Flash& flash,
                                                      const phone::CurlFetcher& fetcher, Random& random) {
    const auto anchors = trust.without_revoked(trust.customer_anchors());
    if (plan.protocol == ProfileSource::scep)
        return std::make_unique<phone::ScepEnrolment>(
            phone::ScepSettings{std::move(basics), ca_name_of(plan, flash), plan.challenge, plan.thumbprint,
                                plan.single_des, anchors},
            random);
    if (plan.protocol == ProfileSource::est)
        return std::make_unique<phone::EstEnrolment>(phone::EstSettings{std::move(basics), plan.token}, random);
    return std::make_unique<phone::CmpEnrolment>(
        phone::CmpSettings{std::move(basics), plan.token, anchors, trust.has_customer_root()},
        [&fetcher](const phone::FetchOrder& order) { return fetcher.fetch(order); }, random);
}

// First what was won, then what it was kept for: a crash between them costs a renewal, no certificate.
Status store_outcome(const phone::EnrolmentSession& session, const EnrolmentPlan& plan, phone::Flash& flash,
                     phone::EnrolmentStore& store) {
    if (const auto& enrolled = session.enrolled()) {
        const bool is_scep = plan.protocol == ProfileSource::scep;
        auto stored =
            flash.store_enrolment({plan.profile, enrolled->identity, enrolled->authorities,
                                   is_scep ? ca_name_of(plan, flash) : std::string(to_string(plan.protocol)),
                                   plan.protocol, order_for(plan.server).url(), session.report().accepted_by});
        if (!stored) return stored;
    }
    return session.has_ended() ? store.remove() : Status();
}

Status log_outcome(const phone::EnrolmentReport& report, const EnrolmentPlan& plan, phone::Flash& flash) {
    const auto text = fmt::format("by {} at {}: {}", to_string(plan.protocol), order_for(plan.server).url(),
                                  printable(report.reason, report.reason.size()));
    const bool is_enrolled = report.outcome == phone::EnrolmentReport::Outcome::enrolled;
    if (is_enrolled)
        return flash.log({phone::EventCode::device_certificate_installed, phone::Severity::information, text});
    if (!report.is_renewal || report.outcome == phone::EnrolmentReport::Outcome::pending) return {};
    return flash.log({phone::EventCode::device_certificate_not_renewed, phone::Severity::minor, text});
}

}  // namespace

Result<EnrolmentPlan> plan_renewal(const phone::Flash& flash, const MacAddress& mac, unsigned profile) {
    const auto stored = flash.state().profile(profile);
    if (stored.server.empty() || stored.identity.empty())
        return fail(FaultCode::not_found,
                    fmt::format("profile {} holds no certificate that was enrolled by SCEP, EST or CMP", profile));
    auto server = Url::parse(stored.server);
    if (!server) return fail(std::move(server.error()));
    EnrolmentPlan plan{mac};
    plan.profile = profile;
    plan.protocol = stored.source;
    plan.server = std::move(*server);
    return plan;
}

Result<phone::EnrolmentReport> enrol_phone(const EnrolmentPlan& plan, phone::Flash& flash, Disk& disk,
                                           const std::string& folder, const Answerer& answerer) {
    const auto trust = phone::TrustStore::load(flash, {});
    if (!trust) return fail(trust.error());
    phone::EnrolmentStore store(disk, folder, plan.profile);
    auto basics = prepare_basics(plan, flash, *trust, store);
    if (!basics) return fail(std::move(basics.error()));
    const phone::CurlFetcher fetcher(plan.fetching);
    SystemRandom random;
    const auto session = make_session(plan, std::move(*basics), *trust, flash, fetcher, random);
    run(*session, {fetcher, answerer, store});
    if (auto stored = store_outcome(*session, plan, flash, store); !stored) return fail(std::move(stored.error()));
    if (auto logged = log_outcome(session->report(), plan, flash); !logged) return fail(std::move(logged.error()));
    return session->report();
}

}  // namespace ringfence::app
