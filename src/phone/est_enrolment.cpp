#include "phone/est_enrolment.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "crypto/scep_message.h"
#include "crypto/verify.h"

namespace ringfence::phone {

namespace {

using Outcome = EnrolmentReport::Outcome;
using crypto::Certificate;

constexpr std::string_view request_type = "application/pkcs10";
constexpr std::size_t answer_limit = 2 * crypto::max_scep_message;  // base64 makes four bytes of three
// Of one wait within a run; who is to wait longer comes again.
constexpr Duration longest_wait = std::chrono::minutes(10);

Result<std::vector<Certificate>> read_certificates(std::string_view body) {
    const auto der = from_folded_base64(body);
    if (!der) return fail(FaultCode::malformed, "the server's answer is not base64");
    return crypto::parse_certificates(*der);
}

crypto::VerifyPolicy device_policy(const crypto::JudgingTime& time) {
    crypto::VerifyPolicy policy;
    policy.purpose = crypto::Purpose::client;
    policy.time = time;
    return policy;
}

}  // namespace

EstEnrolment::EstEnrolment(EstSettings settings, Random& random)
    : settings_(std::move(settings)), random_(&random), polls_left_(settings_.polls) {
    report_.common_name = settings_.common_name;
    report_.is_renewal = !settings_.token;
}

EnrolmentStep EstEnrolment::start() {
    if (auto checked = check_settings(); !checked) return refuse(checked.error());
    asking_ = Asking::authorities;
    return order_for("cacerts");
}

Status EstEnrolment::check_settings() const {
    if (settings_.server.protocol != Protocol::https)
        return fail(FaultCode::forbidden, "EST is spoken over HTTPS only: a token is shown to no other server");
    if (settings_.server.trust == nullptr || anchors().empty())
        return fail(FaultCode::untrusted, "no root certificate is installed, so the server cannot be verified");
    if (settings_.token) return {};
    if (!settings_.present)
        return fail(FaultCode::unauthenticated, "there is neither a token nor a certificate that could be renewed");
    const auto& present = *settings_.present;
    if (auto good = crypto::verify_chain(present.leaf, present.chain, anchors(), device_policy(settings_.time)); !good)
        return fail(std::move(good.error()).within("the present certificate cannot be renewed"));
    return {};
}

EnrolmentStep EstEnrolment::fetched(FetchOutcome outcome) {
    return asking_ == Asking::authorities ? read_authorities(outcome) : read_answer(outcome);
}

FetchOrder EstEnrolment::order_for(std::string_view operation) const {
    FetchOrder order = settings_.server;
    order.path = fmt::format("{}/{}", settings_.server.path, operation);
    order.time = settings_.time;
    order.size_limit = answer_limit;
    return order;
}

bool EstEnrolment::may_take(const Certificate& authority) const {
    if (!authority.is_ca() || settings_.time.is_after(authority.not_after())) return false;
    return std::any_of(anchors().begin(), anchors().end(), [&](const Certificate& anchor) {
        return anchor == authority || crypto::check_issued_by(authority, anchor).has_value();
    });
}

EnrolmentStep EstEnrolment::read_authorities(const FetchOutcome& outcome) {
    if (!outcome.body) return fail_with(outcome.body.error().within("asking for the authority's certificates"));
    if (outcome.verified_by.empty())
        return end(Outcome::refused, "nothing proved who the server is, so nothing is shown to it");
    report_.accepted_by = "its server was verified by " + outcome.verified_by;
    auto certificates = read_certificates(*outcome.body);
    if (!certificates) return fail_with(certificates.error().within("reading the authority's certificates"));
    sent_ = std::move(*certificates);
    for (const auto& one : sent_) {
        if (may_take(one))
            authorities_.push_back(one);
        else
            report_.notes.push_back("not taken as an authority, since no installed root vouches for it now: " +
                                    printable(one.subject()));
    }
    if (authorities_.empty())
        return end(Outcome::refused, "the server belongs to an authority that no installed root vouches for");
    return begin_request();
}

EnrolmentStep EstEnrolment::begin_request() {
    if (goes_on()) {
        pending_ = settings_.pending;
    } else {
        auto made = make_pending();
        if (!made) return fail_with(made.error());
        pending_ = std::move(*made);
    }
    auto request = make_request(pending_->key);
    if (!request) return fail_with(request.error());
    request_ = std::move(*request);
    if (pending_->is_acknowledged) return send();
    return Keep{*pending_};
}

// What an earlier run kept is of this server and this subject, and for the same end.
bool EstEnrolment::goes_on() const {
    if (!settings_.pending) return false;
    const PendingEnrolment& pending = *settings_.pending;
    if (pending.url != settings_.server.url() || pending.common_name != settings_.common_name) return false;
    return report_.is_renewal ? pending.signer == settings_.present->leaf : pending.key.matches(pending.signer);
}

// EST needs no signer. It is kept all the same, as the mark of what the key was made for.
Result<PendingEnrolment> EstEnrolment::make_pending() {
    auto key = settings_.make_key ? settings_.make_key() : crypto::PrivateKey::generate(crypto::KeyType::p256);
    if (!key) return fail(std::move(key.error()));
    if (report_.is_renewal)
        return PendingEnrolment{settings_.server.url(), settings_.common_name,   std::move(*key),
                                authorities_.front(),   settings_.present->leaf, false};
    const auto request = make_request(*key);
    if (!request) return fail(request.error());
    auto signer = crypto::make_scep_signer(*request, *key, settings_.time.at.value_or(WallTime{}), *random_);
    if (!signer) return fail(std::move(signer.error()));
    return PendingEnrolment{settings_.server.url(), settings_.common_name, std::move(*key),
                            authorities_.front(),   std::move(*signer),    false};
}

// RFC 7030 section 4.2.2: a renewal repeats subject and subjectAltName.
Result<crypto::CertificationRequest> EstEnrolment::make_request(const crypto::PrivateKey& key) const {
    if (report_.is_renewal) return crypto::CertificationRequest::renew(settings_.present->leaf, Secret(), key);
    return crypto::CertificationRequest::make({settings_.common_name, "", {}, {}}, Secret(), key);
}

EnrolmentStep EstEnrolment::kept(const Status& stored) {
    if (!stored) return fail_with(stored.error().within("storing the key"));
    return pending_->is_acknowledged ? wait_for_decision(asked_to_wait_) : send();
}

EnrolmentStep EstEnrolment::waited() { return send(); }

EnrolmentStep EstEnrolment::send() {
    asking_ = Asking::certificate;
    auto order = order_for(report_.is_renewal ? "simplereenroll" : "simpleenroll");
    order.upload = Upload{std::string(request_type), to_base64(request_->to_der())};
    if (report_.is_renewal)
        order.identity = std::make_shared<const crypto::ClientIdentity>(*settings_.present);
    else
        order.login = Login{settings_.token->reference, settings_.token->secret};
    return order;
}

EnrolmentStep EstEnrolment::read_answer(const FetchOutcome& outcome) {
    if (outcome.ask_again_after) {
        asked_to_wait_ = *outcome.ask_again_after;
        if (std::exchange(pending_->is_acknowledged, true)) return wait_for_decision(asked_to_wait_);
        return Keep{*pending_};
    }
    if (!outcome.body) {
        const auto fault = outcome.body.error().within("asking for the certificate");
        return fault.code == FaultCode::unauthenticated ? refuse(fault) : fail_with(fault);
    }
    const auto certificates = read_certificates(*outcome.body);
    if (!certificates) return fail_with(certificates.error().within("reading the certificate"));
    return take_certificate(*certificates);
}

EnrolmentStep EstEnrolment::wait_for_decision(Duration asked) {
    if (polls_left_ == 0)
        return end(Outcome::pending, "the authority has not decided yet; enrol again to ask for its decision");
    --polls_left_;
    return Wait{std::clamp(asked, settings_.poll_interval, std::max(settings_.poll_interval, longest_wait))};
}

EnrolmentStep EstEnrolment::take_certificate(const std::vector<Certificate>& certificates) {
    const auto leaf = std::find_if(certificates.begin(), certificates.end(), [&](const Certificate& one) {
        return one.public_key_der() == request_->public_key_der();
    });
    if (leaf == certificates.end())
        return end(Outcome::refused, "what the authority sent is not a certificate for this phone's key");
    // It begins when it was issued, which is later than this run began.
    const auto verified = crypto::verify_chain(*leaf, sent_, anchors(), device_policy({settings_.time.at, true}));
    if (!verified) return refuse(verified.error().within("the new certificate is not taken"));
    if (leaf->common_name() != settings_.common_name)
        report_.notes.push_back("the authority named this phone " + printable(leaf->subject()));
    report_.authority = leaf->issuer();
    std::vector<Certificate> chain(verified->certificates().begin() + 1, verified->certificates().end());
    if (chain.back().is_self_issued()) chain.pop_back();  // whoever verifies the leaf has the root
    enrolled_ = Enrolled{{*leaf, std::move(chain), pending_->key}, authorities_};
    return end(Outcome::enrolled, fmt::format("certificate {} of {}, good until {}", leaf->serial(),
                                              printable(leaf->subject()), format_time(leaf->not_after())));
}

// A refused request will not be granted, whereas a lost answer or an undecided request may still come.
bool EstEnrolment::has_ended() const {
    return pending_ && (report_.outcome == Outcome::enrolled || report_.outcome == Outcome::refused);
}

EnrolmentStep EstEnrolment::end(Outcome outcome, std::string reason) {
    report_.outcome = outcome;
    report_.reason = std::move(reason);
    return Finished{};
}

}  // namespace ringfence::phone
