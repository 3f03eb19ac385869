#include "authority/scep_responder.h"

#include <algorithm>

#include "authority/message_text.h"

namespace ringfence::authority {

using crypto::ScepAlgorithms;
using crypto::ScepAttributes;
using crypto::ScepCipher;
using crypto::ScepDigest;
using crypto::ScepFailure;
using crypto::ScepMessage;
using crypto::ScepMessageType;
using crypto::ScepStatus;
using registry::EnrolmentProfile;

namespace {

// "SHA-384" is no keyword of RFC 8894, which lets clients pass over what they do not know; strongSwan 5.9.8 takes it
// for SCEPStandard and else says that AES is missing (strongSwan issue 1607).
constexpr std::string_view capabilities = "AES\nSHA-256\nSHA-384\nSHA-512\nPOSTPKIOperation\nRenewal\nSCEPStandard\n";
constexpr std::string_view legacy_capabilities =
    "AES\nDES3\nSHA-1\nSHA-256\nSHA-384\nSHA-512\nPOSTPKIOperation\nRenewal\nSCEPStandard\n";

constexpr std::string_view message_type = "application/x-pki-message";
constexpr std::string_view authority_type = "application/x-x509-ca-ra-cert";
constexpr std::string_view text_type = "text/plain";
constexpr Duration come_again = std::chrono::seconds(30);

Reply bad_request() { return {400, std::string(text_type), "This is no SCEP message.\n"}; }
Reply come_later() { return {503, std::string(text_type), "Please try again later.\n", false, come_again}; }

// What the desk says, for somebody who must not learn why.
ScepFailure failure_of(FaultCode code) {
    return code == FaultCode::not_found ? ScepFailure::bad_certificate_id : ScepFailure::bad_request;
}

bool may_pass(FaultCode code) {
    return code == FaultCode::unavailable || code == FaultCode::internal || code == FaultCode::corrupt ||
           code == FaultCode::rate_limited;
}

}  // namespace

// One message that is being answered.
struct ScepResponder::Asked {
    const ScepMessage& message;
    const Query& query;
    ScepAlgorithms algorithms;
};

Reply ScepResponder::answer(const Query& query) {
    if (query.operation == "GetCACaps") {
        const bool is_legacy = parts_.profile == EnrolmentProfile::legacy;
        return {200, std::string(text_type), std::string(is_legacy ? legacy_capabilities : capabilities)};
    }
    if (query.operation == "GetCACert") {
        auto bytes = crypto::format_certificates({parts_.registration.certificate, parts_.issuing, parts_.root});
        if (!bytes) return come_later();
        return {200, std::string(authority_type), std::move(*bytes)};
    }
    if (query.operation == "PKIOperation") return answer_message(query);
    return bad_request();
}

bool ScepResponder::takes(const ScepMessage& message, std::optional<ScepCipher> cipher) const {
    if (parts_.profile == EnrolmentProfile::legacy) return true;
    return message.digest != ScepDigest::sha1 && cipher != ScepCipher::triple_des;
}

bool ScepResponder::is_renewable(const crypto::Certificate& signer) const {
    return std::any_of(parts_.renewable.begin(), parts_.renewable.end(), [&](const crypto::Certificate& issuer) {
        return crypto::check_issued_by(signer, issuer).has_value();
    });
}

Reply ScepResponder::answer_message(const Query& query) {
    const auto bytes = read_message(query);
    if (!bytes) return bad_request();
    const auto message = crypto::parse_scep_message(*bytes);
    if (!message || message->attributes.type == ScepMessageType::certificate_reply) return bad_request();
    const auto cipher = crypto::find_cipher(*message);
    const Asked asked{*message, query, {cipher.value_or(ScepCipher::aes128), message->digest}};
    if (!takes(*message, cipher)) return refuse(asked, ScepFailure::bad_algorithm);
    if (message->attributes.type == ScepMessageType::certificate_poll) return answer_poll(asked);
    const auto request = crypto::open_scep_request(*message, parts_.registration, parts_.single_des);
    if (!request && request.error().code == FaultCode::forbidden) return refuse(asked, ScepFailure::bad_algorithm);
    if (!request) return refuse(asked, ScepFailure::bad_message_check);
    return answer_request(asked, *request);
}

Reply ScepResponder::answer_request(const Asked& asked, const crypto::CertificationRequest& request) {
    Application application;
    application.protocol = EnrolmentProtocol::scep;
    application.profile = parts_.profile;
    application.public_key = request.public_key_der();
    application.transaction = asked.message.attributes.transaction_id;
    application.source = asked.query.source;
    application.wish = request.subject();
    auto challenge = request.challenge();
    if (is_renewable(asked.message.signer)) {
        application.credential = ProvedCertificate{asked.message.signer.fingerprint_sha256()};
        const auto renewed = desk_.apply(application);
        const bool is_at_an_end = !renewed && renewed.error().code == FaultCode::unauthenticated;
        if (!is_at_an_end || !challenge) return tell(asked, renewed);
    } else if (asked.message.signer.public_key_der() != application.public_key) {
        // RFC 8894 section 2.3: a first request is signed with the key that it is for. The answer is enveloped to that.
        return refuse(asked, ScepFailure::bad_message_check);
    }
    if (!challenge) return refuse(asked, ScepFailure::bad_request);
    application.credential = ShownSecret{bound_token_text(std::move(*challenge))};
    return tell(asked, desk_.apply(application));
}

// Its envelope stays closed: who signed it and which transaction it names is all that counts, and an answer to it must
// not tell whether the envelope could be opened.
Reply ScepResponder::answer_poll(const Asked& asked) {
    Inquiry inquiry;
    inquiry.protocol = EnrolmentProtocol::scep;
    inquiry.transaction = asked.message.attributes.transaction_id;
    inquiry.public_key = asked.message.signer.public_key_der();
    return tell(asked, desk_.inquire(inquiry));
}

Reply ScepResponder::tell(const Asked& asked, const Result<Decision>& decision) {
    if (!decision) {
        if (may_pass(decision.error().code)) return come_later();
        return refuse(asked, failure_of(decision.error().code));
    }
    ScepAttributes attributes;
    const auto* issued = std::get_if<Issued>(&*decision);
    attributes.status = issued != nullptr ? ScepStatus::success : ScepStatus::pending;
    if (issued == nullptr) return send(asked, std::move(attributes), std::nullopt);
    return send(asked, std::move(attributes), crypto::IssuedCertificates{{issued->certificate}, asked.message.signer});
}

Reply ScepResponder::refuse(const Asked& asked, ScepFailure failure) {
    ScepAttributes attributes;
    attributes.status = ScepStatus::failure;
    attributes.failure = failure;
    return send(asked, std::move(attributes), std::nullopt);
}

Reply ScepResponder::send(const Asked& asked, ScepAttributes attributes,
                          const std::optional<crypto::IssuedCertificates>& issued) {
    attributes.type = ScepMessageType::certificate_reply;
    attributes.transaction_id = asked.message.attributes.transaction_id;
    attributes.sender_nonce = random_.bytes(crypto::scep_nonce_size);
    attributes.recipient_nonce = asked.message.attributes.sender_nonce;
    auto bytes = crypto::format_scep_reply(attributes, issued, parts_.registration, asked.algorithms);
    if (!bytes) return bad_request();
    return {200, std::string(message_type), std::move(*bytes)};
}

}  // namespace ringfence::authority
