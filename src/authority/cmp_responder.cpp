#include "authority/cmp_responder.h"

namespace ringfence::authority {

using crypto::CmpAnswer;
using crypto::CmpFailure;
using crypto::CmpRefusal;

namespace {

constexpr std::string_view cmp_type = "application/pkixcmp";
constexpr std::chrono::seconds person_time{60};  // an administrator reads a screen meanwhile

// Why is for our log alone.
CmpRefusal refusal_for(const Fault& fault) {
    switch (fault.code) {
        case FaultCode::unavailable:
        case FaultCode::rate_limited: return {CmpFailure::system_unavailable, "please try again later"};
        case FaultCode::internal:
        case FaultCode::corrupt: return {CmpFailure::system_failure, "please try again later"};
        default: return {CmpFailure::not_authorized, "nothing is issued for this request"};
    }
}

Credential credential_of(const crypto::CmpSender& sender) {
    if (const auto* token = std::get_if<crypto::CmpReference>(&sender)) return ProvedToken{token->text};
    return ProvedCertificate{std::get<crypto::VerifiedChain>(sender).leaf().fingerprint_sha256()};
}

}  // namespace

CmpResponder::CmpResponder(CmpParts parts, EnrolmentDesk& desk, const Clock& clock)
    : root_(std::move(parts.root)),
      issuing_(std::move(parts.issuing)),
      desk_(desk),
      server_(std::move(parts.identity), issuing_, *this, clock) {}

Reply CmpResponder::answer(const Query& query) {
    if (!query.is_post) return {405, "text/plain", "CMP is spoken by POST.\n"};
    source_ = query.source;
    auto answered = server_.answer(query.message);
    if (answered) return {200, std::string(cmp_type), std::move(*answered)};
    const FaultCode code = answered.error().code;
    if (code == FaultCode::malformed || code == FaultCode::too_large)
        return {400, "text/plain", "This is no CMP message.\n"};
    return {503, "text/plain", "Please try again later.\n", false, person_time};
}

Result<Secret> CmpResponder::secret_of(std::string_view reference) { return desk_.secret_of(reference); }

void CmpResponder::note_wrong_secret(std::string_view reference) {
    desk_.note_wrong_secret(EnrolmentProtocol::cmp, reference, source_);
}

CmpAnswer CmpResponder::certify(const crypto::CmpRequest& request) {
    Application application;
    application.protocol = EnrolmentProtocol::cmp;
    application.credential = credential_of(request.sender);
    application.public_key = request.public_key_der;
    application.transaction = request.transaction_id;
    application.source = source_;
    application.wish = request.subject;
    auto decision = desk_.apply(application);
    if (!decision) return refusal_for(decision.error());
    if (std::holds_alternative<Waiting>(*decision)) return crypto::CmpWaiting{person_time};
    auto& issued = std::get<Issued>(*decision);
    return crypto::CmpIssued{std::move(issued.certificate), std::move(issued.chain), {root_}};
}

Status CmpResponder::confirm(const crypto::CmpConfirmation& confirmation) {
    return desk_.confirm(confirmation.fingerprint, confirmation.is_accepted);
}

std::optional<CmpRefusal> CmpResponder::revoke(const crypto::CmpRevocation& revocation) {
    const auto revoked = desk_.revoke({revocation.holder.leaf().fingerprint_sha256()}, revocation.reason);
    if (!revoked) return refusal_for(revoked.error());
    return std::nullopt;
}

std::vector<crypto::Certificate> CmpResponder::ca_certificates() {
    std::vector<crypto::Certificate> all{root_};
    all.insert(all.end(), issuing_.begin(), issuing_.end());
    return all;
}

}  // namespace ringfence::authority
