#include "authority/certificate_record.h"

#include "base/text.h"
#include "crypto/hash.h"

namespace ringfence::authority {

registry::CertificateRecord describe_certificate(const crypto::Certificate& certificate,
                                                 const crypto::Certificate& issuer,
                                                 registry::CertificatePurpose purpose) {
    registry::CertificateRecord record;
    record.fingerprint = certificate.fingerprint_sha256();
    record.serial = certificate.serial();
    record.subject = certificate.subject();
    record.purpose = purpose;
    record.issuer = issuer.fingerprint_sha256();
    record.public_key = to_hex(crypto::sha256(certificate.public_key_der()));
    record.not_before = certificate.not_before();
    record.not_after = certificate.not_after();
    return record;
}

}  // namespace ringfence::authority
