// For this room's source files only: verification with the error number that TLS alerts are made of.
#pragma once

#include <vector>

#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/verify.h"

namespace ringfence::crypto {

struct ChainRefusal {
    Fault fault;
    int x509_error = 0;  // X509_V_ERR_...
};

tl::expected<VerifiedChain, ChainRefusal> build_chain(const Certificate& leaf,
                                                      const std::vector<Certificate>& intermediates,
                                                      const std::vector<Certificate>& anchors,
                                                      const VerifyPolicy& policy);

}  // namespace ringfence::crypto
