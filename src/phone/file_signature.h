// Signed files (reference 5.6): the file's bytes, directly followed by a detached PKCS#7 signature in PEM. A
// SignatureProof can be made only here. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/verify.h"
#include "phonefile/signature_label.h"
#include "phonefile/signed_file.h"

namespace ringfence::phone {

struct SignatureRule {
    std::vector<crypto::Certificate> anchors;  // to one of which the signer must lead
    crypto::JudgingTime time;
    std::function<bool(const crypto::Certificate&)> is_revoked{};
    crypto::Strength strength = crypto::Strength::modern;
};

class SignatureProof {
public:
    const std::string& signer() const { return signer_; }                    // subject
    const std::string& anchor() const { return anchor_; }                    // subject
    const std::optional<WallTime>& signed_at() const { return signed_at_; }  // as the signer says
    // As the signer says; empty: a signer that is not ours, or an old one, says nothing.
    const std::optional<phonefile::SignatureLabel>& label() const { return label_; }

private:
    friend Result<SignatureProof> verify_signature(const phonefile::SignedFile&, const SignatureRule&);
    SignatureProof() = default;
    std::string signer_;
    std::string anchor_;
    std::optional<WallTime> signed_at_;
    std::optional<phonefile::SignatureLabel> label_;
};

// `file` has a signature. Faults: malformed; untrusted and expired, with what is wrong with the signature, the signer's
// certificate or its chain.
Result<SignatureProof> verify_signature(const phonefile::SignedFile& file, const SignatureRule& rule);

}  // namespace ringfence::phone
