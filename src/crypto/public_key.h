// A public key as a value (SubjectPublicKeyInfo, RFC 5280 section 4.1.2.7): RSA (RFC 3279 section 2.3.1) or a point on
// a named curve (RFC 5480). Whoever holds one knows that it is well formed, not that anybody has the private part.
// Immutable and shared; copies are cheap. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace ringfence::crypto {

// What a certificate or key file may hold.
enum class KeyKind { rsa, ec, other };

class PublicKey {
public:
    static constexpr std::size_t max_size = 1024;  // the largest RSA key taken has 0.6 kB
    // Strangers choose the key that we verify their messages with. 4096 bits take 0.2 ms, 16384 take 9 to 30; ours have
    // 2048. The time grows with the exponent, too: OpenSSL has this limit of its own for large moduli only.
    static constexpr unsigned max_rsa_bits = 4096;
    static constexpr unsigned max_rsa_exponent_bits = 64;

    // Exactly one key, in the one form that it has: DER, a curve by its name, both coordinates of the point. An RSA
    // modulus is odd, its exponent odd and at least 3. Faults: malformed, too_large.
    static Result<PublicKey> parse_der(std::string_view der);

    KeyKind kind() const;  // never KeyKind::other
    unsigned bits() const;
    bool is_p256() const;
    std::string fingerprint_sha256() const;  // lower-case hex of the hash of the DER
    std::string to_der() const;

    evp_pkey_st* native() const { return key_.get(); }  // for this room; lives as long as this object

    friend bool operator==(const PublicKey& a, const PublicKey& b);

private:
    explicit PublicKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
    std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace ringfence::crypto
