// A device certificate by EST (RFC 7030), without I/O: the authority's certificates, a key pair made on the phone, the
// request, waiting for a decision.
//
// With a token it is a first enrolment: a login of the token's reference and secret. Without one the present
// certificate is renewed over mutual TLS. Either way the server must be one that an anchor vouches for, before anything
// is shown to it; a phone that holds no anchor enrols by CMP, whose token proves the authority too.
//
// The server's word adds no root: of its CAs those are taken that a held anchor is, or issued, and the new certificate
// must lead to an anchor as any other would. The key is stored before the request leaves, so that a run that was cut
// off, or whose request still waits, goes on with it; the authority gives one key one certificate.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/token_text.h"
#include "crypto/certificate_request.h"
#include "phone/enrolment.h"
#include "phone/fetch.h"

namespace ringfence::phone {

inline constexpr std::string_view est_path = ".well-known/est";  // RFC 7030 section 3.2.2; a label may follow

// HTTPS only; the server's trust holds the anchors. Its `path` is est_path, perhaps with a label.
struct EstSettings : EnrolmentBasics {
    std::optional<TokenText> token{};  // empty: the present certificate is renewed
};

class EstEnrolment final : public EnrolmentSession {
public:
    // `random` outlives the session.
    EstEnrolment(EstSettings settings, Random& random);

    EnrolmentStep start() override;
    EnrolmentStep fetched(FetchOutcome outcome) override;
    EnrolmentStep kept(const Status& stored) override;
    EnrolmentStep waited() override;

private:
    enum class Asking { authorities, certificate };

    const std::vector<crypto::Certificate>& anchors() const { return settings_.server.trust->anchors; }
    Status check_settings() const;
    FetchOrder order_for(std::string_view operation) const;
    EnrolmentStep read_authorities(const FetchOutcome& outcome);
    bool may_take(const crypto::Certificate& authority) const;

    EnrolmentStep begin_request();
    Result<crypto::CertificationRequest> make_request(const crypto::PrivateKey& key) const;
    EnrolmentStep send();

    EnrolmentStep read_answer(const FetchOutcome& outcome);
    EnrolmentStep take_certificate(const std::vector<crypto::Certificate>& certificates);

    EstSettings settings_;
    Random* random_;
    Asking asking_ = Asking::authorities;
    std::vector<crypto::Certificate> sent_;         // what cacerts brought
    std::vector<crypto::Certificate> authorities_;  // of these, those that an anchor vouches for
    std::optional<crypto::CertificationRequest> request_;
    Duration asked_to_wait_{};
};

}  // namespace ringfence::phone
