#include <unistd.h>

#include <utility>

#include "app/phone/answerer.h"
#include "app/phone/commands.h"
#include "app/phone/enrol_report.h"
#include "app/phone/enrol_runner.h"
#include "app/phone/first_line.h"
#include "app/phone/login_delivery.h"
#include "app/phone/output.h"
#include "app/phone/state_folder.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/text.h"
#include "phone/cmp_enrolment.h"
#include "phone/est_enrolment.h"

namespace ringfence::app {

namespace {

using Outcome = phone::EnrolmentReport::Outcome;
using phone::ProfileSource;

Result<Url> read_server(std::string_view text) {
    auto url = Url::parse(text);
    if (!url) return url;
    const bool is_http = url->protocol == Protocol::http || url->protocol == Protocol::https;
    if (!is_http) return fail(FaultCode::malformed, "an authority is asked at an http or https URL");
    if (!url->user.empty()) return fail(FaultCode::malformed, "an authority's URL takes no login");
    return url;
}

// A bare server speaks each protocol at its own place.
Result<Url> read_token_server(const EnrolOptions& options) {
    auto url = read_server(options.server);
    if (!url) return url;
    const bool is_est = options.protocol == "est";
    if (is_est && url->protocol != Protocol::https)
        return fail(FaultCode::malformed, "EST is spoken over HTTPS only: a token is shown to no other server");
    if (url->path.empty()) url->path = is_est ? phone::est_path : phone::cmp_path;
    return url;
}

Status read_switches(const EnrolOptions& options, EnrolmentPlan& plan) {
    phone::Behaviour behaviour;
    for (const auto& assignment : options.switches)
        if (auto set = behaviour.set(assignment); !set) return fail(std::move(set.error()));
    if (behaviour.is(phone::Switch::thumbprint, "public-key")) plan.thumbprint = phone::Thumbprint::public_key;
    return {};
}

// What the command line says, before any file is opened.
Result<EnrolmentPlan> read_plan(const EnrolOptions& options) {
    const auto mac = MacAddress::parse(options.mac);
    if (!mac) return fail(mac.error());
    if (!options.server.empty() == options.token_file.empty())
        return fail(FaultCode::malformed, "--server and --token-file go together");
    if (auto name = phone::enrolment_name(*mac, options.host_name, options.domain); !name)
        return fail(std::move(name.error()));
    EnrolmentPlan plan{*mac};
    plan.profile = options.profile;
    if (!options.renews) {
        auto server = options.scep.empty() ? read_token_server(options) : read_server(options.scep);
        if (!server) return fail(std::move(server.error()));
        plan.server = std::move(*server);
        plan.protocol = ProfileSource::scep;
        if (options.scep.empty()) plan.protocol = options.protocol == "est" ? ProfileSource::est : ProfileSource::cmp;
    }
    plan.host_name = options.host_name;
    plan.domain = options.domain;
    plan.ca_name = options.ca_name;
    if (options.allows_single_des) plan.single_des = crypto::SingleDes::taken;
    if (!options.key.empty()) plan.key = options.key == "p256" ? crypto::KeyType::p256 : crypto::KeyType::rsa2048;
    plan.polls = options.polls;
    if (options.poll_seconds > 0) plan.poll_interval = std::chrono::seconds(options.poll_seconds);
    if (options.patience_seconds > 0) plan.fetching.patience.stall = std::chrono::seconds(options.patience_seconds);
    if (auto read = read_switches(options, plan); !read) return fail(std::move(read.error()));
    return plan;
}

// A token that was typed wrongly is told before anybody is asked.
Status read_secrets(const EnrolOptions& options, EnrolmentPlan& plan) {
    if (!options.challenge_file.empty()) {
        auto challenge = read_first_line(options.challenge_file);
        if (!challenge) return fail(std::move(challenge.error()));
        plan.challenge = std::move(*challenge);
    }
    if (options.token_file.empty()) return {};
    const auto line = read_first_line(options.token_file);
    if (!line) return fail(line.error());
    auto token = parse_token_text(line->reveal());
    if (!token) return fail(std::move(token.error()).within(options.token_file));
    plan.token = std::move(*token);
    return {};
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

// By the protocol, and at the server, that the present certificate came from.
Status take_renewal(const phone::Flash& flash, EnrolmentPlan& plan) {
    auto renewal = plan_renewal(flash, plan.mac, plan.profile);
    if (!renewal) return fail(std::move(renewal.error()));
    plan.protocol = renewal->protocol;
    plan.server = std::move(renewal->server);
    return {};
}

// The certificate is there without one, too.
std::string bring_login(const EnrolOptions& options, const EnrolmentPlan& plan, phone::Flash& flash) {
    LoginServer server{plan.server.host, {}, plan.profile};
    if (plan.server.protocol == Protocol::https) server.port = plan.server.port;
    if (options.https_port > 0) server.port = static_cast<std::uint16_t>(options.https_port);
    const auto user = fetch_login(server, phone::CurlFetcher(plan.fetching), flash);
    if (user) return "the server handed out the login of user " + printable(*user) + ", which is sent over HTTPS only";
    return "the server handed out no login: " + user.error().message;
}

int exit_code(Outcome outcome) {
    if (outcome == Outcome::enrolled) return exit_done;
    return outcome == Outcome::pending ? exit_pending : exit_failed;
}

}  // namespace

int enrol(const EnrolOptions& options) {
    auto plan = read_plan(options);
    if (!plan) return complain(plan.error().message, exit_misused);
    auto fingerprints = read_fingerprints(options);
    if (!fingerprints) return complain(fingerprints.error().message, exit_misused);
    if (auto read = read_secrets(options, *plan); !read) return complain(read.error().message, exit_failed);

    SystemDisk disk;
    const SystemClock clock;
    auto held = hold_recovered_flash(disk, options.state, clock);
    if (!held) return complain(held.error().message, exit_failed);
    if (options.renews) {
        if (auto taken = take_renewal(held->flash, *plan); !taken) return complain(taken.error().message, exit_failed);
    }
    const bool is_input_taken = options.challenge_file == standard_input || options.token_file == standard_input;
    const Answerer answerer({std::move(*fingerprints), {}, {}}, !is_input_taken && ::isatty(STDIN_FILENO) == 1);
    auto report = enrol_phone(*plan, held->flash, disk, options.state, answerer);
    if (!report) return complain(report.error().message, exit_failed);
    if (!options.server.empty() && !options.leaves_login && report->outcome == Outcome::enrolled)
        report->notes.push_back(bring_login(options, *plan, held->flash));
    print(options.json ? enrol_json(*report) + "\n" : enrol_text(*report));
    return finish_output(exit_code(report->outcome));
}

}  // namespace ringfence::app
