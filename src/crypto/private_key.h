// A private key: RSA or ECDSA. Immutable and shared; copies are cheap. Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "crypto/public_key.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace ringfence::crypto {

class Certificate;

// What we generate. RSA-2048 is what 11xx/12xx sets verify; P-256 is several times cheaper for the server.
enum class KeyType { rsa2048, p256 };
std::string_view to_string(KeyType type);  // "rsa2048", "p256"
std::optional<KeyType> parse_key_type(std::string_view name);

class PrivateKey {
public:
    static constexpr std::size_t max_pem_size = std::size_t{16} * 1024;  // an RSA-8192 key is below 7 kB

    // The system's own randomness: keys never come from a seed. RSA-2048 takes some 100 ms.
    static Result<PrivateKey> generate(KeyType type);
    // PKCS#8, PKCS#1 or SEC 1 PEM without a password. Faults malformed, too_large.
    static Result<PrivateKey> parse_pem(const Secret& pem);
    // Takes a reference of its own.
    static PrivateKey share(evp_pkey_st* native);

    Secret to_pem() const;  // PKCS#8, not encrypted: keep it in a file of mode 0600
    KeyKind kind() const;
    unsigned bits() const;
    // Fault malformed or too_large: a key that PublicKey does not take.
    Result<PublicKey> public_key() const;
    // Whether `certificate` carries this key's public part.
    bool matches(const Certificate& certificate) const;

    evp_pkey_st* native() const { return key_.get(); }  // for this room; lives as long as this object

private:
    explicit PrivateKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
    std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace ringfence::crypto
