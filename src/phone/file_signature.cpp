#include "phone/file_signature.h"

#include "crypto/signed_data.h"

namespace ringfence::phone {

Result<SignatureProof> verify_signature(const phonefile::SignedFile& file, const SignatureRule& rule) {
    auto data = crypto::verify_detached(file.content, file.signature, rule.strength);
    if (!data) return fail(std::move(data.error()));

    crypto::VerifyPolicy policy;
    policy.purpose = crypto::Purpose::file_signer;
    policy.time = rule.time;
    policy.is_revoked = rule.is_revoked;
    policy.strength = rule.strength;
    if (rule.strength == crypto::Strength::legacy) policy.pinned_legacy_anchors = rule.anchors;
    auto chain = crypto::verify_chain(data->signer, data->certificates, rule.anchors, policy);
    if (!chain) return fail(std::move(chain.error()).within("the signer"));
    auto label = phonefile::parse_signature_label(data->description.value_or(""));
    if (!label) return fail(std::move(label.error()));

    SignatureProof proof;
    proof.signer_ = data->signer.subject();
    proof.anchor_ = chain->anchor().subject();
    proof.signed_at_ = data->signed_at;
    proof.label_ = *label;
    return proof;
}

}  // namespace ringfence::phone
