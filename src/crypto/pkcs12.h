// PKCS#12 (RFC 7292). Written for sets of 2007: key and certificates under SHA-1 3DES, SHA-1 MAC; the newer AES form is
// not read there. Read in the old forms, RC2 included, and in the newer one. Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/certificate.h"
#include "crypto/private_key.h"

namespace ringfence::crypto {

// What can be typed on a 1200-series set (reference 5.4).
inline constexpr std::size_t max_pkcs12_password = 12;
bool is_typeable_password(std::string_view password);  // 1 to 12 letters, digits and _ - . ! @ $ % & + : ^

// Twelve lower-case letters and digits without those that look alike: 60 bits.
Secret make_pkcs12_password(Random& random);

struct Pkcs12Content {
    PrivateKey key;
    Certificate certificate;
    std::vector<Certificate> chain;  // CAs to travel along
    std::string friendly_name;       // shown by the set
};

inline constexpr std::size_t max_pkcs12_size = std::size_t{64} * 1024;  // key and a chain of three have some 6 kB
// Rounds of key derivation that a file may ask for in all its parts together, so that a hostile one costs a second and
// not minutes: OpenSSL writes 2048 for each of three parts, Java 10 000, the dearest known programs some 600 000.
inline constexpr std::size_t max_pkcs12_iterations = 2'000'000;

// DER or BER. Exactly one key; the certificate is the one that belongs to it, the others are the chain in their order;
// the name is cut at 256 bytes. An empty password is one. Faults: unauthenticated (the password does not open it),
// malformed (also: no MAC, no key or several, an encryption that is not taken), too_large (the limits above), conflict
// (no certificate belongs to the key).
Result<Pkcs12Content> parse_pkcs12(std::string_view bytes, const Secret& password);

// DER. Faults: malformed (password not typeable), conflict (key and certificate do not match), internal.
Result<std::string> format_pkcs12(const Pkcs12Content& content, const Secret& password);

}  // namespace ringfence::crypto
