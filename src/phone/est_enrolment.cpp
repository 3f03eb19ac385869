#include "phone/est_enrolment.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "crypto/scep_message.h"
#include "crypto/verify.h"

namespace ringfence::phone {

namespace {

using crypto::Certificate;

constexpr std::string_view request_type = "application/pkcs10";
constexpr std::size_t answer_limit = 2 * crypto::max_scep_message;  // base64 makes four bytes of three

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
    : EnrolmentSession(settings), settings_(std::move(settings)), random_(&random) {
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
    const auto kind = report_.is_renewal ? EnrolmentKind::renewal : EnrolmentKind::first;
    if (goes_on(settings_, kind)) {
        pending_ = settings_.pending;
    } else {
        auto made = begin_enrolment(settings_, {kind, authorities_.front()}, *random_);
        if (!made) return fail_with(made.error());
        pending_ = std::move(*made);
    }
    auto request = make_request(pending_->key);
    if (!request) return fail_with(request.error());
    request_ = std::move(*request);
    if (pending_->is_acknowledged) return send();
    return Keep{*pending_};
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

EnrolmentStep EstEnrolment::take_certificate(const std::vector<Certificate>& certificates) {
    const auto leaf = std::find_if(certificates.begin(), certificates.end(), [&](const Certificate& one) {
        return one.public_key_der() == request_->public_key_der();
    });
    if (leaf == certificates.end())
        return end(Outcome::refused, "what the authority sent is not a certificate for this phone's key");
    // It begins when it was issued, which is later than this run began.
    const auto verified = crypto::verify_chain(*leaf, sent_, anchors(), device_policy({settings_.time.at, true}));
    if (!verified) return refuse(verified.error().within("the new certificate is not taken"));
    report_.authority = leaf->issuer();
    std::vector<Certificate> chain(verified->certificates().begin() + 1, verified->certificates().end());
    return take({{*leaf, std::move(chain), pending_->key}, authorities_});
}

}  // namespace ringfence::phone
