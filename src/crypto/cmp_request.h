// For this room's source files only: what OpenSSL 3.0 has no getter for in the requests of CMP.
#pragma once

#include <openssl/cmp.h>
#include <openssl/crmf.h>

#include <string_view>

#include "crypto/certificate.h"
#include "crypto/cmp_server.h"

namespace ringfence::crypto {

CmpRequestKind cmp_request_kind(const OSSL_CMP_MSG* message);

// Whether the key that an ir, cr, kur or p10cr asks for is within the limits of crypto/public_key.h. To be asked before
// OpenSSL computes with that key, which it does to see the proof of possession. Of other bodies: true.
bool is_key_taken(CmpBody body, std::string_view content);

// Key and wishes of an ir, cr or kur, and of a p10cr.
void read_cmp_template(const OSSL_CRMF_MSG* message, CmpRequest& out);
void read_cmp_pkcs10(const X509_REQ* pkcs10, CmpRequest& out);

// Whether issuer and serial, of which none need be there, are those of the certificate.
struct CertificateId {
    const X509_NAME* issuer;
    const ASN1_INTEGER* serial;
};
bool names(const CertificateId& id, const Certificate& certificate);

// The CRLReason of the first certificate in the body of an rr; 0, which is "unspecified": none.
int reason_of_revocation(std::string_view body);

// Of a certConf; null, as RFC 9810 section 5.3.18 has it, means yes.
bool says_accepted(const OSSL_CMP_PKISI* status);

}  // namespace ringfence::crypto
