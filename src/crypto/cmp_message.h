// What both sides of CMP (RFC 9810, in the profile of RFC 9483) share: limits, outcomes as values, and the outline of a
// PKIMessage, which is read strictly before OpenSSL sees any of it. Pure; thread-safe.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "crypto/certificate.h"

namespace ringfence::crypto {

inline constexpr std::size_t max_cmp_message = std::size_t{64} * 1024;  // an ip with a chain of four has 6 kB
inline constexpr std::size_t max_cmp_certificates = 10;                 // extraCerts; OpenSSL warns above ten
inline constexpr std::size_t max_cmp_reference = 64;                    // senderKID: a token's reference, a key's hash
inline constexpr std::size_t max_cmp_transaction_id = 256;              // opaque; RFC 9483 section 3.1 wants 16
inline constexpr std::size_t max_cmp_nonce = 64;                        // the same
// Whoever knows nothing may name the number of hashes that we spend on his message. OpenSSL's clients name 500, others
// 1,024 to 10,000; these cost a millisecond.
inline constexpr unsigned max_cmp_iterations = 10'000;
inline constexpr unsigned min_cmp_iterations = 100;  // RFC 4211 section 4.4
inline constexpr std::size_t min_cmp_salt = 8;       // the same
inline constexpr std::size_t max_cmp_salt = 64;      // as long as the longest hash

// The number of a body's tag, RFC 9810 section 5.1.2. Others are nothing that we speak.
enum class CmpBody : unsigned {
    ir = 0,
    ip = 1,
    cr = 2,
    cp = 3,
    p10cr = 4,
    kur = 7,
    kup = 8,
    rr = 11,
    rp = 12,
    pkiconf = 19,
    genm = 21,
    genp = 22,
    error = 23,
    cert_conf = 24,
    poll_req = 25,
    poll_rep = 26
};

enum class CmpProtection {
    mac,        // password-based, RFC 9810 section 5.1.3.1: SHA-1 or SHA-256, HMAC with one of them, within the limits
    signature,  // RSA with PKCS#1 v1.5 or ECDSA, over SHA-2
    other       // none, or one that is not taken
};

// Views into the message.
struct CmpOutline {
    CmpBody body = CmpBody::error;
    std::string_view body_content;
    CmpProtection protection = CmpProtection::other;
    std::string_view sender;                     // DER of the GeneralName: a directory name
    std::string_view reference;                  // senderKID; empty: none
    std::string_view transaction_id;             // never empty
    std::string_view sender_nonce;               // never empty
    std::vector<std::string_view> certificates;  // extraCerts, each in DER, not parsed and not under the protection
};

// Faults: malformed (also a sender that is no directory name, which OpenSSL 3.0 cannot answer), too_large.
Result<CmpOutline> outline_cmp_message(std::string_view der);

// The bits of PKIFailureInfo (RFC 9810 section 5.2.3) that are of use here.
enum class CmpFailure : unsigned {
    bad_algorithm = 0,
    bad_request = 2,
    bad_certificate_id = 4,
    bad_proof = 9,
    certificate_revoked = 10,
    wrong_integrity = 12,  // a token where a certificate was wanted, or the other way round
    bad_template = 19,
    not_authorized = 23,
    system_unavailable = 24,
    system_failure = 25,
    duplicate_request = 26
};
std::string_view to_string(CmpFailure failure);  // "badAlg" ... as the RFC names them
// The first of them among the bits of a PKIFailureInfo, bit 0 the lowest. Empty: none is set.
std::optional<CmpFailure> find_failure(unsigned bits);

struct CmpIssued {
    Certificate certificate;
    std::vector<Certificate> chain;    // its issuer first
    std::vector<Certificate> trusted;  // caPubs: for whoever holds a token and nothing else to trust
};
// A person has to decide.
struct CmpWaiting {
    std::chrono::seconds check_after{60};
};
struct CmpRefusal {
    std::optional<CmpFailure> failure{};  // empty: none was named, or one that is not listed above
    std::string text;                     // for people; from a peer as it came
};
using CmpAnswer = std::variant<CmpIssued, CmpWaiting, CmpRefusal>;

}  // namespace ringfence::crypto
