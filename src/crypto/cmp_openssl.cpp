#include "crypto/cmp_openssl.h"

namespace ringfence::crypto {

namespace {

int say_nothing(const char* /*function*/, const char* /*file*/, int /*line*/, OSSL_CMP_severity /*severity*/,
                const char* /*sentence*/) {
    return 1;
}

const unsigned char* as_bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

CmpMessageOwner parse_cmp(std::string_view der) {
    const unsigned char* cursor = as_bytes(der);
    CmpMessageOwner message(d2i_OSSL_CMP_MSG(nullptr, &cursor, static_cast<long>(der.size())));
    ERR_clear_error();
    return cursor == as_bytes(der) + der.size() ? std::move(message) : CmpMessageOwner();
}

std::string format_cmp(const OSSL_CMP_MSG* message) {
    std::string der = message != nullptr ? encode_der(message, i2d_OSSL_CMP_MSG) : std::string();
    ERR_clear_error();
    return der;
}

void silence(OSSL_CMP_CTX* context) { RINGFENCE_ASSERT(OSSL_CMP_CTX_set_log_cb(context, say_nothing) == 1); }

bool use_secret(OSSL_CMP_CTX* context, const SharedSecret& shared) {
    const std::string_view secret = shared.secret.reveal();
    return OSSL_CMP_CTX_set1_referenceValue(context, as_bytes(shared.reference),
                                            static_cast<int>(shared.reference.size())) == 1 &&
           OSSL_CMP_CTX_set1_secretValue(context, as_bytes(secret), static_cast<int>(secret.size())) == 1 &&
           OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_OWF_ALGNID, NID_sha256) == 1 &&
           OSSL_CMP_CTX_set_option(context, OSSL_CMP_OPT_MAC_ALGNID, NID_hmacWithSHA256) == 1;
}

Result<VerifiedChain> verify_cmp_signer(const CmpOutline& outline, const std::vector<Certificate>& anchors,
                                        const VerifyPolicy& policy) {
    std::vector<Certificate> sent;
    for (const std::string_view der : outline.certificates) {
        auto certificate = Certificate::parse_der(der);
        if (!certificate) return fail(std::move(certificate).error());
        sent.push_back(std::move(*certificate));
    }
    if (sent.empty())
        return fail(FaultCode::untrusted, "the CMP message does not carry the certificate that signed it");
    const Certificate signer = sent.front();
    sent.erase(sent.begin());
    return verify_chain(signer, sent, anchors, policy);
}

STACK_OF(X509) * share_stack(const std::vector<Certificate>& certificates) {
    return X509_chain_up_ref(make_stack(certificates).get());
}

}  // namespace ringfence::crypto
