// For this room's source files only: what both sides of CMP need of libcrypto.
#pragma once

#include <openssl/cmp.h>
#include <openssl/crmf.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "crypto/cmp_message.h"
#include "crypto/openssl.h"
#include "crypto/verify.h"

namespace ringfence::crypto {

using CmpMessageOwner = Owner<OSSL_CMP_MSG, OSSL_CMP_MSG_free>;

// Null: OpenSSL does not understand it, or bytes follow it.
CmpMessageOwner parse_cmp(std::string_view der);
// Empty: OpenSSL failed.
std::string format_cmp(const OSSL_CMP_MSG* message);

// OpenSSL would write to standard error what went wrong.
void silence(OSSL_CMP_CTX* context);

// A token's reference and secret, and SHA-256 throughout for what is sent under it; OpenSSL 3.0 leaves the 500 hashes
// as they are. False: OpenSSL failed.
struct SharedSecret {
    std::string_view reference;
    const Secret& secret;
};
bool use_secret(OSSL_CMP_CTX* context, const SharedSecret& shared);

// The chain of the certificate that signed a message: by RFC 9483 section 3.3 the first of extraCerts.
Result<VerifiedChain> verify_cmp_signer(const CmpOutline& outline, const std::vector<Certificate>& anchors,
                                        const VerifyPolicy& policy);

// Each with a reference of its own; null: OpenSSL failed.
STACK_OF(X509) * share_stack(const std::vector<Certificate>& certificates);

}  // namespace ringfence::crypto
