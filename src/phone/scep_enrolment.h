// A device certificate by SCEP (RFC 8894) as a 1200-series set gets it (reference 5.3, 5.4), without I/O: what the
// authority can do, its certificates, the fingerprint decision if it is unknown, a key pair made on the phone, the
// request, polling. Fetches, questions, storing and waiting are asked for as values:
//
//     EnrolmentStep step = session.start();
//     while (!std::holds_alternative<Finished>(step)) step = ...fetched(...), answered(...), kept(...) or waited();
//     session.report(); session.enrolled();
//
// GetCACaps may fail; an error in GetCACert ends the run (reference 5.4). The key is stored before the request leaves,
// so a run that was cut off, or whose request still waits for an administrator, goes on with the same key and the same
// transaction. A present certificate of the same authority is renewed: message type 17 if the authority knows it, else
// 19, in both cases signed by the present certificate; a challenge is sent if one is given, since some servers want it
// all the same. Registration authorities' certificates live as long as the session.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/mac_address.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/scep_message.h"
#include "crypto/tls_client.h"
#include "phone/boot.h"
#include "phone/device_profile.h"
#include "phone/fetch.h"
#include "phone/fingerprint.h"

namespace ringfence::phone {

// Host name and domain, parted by a dot; without a host name NTIPP and the last six hex digits of the MAC alone
// (reference 5.4, C). malformed for more than the 64 characters of a common name, or for what is no host name.
Result<std::string> enrolment_name(const MacAddress& mac, std::string_view host_name, std::string_view domain);

// What the dialog's fingerprints are made of. The manual says "thumbprint" and describes it as a hash of the public key
// (reference 5.3: C, ambiguous; the usual thumbprint is the whole certificate's).
enum class Thumbprint {
    certificate,  // DER of the certificate
    public_key,   // DER of its SubjectPublicKeyInfo
};
Fingerprints thumbprint_of(const crypto::Certificate& authority, Thumbprint kind);

// What must outlive a restart while a request is under way. Holds a key.
struct PendingEnrolment {
    std::string url;  // of the server, without login
    std::string common_name;
    crypto::PrivateKey key;
    crypto::Certificate authority;  // accepted, by fingerprint or otherwise
    crypto::Certificate signer;     // of the request: self-signed by `key`, or the certificate that is renewed
    bool is_acknowledged = false;   // the authority answered PENDING: from then on it is polled
};

struct EnrolmentSettings {
    FetchOrder server;  // HTTP or HTTPS: whom to ask and whom to believe; query, upload and limit are the session's
    std::string common_name;  // enrolment_name()
    std::string ca_name = std::string(default_ca_name);
    Secret challenge;  // empty: none
    Thumbprint thumbprint = Thumbprint::certificate;
    crypto::SingleDes single_des = crypto::SingleDes::refused;  // in replies; nothing is ever sent in it
    crypto::JudgingTime time;
    std::vector<crypto::Certificate> known_authorities{};    // the customer's roots: no dialog for these
    std::optional<crypto::ClientIdentity> present{};         // renewed if it is the same authority's and has not ended
    std::optional<PendingEnrolment> pending{};               // of an earlier run
    Duration poll_interval = std::chrono::seconds(60);       // an administrator reads a screen meanwhile
    unsigned polls = 3;                                      // of one run; a later run goes on
    std::function<Result<crypto::PrivateKey>()> make_key{};  // empty: RSA-2048
};

struct EnrolmentReport {
    enum class Outcome {
        enrolled,
        pending,  // the authority has not decided; a later run polls
        refused,  // by the authority, or by this phone: untrusted, expired, another's
        failed,   // the server did not answer as it should, or storing failed
    };
    Outcome outcome = Outcome::failed;
    std::string reason;         // one sentence
    std::string common_name;    // asked for
    std::string authority;      // subject; empty: none came
    Fingerprints fingerprints;  // as shown in the dialog
    std::string accepted_by;    // why the authority was believed
    bool is_renewal = false;
    std::string transaction_id;  // empty: no request was made
    std::vector<std::string> notes;
};
std::string_view to_string(EnrolmentReport::Outcome outcome);

struct Enrolled {
    crypto::ClientIdentity identity;               // chain: CAs between the leaf and a root
    std::vector<crypto::Certificate> authorities;  // accepted with the fingerprint; become customer roots
};

struct Keep {
    PendingEnrolment pending;
};
struct Wait {
    Duration duration;
};

using EnrolmentStep = std::variant<FetchOrder, Question, Keep, Wait, Finished>;

class ScepEnrolment {
public:
    // `random` outlives the session.
    ScepEnrolment(EnrolmentSettings settings, Random& random);

    EnrolmentStep start();
    EnrolmentStep fetched(FetchOutcome outcome);   // the answer to a FetchOrder
    EnrolmentStep answered(const Answer& answer);  // the answer to a Question; no answer is a no
    EnrolmentStep kept(const Status& stored);      // after Keep; a Fault ends the run before the request leaves
    EnrolmentStep waited();                        // after Wait

    const EnrolmentReport& report() const { return report_; }
    const std::optional<Enrolled>& enrolled() const { return enrolled_; }
    // After Finished: whether what was kept is of no more use.
    bool has_ended() const;

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
    Result<PendingEnrolment> make_pending() const;
    Result<crypto::CertificationRequest> make_request() const;
    const crypto::PrivateKey& signing_key() const;
    EnrolmentStep send();
    Result<std::string> make_message();

    EnrolmentStep read_reply(const FetchOutcome& outcome);
    EnrolmentStep wait_for_decision();
    EnrolmentStep take_certificates(const std::vector<crypto::Certificate>& certificates);
    EnrolmentStep end(EnrolmentReport::Outcome outcome, std::string reason);
    EnrolmentStep refuse(const Fault& fault) { return end(EnrolmentReport::Outcome::refused, fault.message); }
    EnrolmentStep fail_with(const Fault& fault) { return end(EnrolmentReport::Outcome::failed, fault.message); }

    EnrolmentSettings settings_;
    Random* random_;
    EnrolmentReport report_;
    std::optional<Enrolled> enrolled_;
    Asking asking_ = Asking::capabilities;
    crypto::ScepCapabilities capabilities_;
    std::optional<crypto::ScepAuthority> authority_;
    std::optional<PendingEnrolment> pending_;
    std::optional<crypto::CertificationRequest> request_;
    std::string sender_nonce_;
    unsigned polls_left_ = 0;
};

}  // namespace ringfence::phone
