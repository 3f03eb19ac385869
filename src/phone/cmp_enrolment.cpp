#include "phone/cmp_enrolment.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "crypto/scep_message.h"
#include "crypto/verify.h"

namespace ringfence::phone {

namespace {

using crypto::Certificate;

constexpr std::string_view message_type = "application/pkixcmp";
constexpr std::string_view section = "CMP";  // of its question

bool is_root(const Certificate& certificate) {
    return certificate.is_ca() && crypto::check_issued_by(certificate, certificate).has_value();
}

}  // namespace

CmpEnrolment::CmpEnrolment(CmpSettings settings, Fetch fetch, Random& random)
    : EnrolmentSession(settings), settings_(std::move(settings)), fetch_(std::move(fetch)), random_(&random) {
    report_.is_renewal = !settings_.token;
}

EnrolmentStep CmpEnrolment::start() {
    if (auto checked = check_settings(); !checked) return refuse(checked.error());
    const auto kind = report_.is_renewal ? EnrolmentKind::renewal : EnrolmentKind::first;
    if (goes_on(settings_, kind)) {
        pending_ = settings_.pending;
    } else {
        auto made = begin_enrolment(settings_, {kind}, *random_);
        if (!made) return fail_with(made.error());
        pending_ = std::move(*made);
    }
    return Keep{*pending_};
}

Status CmpEnrolment::check_settings() const {
    if (settings_.token) return {};
    if (!settings_.present)
        return fail(FaultCode::unauthenticated, "there is neither a token nor a certificate that could be renewed");
    if (settings_.anchors.empty())
        return fail(FaultCode::untrusted, "no root certificate is installed, so no answer can be verified");
    return {};
}

EnrolmentStep CmpEnrolment::kept(const Status& stored) {
    if (!stored) return fail_with(stored.error().within("storing the key"));
    return ask();
}

crypto::CmpCredential CmpEnrolment::credential() const {
    if (settings_.token) return crypto::CmpToken{settings_.token->reference, settings_.token->secret};
    const auto& present = *settings_.present;
    return crypto::CmpHolder{{present.leaf, present.key}, present.chain, settings_.anchors};
}

Result<std::string> CmpEnrolment::transfer(std::string_view request) const {
    FetchOrder order = settings_.server;
    order.time = settings_.time;
    order.size_limit = crypto::max_cmp_message;
    order.upload = Upload{std::string(message_type), std::string(request)};
    return fetch_(order).body;
}

EnrolmentStep CmpEnrolment::ask() {
    // What is issued begins when it was issued, which is later than this run began.
    client_ = std::make_unique<crypto::CmpClient>(
        crypto::CmpClient::Settings{credential(), {settings_.time.at, true}, crypto::CmpClient::Confirmation::implicit},
        [this](std::string_view request) { return transfer(request); });
    return read_answer(settings_.token ? client_->enrol({settings_.common_name, pending_->key})
                                       : client_->renew(pending_->key));
}

// The server may have forgotten the transaction meanwhile.
EnrolmentStep CmpEnrolment::waited() {
    auto answer = client_->poll();
    return answer ? read_answer(std::move(answer)) : ask();
}

EnrolmentStep CmpEnrolment::read_answer(Result<crypto::CmpAnswer> answer) {
    if (!answer) return fail_with(answer.error().within("asking for the certificate"));
    if (const auto* waiting = std::get_if<crypto::CmpWaiting>(&*answer)) return wait_for_decision(waiting->check_after);
    if (const auto* refusal = std::get_if<crypto::CmpRefusal>(&*answer)) return read_refusal(*refusal);
    return take_certificate(std::get<crypto::CmpIssued>(*answer));
}

EnrolmentStep CmpEnrolment::read_refusal(const crypto::CmpRefusal& refusal) {
    std::string reason = "the authority refused the request";
    if (!refusal.text.empty()) reason += fmt::format(": {}", printable(refusal.text));
    const bool may_come_later = refusal.failure == crypto::CmpFailure::system_unavailable ||
                                refusal.failure == crypto::CmpFailure::system_failure;
    return end(may_come_later ? Outcome::failed : Outcome::refused, std::move(reason));
}

EnrolmentStep CmpEnrolment::take_certificate(const crypto::CmpIssued& issued) {
    const Certificate& root = issued.chain.back();
    report_.authority = root.subject();
    report_.fingerprints = fingerprints_of(root.to_der());
    issued_ = issued;
    const auto& held = settings_.anchors;
    if (std::find(held.begin(), held.end(), root) != held.end()) return believe("it is an installed root");
    if (!is_root(root)) return end(Outcome::refused, "what the authority named to be trusted is no root certificate");
    if (!settings_.has_root) return believe("the token proved who named it");
    Question question;
    question.kind = Question::Kind::fingerprint;
    question.section = section;
    question.file = report_.authority;
    question.fingerprints = report_.fingerprints;
    return question;
}

EnrolmentStep CmpEnrolment::answered(const Answer& answer) {
    if (answer.yes) return believe("the token proved who named it, and its fingerprint was accepted: " + answer.how);
    is_declined_ = true;
    return end(Outcome::refused,
               fmt::format("this phone has a root already, and another one was not accepted ({}): SHA-1 {}", answer.how,
                           in_pairs(report_.fingerprints.sha1)));
}

EnrolmentStep CmpEnrolment::believe(std::string why) {
    report_.accepted_by = std::move(why);
    std::vector<Certificate> authorities;
    if (settings_.token) authorities.push_back(issued_->chain.back());
    return take({{issued_->certificate, issued_->chain, pending_->key}, std::move(authorities)});
}

// What was issued is spent on the key that is kept: who accepts the root later gets it with that key.
bool CmpEnrolment::has_ended() const { return !is_declined_ && EnrolmentSession::has_ended(); }

}  // namespace ringfence::phone
