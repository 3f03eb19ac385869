// PKCS#12 (RFC 7292) for sets of 2007: key and certificates under SHA-1 3DES, SHA-1 MAC. The newer AES form is not read
// there; RC2, the other old form, would need OpenSSL's legacy provider.
#pragma once

#include <string>
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

// DER. Faults: malformed (password not typeable), conflict (key and certificate do not match), internal.
Result<std::string> format_pkcs12(const Pkcs12Content& content, const Secret& password);

}  // namespace ringfence::crypto
