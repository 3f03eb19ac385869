// A device certificate by CMP (RFC 9810, profile RFC 9483): a key pair made on the phone, an ir under a token or a kur
// under the present certificate, waiting for a decision.
//
// The token proves the server as well, so a phone that trusts nobody yet gets its certificate and the root to trust,
// which the certificate must lead to. A phone that has a root already takes another one only when a person, or a
// fingerprint given beforehand, says yes: whoever hands it a token shall not change whom it trusts by the way.
//
// OpenSSL's client asks for its transfers in the middle of its work, so this session calls a fetcher, and never orders
// a fetch. Nothing of a transaction is kept: a later run asks anew with the same key, which the authority gives one
// certificate. No confirmation is asked for, for the same reason.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/token_text.h"
#include "crypto/cmp_client.h"
#include "phone/enrolment.h"
#include "phone/fetch.h"

namespace ringfence::phone {

inline constexpr std::string_view cmp_path = ".well-known/cmp";  // RFC 9811 section 3.3

struct CmpSettings : EnrolmentBasics {
    std::optional<TokenText> token{};            // empty: the present certificate is renewed
    std::vector<crypto::Certificate> anchors{};  // roots that hold
    bool has_root = false;                       // also one that is revoked
};

class CmpEnrolment final : public EnrolmentSession {
public:
    using Fetch = std::function<FetchOutcome(const FetchOrder&)>;

    // `fetch` is called on the session's thread. `random` outlives the session.
    CmpEnrolment(CmpSettings settings, Fetch fetch, Random& random);

    EnrolmentStep start() override;
    EnrolmentStep answered(const Answer& answer) override;
    EnrolmentStep kept(const Status& stored) override;
    EnrolmentStep waited() override;
    bool has_ended() const override;

private:
    Status check_settings() const;
    crypto::CmpCredential credential() const;
    Result<std::string> transfer(std::string_view request) const;
    EnrolmentStep ask();
    EnrolmentStep read_answer(Result<crypto::CmpAnswer> answer);
    EnrolmentStep read_refusal(const crypto::CmpRefusal& refusal);
    EnrolmentStep take_certificate(const crypto::CmpIssued& issued);
    EnrolmentStep believe(std::string why);

    CmpSettings settings_;
    Fetch fetch_;
    Random* random_;
    std::unique_ptr<crypto::CmpClient> client_;
    std::optional<crypto::CmpIssued> issued_;  // its root waits for an answer
    bool is_declined_ = false;                 // that root
};

}  // namespace ringfence::phone
