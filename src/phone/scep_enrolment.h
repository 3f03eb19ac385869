// A device certificate by SCEP (RFC 8894) as a 1200-series set gets it (reference 5.3, 5.4), without I/O: what the
// authority can do, its certificates, the fingerprint decision if it is unknown, a key pair made on the phone, the
// request, polling.
//
// GetCACaps may fail; an error in GetCACert ends the run (reference 5.4). A run that goes on with an earlier one's key
// has the same transaction. A present certificate of the same authority is renewed: message type 17 if the authority
// knows it, else 19, in both cases signed by the present certificate; a challenge is sent if one is given, since some
// servers want it all the same. Registration authorities' certificates live as long as the session.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/scep_message.h"
#include "crypto/tls_client.h"
#include "phone/device_profile.h"
#include "phone/enrolment.h"
#include "phone/fetch.h"
#include "phone/fingerprint.h"

namespace ringfence::phone {

// What the dialog's fingerprints are made of. The manual says "thumbprint" and describes it as a hash of the public key
// (reference 5.3: C, ambiguous; the usual thumbprint is the whole certificate's).
enum class Thumbprint {
    certificate,  // DER of the certificate
    public_key,   // DER of its SubjectPublicKeyInfo
};
Fingerprints thumbprint_of(const crypto::Certificate& authority, Thumbprint kind);

// A present certificate is renewed if it is the same authority's and has not ended.
struct ScepSettings : EnrolmentBasics {
    std::string ca_name = std::string(default_ca_name);
    Secret challenge{};  // empty: none
    Thumbprint thumbprint = Thumbprint::certificate;
    crypto::SingleDes single_des = crypto::SingleDes::refused;  // in replies; nothing is ever sent in it
    std::vector<crypto::Certificate> known_authorities{};       // the customer's roots: no dialog for these
};

class ScepEnrolment final : public EnrolmentSession {
public:
    // `random` outlives the session.
    ScepEnrolment(ScepSettings settings, Random& random);

    EnrolmentStep start() override;
    EnrolmentStep fetched(FetchOutcome outcome) override;
    EnrolmentStep answered(const Answer& answer) override;
    EnrolmentStep kept(const Status& stored) override;
    EnrolmentStep waited() override;

private:
    enum class Asking { capabilities, authority, certificate };

    FetchOrder order_for(std::string_view operation, const std::string& message) const;
    EnrolmentStep read_capabilities(const FetchOutcome& outcome);
    EnrolmentStep read_authority(const FetchOutcome& outcome);
    EnrolmentStep believe(std::string why);
    std::optional<std::string> reason_to_believe() const;
    bool renews() const;
    bool goes_on() const;

    EnrolmentStep begin_request();
    Result<crypto::CertificationRequest> make_request() const;
    const crypto::PrivateKey& signing_key() const;
    EnrolmentStep send();
    Result<std::string> make_message();

    EnrolmentStep read_reply(const FetchOutcome& outcome);
    EnrolmentStep take_certificates(const std::vector<crypto::Certificate>& certificates);

    ScepSettings settings_;
    Random* random_;
    Asking asking_ = Asking::capabilities;
    crypto::ScepCapabilities capabilities_;
    std::optional<crypto::ScepAuthority> authority_;
    std::optional<crypto::CertificationRequest> request_;
    std::string sender_nonce_;
};

}  // namespace ringfence::phone
