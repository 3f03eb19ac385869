// SCEP (RFC 8894) as a registration authority: takes requests that are enveloped to the RA's key, never to the CA's,
// and asks the desk. GET and POST.
//
// Who signs a request with a certificate that one of our CAs issued renews it, whatever the message's type says
// (certmonger sends 19, strongSwan 17); anybody else shows a challenge. A challenge counts, too, where that certificate
// renews nothing any more: a set that was given a new one may sign with what it has, revoked as it is. The subject that
// is asked for is never looked at but for the record: `NTIPP` and six digits of a MAC identify nobody.
//
// What cannot be read as a signed message is one and the same 400. Of what can, algorithms are refused before the
// envelope is opened, a poll's stays closed, and every fault inside one is one and the same badMessageCheck: nobody has
// this server tell right ciphertexts from wrong ones.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "authority/enrolment_desk.h"
#include "authority/responder.h"
#include "base/random.h"
#include "crypto/certificate_builder.h"
#include "crypto/scep_message.h"

namespace ringfence::authority {

struct ScepParts {
    crypto::Signer registration;                 // RSA; issued by `issuing`
    crypto::Certificate issuing;                 // issues what is asked for here
    crypto::Certificate root;                    // above it
    std::vector<crypto::Certificate> renewable;  // the CAs whose certificates renew here
    registry::EnrolmentProfile profile = registry::EnrolmentProfile::modern;
    crypto::SingleDes single_des = crypto::SingleDes::refused;  // legacy only
};

class ScepResponder final : public Responder {
public:
    // `desk` and `random` outlive the responder.
    ScepResponder(ScepParts parts, EnrolmentDesk& desk, Random& random)
        : parts_(std::move(parts)), desk_(desk), random_(random) {}

    Reply answer(const Query& query) override;

private:
    struct Asked;

    Reply answer_message(const Query& query);
    Reply answer_request(const Asked& asked, const crypto::CertificationRequest& request);
    Reply answer_poll(const Asked& asked);
    Reply tell(const Asked& asked, const Result<Decision>& decision);
    Reply refuse(const Asked& asked, crypto::ScepFailure failure);
    Reply send(const Asked& asked, crypto::ScepAttributes attributes,
               const std::optional<crypto::IssuedCertificates>& issued);
    bool takes(const crypto::ScepMessage& message, std::optional<crypto::ScepCipher> cipher) const;
    bool is_renewable(const crypto::Certificate& signer) const;

    ScepParts parts_;
    EnrolmentDesk& desk_;
    Random& random_;
};

}  // namespace ringfence::authority
