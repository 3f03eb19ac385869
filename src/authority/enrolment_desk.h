// The one place that decides about enrolment, whatever the protocol: who may have a certificate, for which device, and
// what it says. The protocols (scep_responder.h, est_responder.h, cmp_responder.h) parse, ask here and answer.
//
// A certificate is built from the inventory, never from the request's wishes. A token or challenge serves one device
// and one key; asked again with the same key it gives the same certificate, so that a lost answer costs nothing. A
// second enrolment of an enrolled device is refused and an alarm, unless its token says that it replaces. Whatever is
// wrong with a token (unknown, spent, expired, withdrawn, guessed) is one and the same unauthenticated.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/certificate.h"
#include "registry/enrolment.h"

namespace ringfence::authority {

enum class EnrolmentProtocol { scep, est, cmp };
std::string_view to_string(EnrolmentProtocol protocol);

// What was shown for it.
struct ShownSecret {  // SCEP's challengePassword, EST's login: "reference" and "secret" in one text, or apart
    Secret text;
};
struct ProvedToken {  // CMP: the message was protected with the secret of that reference
    std::string reference;
};
struct ProvedCertificate {  // the message or the connection was signed with this present certificate's key
    std::string fingerprint;
};
using Credential = std::variant<ShownSecret, ProvedToken, ProvedCertificate>;

struct Application {
    EnrolmentProtocol protocol = EnrolmentProtocol::scep;
    registry::EnrolmentProfile profile = registry::EnrolmentProfile::modern;  // of the door that it came through
    Credential credential;
    std::string public_key;   // DER of the SubjectPublicKeyInfo; its holder was proved to have the private key
    std::string transaction;  // opaque, at most registry::max_transaction bytes; empty: the protocol has none
    std::string source;       // address
    std::string wish;         // the requested subject, for the record only
};

struct Issued {
    crypto::Certificate certificate;
    std::vector<crypto::Certificate> chain;  // its issuer first, the root last
};
struct Waiting {};  // a person has to decide
using Decision = std::variant<Issued, Waiting>;

// A poll, or another look at what was begun.
struct Inquiry {
    EnrolmentProtocol protocol = EnrolmentProtocol::scep;
    std::string transaction;
    std::string public_key;  // DER; whoever asks proved to have the private key
};

// What is known of a certificate of ours.
struct CertificateStanding {
    enum class State { good, revoked, unknown };
    State state = State::unknown;
    std::optional<WallTime> revoked{};
    int reason = 0;  // CRLReason
};

// Faults of all: unauthenticated (the credential), forbidden (a key that no profile takes, a device that may not),
// conflict (enrolled already), rate_limited, unavailable, internal. Their sentences are for our log, not for the asker.
class EnrolmentDesk {
public:
    virtual ~EnrolmentDesk() = default;

    virtual Result<Decision> apply(const Application& application) = 0;
    virtual Result<Decision> inquire(const Inquiry& inquiry) = 0;  // not_found
    // For a protocol that proves a token's secret without showing it. An unknown, spent or expired reference gets a
    // secret too, that nobody has, so that nothing tells it from a wrong one. A spent one holds for an hour beyond its
    // end, for whoever lost the answer.
    virtual Result<Secret> secret_of(std::string_view reference) = 0;
    // A message under that reference did not verify: for limits and alarms.
    virtual void note_wrong_secret(EnrolmentProtocol protocol, std::string_view reference, std::string_view source) = 0;
    // The holder says that it took the certificate, or would not have it (then it is revoked).
    virtual Status confirm(std::string_view fingerprint, bool is_accepted) = 0;
    // A device asks to revoke the certificate that it signs with.
    virtual Status revoke(const ProvedCertificate& holder, int reason) = 0;
    // By the issuing CA's fingerprint and the serial in lower-case hex.
    virtual Result<CertificateStanding> standing_of(std::string_view issuer, std::string_view serial) = 0;
};

}  // namespace ringfence::authority
