// A device certificate by EST (RFC 7030), without I/O: the authority's certificates, a key pair made on the phone, the
// request, waiting for a decision. Driven as ScepEnrolment is:
//
//     EnrolmentStep step = session.start();
//     while (!std::holds_alternative<Finished>(step)) step = ...fetched(...), kept(...) or waited();
//     session.report(); session.enrolled();
//
// With a token it is a first enrolment: a login of the token's reference and secret. Without one the present
// certificate is renewed over mutual TLS. Either way the server must be one that an anchor vouches for, before anything
// is shown to it; a phone that holds no anchor enrols by CMP, whose token proves the authority too.
//
// The server's word adds no root: of its CAs those are taken that a held anchor is, or issued, and the new certificate
// must lead to an anchor as any other would. The key is stored before the request leaves, so that a run that was cut
// off, or whose request still waits, goes on with it; the authority gives one key one certificate.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "base/token_text.h"
#include "crypto/certificate_request.h"
#include "crypto/tls_client.h"
#include "phone/fetch.h"
#include "phone/scep_enrolment.h"

namespace ringfence::phone {

inline constexpr std::string_view est_path = ".well-known/est";  // RFC 7030 section 3.2.2; a label may follow

struct EstSettings {
    // HTTPS: whom to ask and whom to believe; its trust holds the anchors. `path` is est_path, perhaps with a label;
    // the rest is the session's.
    FetchOrder server;
    std::string common_name;           // enrolment_name(); the authority decides what the certificate says
    std::optional<TokenText> token{};  // empty: the present certificate is renewed
    crypto::JudgingTime time;
    std::optional<crypto::ClientIdentity> present{};
    std::optional<PendingEnrolment> pending{};               // of an earlier run
    Duration poll_interval = std::chrono::seconds(60);       // when the server does not say; it may ask for more
    unsigned polls = 3;                                      // of one run; a later run goes on
    std::function<Result<crypto::PrivateKey>()> make_key{};  // empty: P-256
};

class EstEnrolment {
public:
    // `random` outlives the session.
    EstEnrolment(EstSettings settings, Random& random);

    EnrolmentStep start();
    EnrolmentStep fetched(FetchOutcome outcome);  // the answer to a FetchOrder
    EnrolmentStep kept(const Status& stored);     // after Keep; a Fault ends the run before the request leaves
    EnrolmentStep waited();                       // after Wait

    const EnrolmentReport& report() const { return report_; }
    const std::optional<Enrolled>& enrolled() const { return enrolled_; }
    // After Finished: whether what was kept is of no more use.
    bool has_ended() const;

private:
    enum class Asking { authorities, certificate };

    const std::vector<crypto::Certificate>& anchors() const { return settings_.server.trust->anchors; }
    Status check_settings() const;
    FetchOrder order_for(std::string_view operation) const;
    EnrolmentStep read_authorities(const FetchOutcome& outcome);
    bool may_take(const crypto::Certificate& authority) const;

    EnrolmentStep begin_request();
    bool goes_on() const;
    Result<PendingEnrolment> make_pending();
    Result<crypto::CertificationRequest> make_request(const crypto::PrivateKey& key) const;
    EnrolmentStep send();

    EnrolmentStep read_answer(const FetchOutcome& outcome);
    EnrolmentStep wait_for_decision(Duration asked);
    EnrolmentStep take_certificate(const std::vector<crypto::Certificate>& certificates);
    EnrolmentStep end(EnrolmentReport::Outcome outcome, std::string reason);
    EnrolmentStep refuse(const Fault& fault) { return end(EnrolmentReport::Outcome::refused, fault.message); }
    EnrolmentStep fail_with(const Fault& fault) { return end(EnrolmentReport::Outcome::failed, fault.message); }

    EstSettings settings_;
    Random* random_;
    EnrolmentReport report_;
    std::optional<Enrolled> enrolled_;
    Asking asking_ = Asking::authorities;
    std::vector<crypto::Certificate> sent_;         // what cacerts brought
    std::vector<crypto::Certificate> authorities_;  // of these, those that an anchor vouches for
    std::optional<PendingEnrolment> pending_;
    std::optional<crypto::CertificationRequest> request_;
    Duration asked_to_wait_{};
    unsigned polls_left_ = 0;
};

}  // namespace ringfence::phone
