// The Online Certificate Status Protocol (RFC 6960, nonces as RFC 9654 says) as values, for the responder's side.
// Signatures of requests are not looked at: whoever asks is answered. Pure and bounded. Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/certificate_builder.h"
#include "crypto/revocation_reason.h"

namespace ringfence::crypto {

inline constexpr std::size_t max_ocsp_request =
    std::size_t{8} * 1024;                             // a question has some 80 bytes; a signed one 2 kB
inline constexpr std::size_t max_ocsp_questions = 16;  // those of one chain; each costs a look-up
inline constexpr std::size_t max_ocsp_nonce = 128;     // RFC 9654 section 2.1

// Over the issuer's name and key: what names it, not what protects anything.
enum class OcspHash { sha1, sha256, other };

// Which certificate is asked about (CertID, RFC 6960 section 4.1.1).
struct OcspCertificateId {
    OcspHash hash = OcspHash::other;
    std::string issuer_name_hash;  // bytes
    std::string issuer_key_hash;   // bytes
    std::string serial;            // as Certificate::serial gives it
    std::string der;               // the whole CertID: an answer repeats it, since some compare bytes
};

// Whether the certificate asked about would be one that `issuer` issued. Never with OcspHash::other.
bool names_issuer(const OcspCertificateId& id, const Certificate& issuer);

struct OcspRequest {
    std::vector<OcspCertificateId> certificates;  // at least one
    std::string nonce;                            // bytes; empty: none
};

// Faults: malformed (answer OcspError::malformed_request; also critical extensions that are not understood), too_large
// (the same answer).
Result<OcspRequest> parse_ocsp_request(std::string_view der);

enum class OcspState { good, revoked, unknown };

struct OcspStatus {
    OcspCertificateId certificate;
    OcspState state = OcspState::unknown;
    WallTime revoked{};                                       // with OcspState::revoked only
    RevocationReason reason = RevocationReason::unspecified;  // the same
};

struct OcspAnswer {
    std::vector<OcspStatus> statuses;
    WallTime this_update{};  // what is said was so then; cut to seconds. It is also when the answer was made
    WallTime next_update{};  // newer is known by then
    std::string nonce;       // of the request; empty: none
};

// Signed with SHA-256, with the signer's certificate in it: the issuer's own or one of CertificateRole::ocsp_signer
// that it issued. Faults: malformed (no status, times in the wrong order, a CertID or nonce that is none), conflict
// (the signer's key is not that of its certificate).
Result<std::string> format_ocsp_response(const OcspAnswer& answer, const Signer& signer);

// An answer that nobody signs. Numbers of the wire (RFC 6960 section 4.2.1).
enum class OcspError { malformed_request = 1, internal_error = 2, try_later = 3, unauthorized = 6 };
std::string format_ocsp_error(OcspError error);

}  // namespace ringfence::crypto
