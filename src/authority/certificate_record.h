// What the registry keeps of a certificate that we issued.
#pragma once

#include "crypto/certificate.h"
#include "registry/records.h"

namespace ringfence::authority {

registry::CertificateRecord describe_certificate(const crypto::Certificate& certificate,
                                                 const crypto::Certificate& issuer,
                                                 registry::CertificatePurpose purpose);

}  // namespace ringfence::authority
