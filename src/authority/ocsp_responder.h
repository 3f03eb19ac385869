// The OCSP responder (RFC 6960) of the issuing CAs: POST, and GET with base64. Each CA has a signer of its own for it;
// a request about certificates of several CAs, or of none of ours, is answered "unauthorized".
#pragma once

#include <vector>

#include "authority/enrolment_desk.h"
#include "authority/responder.h"
#include "base/clock.h"
#include "crypto/certificate_builder.h"

namespace ringfence::authority {

struct OcspSpeaker {
    crypto::Certificate issuing;
    crypto::Signer signer;  // issued by `issuing`
};

class OcspResponder final : public Responder {
public:
    // How long an answer may be repeated. A revocation is known everywhere by then.
    static constexpr Duration answer_life = std::chrono::hours(1);

    // `desk` and `clock` outlive the responder.
    OcspResponder(std::vector<OcspSpeaker> speakers, EnrolmentDesk& desk, const Clock& clock)
        : speakers_(std::move(speakers)), desk_(desk), clock_(clock) {}

    Reply answer(const Query& query) override;

private:
    std::vector<OcspSpeaker> speakers_;
    EnrolmentDesk& desk_;
    const Clock& clock_;
};

}  // namespace ringfence::authority
