// Messages of SCEP (RFC 8894) as values, for the phone's side and for an authority's. A pkiMessage is SignedData, with
// what the transaction needs as signed attributes, around EnvelopedData around a request, a question or certificates.
// Pure and bounded; sizes are those of the bytes on the wire, not of base64. Thread-safe as far as `random` is.
//
// Sent: AES-128-CBC or 3DES, SHA-256, SHA-512 or SHA-1; never single DES or MD5 (RFC 8894 section 2.9). Taken: AES-CBC
// and 3DES, single DES where the caller says so; SHA-1 and SHA-2. Only RSA keys can take part: what is enveloped is
// enveloped to one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/certificate_builder.h"
#include "crypto/certificate_request.h"
#include "crypto/private_key.h"

namespace ringfence::crypto {

inline constexpr std::size_t max_scep_message = std::size_t{64} * 1024;  // a reply with a chain of four has 10 kB
inline constexpr std::size_t max_scep_certificates = 16;                 // RA, CA and what is above it
inline constexpr std::size_t max_transaction_id = 256;                   // opaque; ours have 64
inline constexpr std::size_t scep_nonce_size = 16;                       // RFC 8894 section 3.2.1.5

// Numbers of the wire.
enum class ScepMessageType { certificate_reply = 3, renewal_request = 17, pkcs_request = 19, certificate_poll = 20 };
enum class ScepStatus { success = 0, failure = 2, pending = 3 };
enum class ScepFailure {
    bad_algorithm = 0,
    bad_message_check = 1,
    bad_request = 2,
    bad_time = 3,
    bad_certificate_id = 4
};
std::string_view to_string(ScepFailure failure);  // "badAlg" ... as RFC 8894 section 3.2.1.4.1 names them

enum class ScepCipher { aes128, triple_des };
enum class ScepDigest { sha1, sha256, sha512 };
struct ScepAlgorithms {
    ScepCipher cipher = ScepCipher::aes128;
    ScepDigest digest = ScepDigest::sha256;
};

// What GetCACaps answered (RFC 8894 section 3.5.2). Nothing proves it, so an attacker can take away, not add.
struct ScepCapabilities {
    bool aes = false;
    bool sha256 = false;
    bool sha512 = false;
    bool post = false;     // POSTPKIOperation
    bool renewal = false;  // RenewalReq
};
// One keyword a line, in any case; what is unknown is passed over. Total.
ScepCapabilities parse_scep_capabilities(std::string_view text);
ScepAlgorithms choose_algorithms(const ScepCapabilities& capabilities);

// "certs-only": SignedData that nobody signed. Faults of parsing: malformed, too_large.
Result<std::string> format_certificates(const std::vector<Certificate>& certificates);
Result<std::vector<Certificate>> parse_certificates(std::string_view der);

// Whether the key of `issuer`, a CA that may sign certificates, signed `certificate` over SHA-2, as the names of both
// say. Dates are not judged. Fault untrusted.
Status check_issued_by(const Certificate& certificate, const Certificate& issuer);

// What GetCACert answered (RFC 8894 section 4.2): nothing is believed before the fingerprint of `ca` was.
struct ScepAuthority {
    Certificate ca;                    // issues
    Certificate encryption;            // requests are enveloped to it: an RA's, else `ca`
    std::vector<Certificate> signers;  // RAs' and `ca`: whose signature a reply may carry
};
// One certificate in DER, or certs-only with RA certificates and perhaps CAs above. An RA must have been issued by `ca`
// and must not be a mere device's or server's (extended key usage for TLS and none for registration): whoever holds
// such a one could otherwise read the challenges of others. Faults: malformed, too_large, untrusted.
Result<ScepAuthority> parse_scep_authority(std::string_view bytes);

struct ScepAttributes {
    ScepMessageType type = ScepMessageType::pkcs_request;
    std::string transaction_id;
    std::string sender_nonce;
    std::string recipient_nonce;           // of a reply: the request's sender_nonce; empty: none
    std::optional<ScepStatus> status{};    // of a reply
    std::optional<ScepFailure> failure{};  // with ScepStatus::failure
    std::string failure_text{};            // UTF-8 as it came, for people; RFC 8894 section 3.2.1.4.2
};

// A message whose signature holds. Whether `signer` is anybody is not said here.
struct ScepMessage {
    ScepAttributes attributes;
    Certificate signer;
    ScepDigest digest = ScepDigest::sha256;
    std::string envelope;  // still closed; empty: none
};

// The signer's certificate must be embedded. Faults: malformed, too_large, untrusted (MD5), unauthenticated.
Result<ScepMessage> parse_scep_message(std::string_view der);

// Whether single DES is taken from a peer that knows nothing newer (needs OpenSSL's legacy provider, which is loaded
// for this alone).
enum class SingleDes { refused, taken };

// --- the phone's side ---------------------------------------------------------------------------------------------

// The self-signed certificate of a first request (RFC 8894 section 2.3): subject and key of the request. Valid for a
// year around `now`.
Result<Certificate> make_scep_signer(const CertificationRequest& request, const PrivateKey& key, WallTime now,
                                     Random& random);

// The content of a CertPoll: IssuerAndSubject, RFC 8894 section 3.3.3.
Result<std::string> format_issuer_and_subject(const Certificate& ca, const CertificationRequest& request);

struct ScepRequest {
    ScepAttributes attributes;
    std::string content;  // DER: PKCS#10, or IssuerAndSubject for a poll
};
// `signer`: the self-signed certificate, or for a renewal the present one. Faults: malformed (attributes that the form
// cannot carry), conflict (signer's key and certificate differ), internal.
Result<std::string> format_scep_request(const ScepRequest& request, const Signer& signer, const Certificate& recipient,
                                        ScepAlgorithms algorithms);

struct ScepReply {
    ScepStatus status = ScepStatus::failure;
    std::optional<ScepFailure> failure{};
    std::string failure_text{};
    std::vector<Certificate> certificates;  // with ScepStatus::success, at least one; not judged
};
struct ScepExpectation {
    std::string transaction_id;
    std::string sender_nonce;          // of the request
    std::vector<Certificate> signers;  // who may answer, byte for byte
    Signer recipient;                  // the request's signer
    SingleDes single_des = SingleDes::refused;
};
// Faults: malformed, too_large, unauthenticated (the signature does not hold), untrusted (somebody else signed),
// conflict (another transaction's reply, or an old one), forbidden (single DES). Whatever goes wrong inside the
// envelope is one and the same malformed.
Result<ScepReply> open_scep_reply(std::string_view der, const ScepExpectation& expected);

// --- the authority's side -----------------------------------------------------------------------------------------

// The cipher to answer in, as the envelope names its own for anybody to read: AES, or Triple-DES for both kinds of DES.
// Nothing is opened, so that a refusal for it tells nothing of what is inside. Empty: no envelope, or of another
// cipher.
std::optional<ScepCipher> find_cipher(const ScepMessage& message);

// Of PKCSReq and RenewalReq. `recipient` should be an RA, not the CA: anybody may have its key decrypt. Faults:
// forbidden (single DES, before it is opened: answer badAlg); for all else, whatever it is, one and the same malformed
// (answer badMessageCheck).
Result<CertificationRequest> open_scep_request(const ScepMessage& message, const Signer& recipient,
                                               SingleDes single_des);

struct IssuedCertificates {
    std::vector<Certificate> certificates;  // the new one first
    Certificate recipient;                  // the signer of the request
};
// `attributes` with type, status and both nonces; `issued` with ScepStatus::success only. Faults as for requests.
Result<std::string> format_scep_reply(const ScepAttributes& attributes, const std::optional<IssuedCertificates>& issued,
                                      const Signer& signer, ScepAlgorithms algorithms);

}  // namespace ringfence::crypto
