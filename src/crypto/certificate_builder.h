// Making certificates. Signed with SHA-256; version 3; random positive serial of 127 bits (RFC 5280 section 4.1.2.2);
// subject and authority key identifiers. Thread-safe as far as `random` is.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/private_key.h"

namespace ringfence::crypto {

enum class CertificateRole {
    root,         // CA; keyCertSign and cRLSign, since CRL checks want keyUsage on roots too
    issuing,      // CA with path length 0
    server,       // serverAuth; the names below as subjectAltName
    device,       // clientAuth
    file_signer,  // codeSigning and emailProtection, as the sets want it of whoever signs their files
    // id-kp-cmcRA (RFC 6402): takes requests in for a CA; with an RSA key it also decrypts those of SCEP
    // (RFC 8894 section 2.1.2).
    registration,
    ocsp_signer,  // OCSPSigning, and id-pkix-ocsp-nocheck: nobody asks whether it is revoked (RFC 6960 section 4.2.2.2)
};

struct CertificateRequest {
    CertificateRole role = CertificateRole::device;
    std::string common_name;             // 1 to 64 characters (RFC 5280 appendix A.1)
    std::string organization;            // empty: none
    std::string serial_number{};         // of the device: 1 to 64 of PrintableString (X.520); empty: none
    std::vector<std::string> dns_names;  // letters, digits, '-' and '.', perhaps "*." first
    std::vector<IpAddress> addresses;
    WallTime not_before{};  // cut to seconds
    WallTime not_after{};
    // Where to learn of revocation: http URLs in plain ASCII; empty: not said. Only what resolves for the phones
    // belongs here, since some clients wait for it.
    std::string revocation_list_url{};  // CRL distribution point (RFC 5280 section 4.2.1.13)
    std::string ocsp_url{};             // authority information access (RFC 5280 section 4.2.2.1)
    // Of a server: id-kp-cmcRA too, which EST clients look for (RFC 7030 section 3.6.1).
    bool is_registration_authority = false;
    // Of a server: clientAuth too, since it asks another one.
    bool is_client = false;
};

// A CA that signs.
struct Signer {
    Certificate certificate;
    PrivateKey key;
};

// Faults: malformed (what a certificate cannot carry, times in the wrong order), conflict (key and certificate of
// the signer do not match, or it ends before the certificate would).
Result<Certificate> make_root(const CertificateRequest& request, const PrivateKey& key, Random& random);
Result<Certificate> sign_certificate(const CertificateRequest& request, const PublicKey& subject_key,
                                     const Signer& signer, Random& random);
Result<Certificate> sign_certificate(const CertificateRequest& request, const PrivateKey& subject_key,
                                     const Signer& signer, Random& random);

}  // namespace ringfence::crypto
