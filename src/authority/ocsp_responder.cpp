#include "authority/ocsp_responder.h"

#include <algorithm>

#include "authority/message_text.h"
#include "crypto/ocsp.h"

namespace ringfence::authority {

using crypto::OcspError;
using crypto::OcspState;

namespace {

Reply reply_with(std::string der) { return {200, "application/ocsp-response", std::move(der)}; }
Reply refuse(OcspError error) { return reply_with(crypto::format_ocsp_error(error)); }

OcspState state_of(CertificateStanding::State state) {
    switch (state) {
        case CertificateStanding::State::good: return OcspState::good;
        case CertificateStanding::State::revoked: return OcspState::revoked;
        case CertificateStanding::State::unknown: break;
    }
    return OcspState::unknown;
}

}  // namespace

Reply OcspResponder::answer(const Query& query) {
    const auto der = read_message(query);
    if (!der) return refuse(OcspError::malformed_request);
    const auto request = crypto::parse_ocsp_request(*der);
    if (!request) return refuse(OcspError::malformed_request);

    const auto& first = request->certificates.front();
    const auto speaker = std::find_if(speakers_.begin(), speakers_.end(), [&](const OcspSpeaker& candidate) {
        return crypto::names_issuer(first, candidate.issuing);
    });
    if (speaker == speakers_.end()) return refuse(OcspError::unauthorized);
    crypto::OcspAnswer answer;
    for (const auto& certificate : request->certificates) {
        if (!crypto::names_issuer(certificate, speaker->issuing)) return refuse(OcspError::unauthorized);
        const auto standing = desk_.standing_of(speaker->issuing.fingerprint_sha256(), certificate.serial);
        if (!standing) return refuse(OcspError::try_later);
        crypto::OcspStatus status{certificate, state_of(standing->state)};
        status.revoked = standing->revoked.value_or(WallTime{});
        status.reason = static_cast<crypto::RevocationReason>(standing->reason);
        answer.statuses.push_back(std::move(status));
    }
    answer.this_update = clock_.wall_now();
    answer.next_update = answer.this_update + answer_life;
    answer.nonce = request->nonce;
    auto bytes = crypto::format_ocsp_response(answer, speaker->signer);
    if (!bytes) return refuse(OcspError::internal_error);
    return reply_with(std::move(*bytes));
}

}  // namespace ringfence::authority
