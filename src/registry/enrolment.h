// What the registry remembers of enrolment, as plain values: tokens and challenges, what each was used for, files that
// are fetched once, and which roots a device is known to hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mac_address.h"
#include "base/secret.h"

namespace ringfence::registry {

enum class TokenKind {
    token,      // 128 random bits, for an agent
    challenge,  // a few digits, to be typed on a set: locks itself after `max_wrong_tries`
};
std::string_view to_string(TokenKind kind);  // "token", "challenge"
std::optional<TokenKind> parse_token_kind(std::string_view name);

inline constexpr unsigned max_wrong_tries = 5;  // of a challenge; 5 of 10^8 guesses win once in 20 million locked ones

// Which certificate a token or a present certificate is good for.
enum class EnrolmentProfile {
    modern,  // SHA-2, AES
    legacy,  // of the lane of old TLS: SHA-1 and 3DES are taken in its messages
};
std::string_view to_string(EnrolmentProfile profile);  // "modern", "legacy"
std::optional<EnrolmentProfile> parse_enrolment_profile(std::string_view name);

// The right to one certificate for one device.
struct EnrolmentToken {
    std::string reference{};  // random, names the token and proves nothing
    Secret secret{};          // sealed at rest
    TokenKind kind = TokenKind::token;
    MacAddress device;
    EnrolmentProfile profile = EnrolmentProfile::modern;
    bool needs_approval = false;  // a person decides when it is used
    bool replaces = false;        // may enrol a device that has a certificate
    WallTime created{};
    WallTime expires{};
    unsigned wrong_tries = 0;
    bool is_spent = false;  // an enrolment was begun with it: read-only here
};

enum class EnrolmentState { waiting, approved, refused, issued };
std::string_view to_string(EnrolmentState state);  // "waiting", "approved", "refused", "issued"

// Certificates that one device may have at once, and renewals that it may have under way: the present one, the next
// one, and retries of a phone that loses its answers. More means that somebody plays with its key.
inline constexpr std::size_t max_valid_certificates = 8;
// How long a renewal that was begun counts as under way.
inline constexpr Duration renewal_patience = std::chrono::hours(1);
// How long a renewal that was revoked counts still: whoever renews and revokes in turn must not fill the lists.
inline constexpr Duration renewal_memory = std::chrono::hours(24);

// Bytes of a protocol's transaction identifier: the longest is SCEP's.
inline constexpr std::size_t max_transaction = 256;

// One use of a token, or one renewal of a certificate: from the request to the certificate.
struct Enrolment {
    std::int64_t id = 0;
    std::string protocol{};     // "scep", "est", "cmp"
    std::string transaction{};  // opaque bytes of the protocol, at most max_transaction; empty: it has none
    std::string public_key{};   // lower-case hex SHA-256 of the SubjectPublicKeyInfo
    MacAddress device;
    // Exactly one of `token` and `renews` is set.
    std::string token{};   // reference; empty: a renewal
    std::string renews{};  // fingerprint of the present certificate; empty: a first enrolment
    EnrolmentProfile profile = EnrolmentProfile::modern;
    EnrolmentState state = EnrolmentState::waiting;
    std::string source{};       // address
    std::string certificate{};  // fingerprint, once issued
    WallTime received{};
    std::optional<WallTime> decided{};  // by a person, or when it was withdrawn
};

// What finish_enrolment did.
struct FinishedEnrolment {
    Enrolment enrolment;         // as it stands: issued, perhaps with an earlier certificate, or refused
    std::size_t superseded = 0;  // certificates of before that were revoked
};

// A file that one device may fetch once: a PKCS#12, above all.
struct OneTimeFile {
    std::string path{};  // request path
    std::string section{};
    MacAddress device;
    std::string version{};      // that the manifest shows; filled in when it is put
    std::string certificate{};  // fingerprint of what it holds; empty: no certificate
    WallTime created{};
    WallTime expires{};
    std::string fetched_by{};               // address of the first fetch; empty: none
    std::optional<WallTime> fetched{};      // when that began
    std::optional<WallTime> handed_over{};  // when the last byte was out
    std::optional<WallTime> burned{};       // somebody else asked, or time ran out
};

// How it is known that a device holds a root.
enum class AnchorEvidence {
    fetched,   // the root file that holds it went to an address, and it proved itself from there next
    verified,  // it made a TLS connection to a server below this root, and proved itself on it
    reported,  // it said so, and proved itself
};
std::string_view to_string(AnchorEvidence evidence);

struct DeviceAnchor {
    MacAddress device;
    std::string anchor{};  // fingerprint of the root certificate, lower-case hex SHA-256
    AnchorEvidence evidence = AnchorEvidence::fetched;
    WallTime at{};
};

// A revocation list as it was last signed.
struct StoredRevocationList {
    std::string issuer{};      // fingerprint of the CA's certificate
    std::uint64_t number = 0;  // cRLNumber: rises
    std::string der{};
    WallTime made{};
    WallTime next_update{};
};

}  // namespace ringfence::registry
