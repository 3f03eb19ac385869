// What the ways to a device certificate (scep_enrolment.h, est_enrolment.h, cmp_enrolment.h) share: sessions without
// I/O that ask for fetches, answers, storing and waiting as values, and one outcome:
//
//     EnrolmentStep step = session.start();
//     while (!std::holds_alternative<Finished>(step)) step = ...fetched(...), answered(...), kept(...) or waited();
//     session.report(); session.enrolled();
//
// The key is stored before the request leaves, so a run that was cut off, or whose request still waits for an
// administrator, goes on with the same key.
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
#include "crypto/private_key.h"
#include "crypto/tls_client.h"
#include "phone/boot.h"
#include "phone/fetch.h"
#include "phone/fingerprint.h"

namespace ringfence::phone {

// Host name and domain, parted by a dot; without a host name NTIPP and the last six hex digits of the MAC alone
// (reference 5.4, C). malformed for more than the 64 characters of a common name, or for what is no host name.
Result<std::string> enrolment_name(const MacAddress& mac, std::string_view host_name, std::string_view domain);

// What must outlive a restart while a request is under way. Holds a key.
struct PendingEnrolment {
    std::string url;  // of the server, without login
    std::string common_name;
    crypto::PrivateKey key;
    std::optional<crypto::Certificate> authority;  // accepted, by fingerprint or otherwise; CMP learns it at the end
    crypto::Certificate signer;    // of the request: self-signed by `key`, or the certificate that is renewed
    bool is_acknowledged = false;  // the authority answered that a person has to decide
};

// What every protocol is told.
struct EnrolmentBasics {
    FetchOrder server;        // whom to ask and, over HTTPS, whom to believe; what each request adds is the session's
    std::string common_name;  // enrolment_name(): a wish, the authority decides
    crypto::JudgingTime time;
    std::optional<crypto::ClientIdentity> present{};
    std::optional<PendingEnrolment> pending{};               // of an earlier run
    Duration poll_interval = std::chrono::seconds(60);       // an administrator reads a screen meanwhile
    unsigned polls = 3;                                      // of one run; a later run goes on
    std::function<Result<crypto::PrivateKey>()> make_key{};  // empty: the protocol's usual kind
};

enum class EnrolmentKind { first, renewal };

// Whether what an earlier run kept is of this server and this subject, and for the same end.
bool goes_on(const EnrolmentBasics& basics, EnrolmentKind kind);

struct NewEnrolment {
    EnrolmentKind kind = EnrolmentKind::first;  // a renewal: of the present certificate
    std::optional<crypto::Certificate> authority{};
    crypto::KeyType usual_key = crypto::KeyType::p256;
};
Result<PendingEnrolment> begin_enrolment(const EnrolmentBasics& basics, NewEnrolment wanted, Random& random);

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
    std::vector<crypto::Certificate> authorities;  // believed now; become customer roots
};

struct Keep {
    PendingEnrolment pending;
};
struct Wait {
    Duration duration;
};

using EnrolmentStep = std::variant<FetchOrder, Question, Keep, Wait, Finished>;

class EnrolmentSession {
public:
    virtual ~EnrolmentSession() = default;

    virtual EnrolmentStep start() = 0;
    virtual EnrolmentStep fetched(FetchOutcome outcome);   // the answer to a FetchOrder
    virtual EnrolmentStep answered(const Answer& answer);  // the answer to a Question; no answer is a no
    virtual EnrolmentStep kept(const Status& stored) = 0;  // a Fault ends the run before the request leaves
    virtual EnrolmentStep waited() = 0;

    const EnrolmentReport& report() const { return report_; }
    const std::optional<Enrolled>& enrolled() const { return enrolled_; }
    // After Finished: whether what was kept is of no more use.
    virtual bool has_ended() const;

protected:
    using Outcome = EnrolmentReport::Outcome;

    explicit EnrolmentSession(const EnrolmentBasics& basics);

    EnrolmentStep wait_for_decision(Duration asked = {});  // by the server; zero: it did not say
    EnrolmentStep take(Enrolled enrolled);
    EnrolmentStep end(Outcome outcome, std::string reason);
    EnrolmentStep refuse(const Fault& fault) { return end(Outcome::refused, fault.message); }
    EnrolmentStep fail_with(const Fault& fault) { return end(Outcome::failed, fault.message); }

    EnrolmentReport report_;
    std::optional<PendingEnrolment> pending_;

private:
    std::optional<Enrolled> enrolled_;
    Duration poll_interval_;
    unsigned polls_left_;
};

}  // namespace ringfence::phone
