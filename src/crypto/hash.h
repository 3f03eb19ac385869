// Hashes, as raw bytes (to_hex of base/text.h makes them readable). MD5 and SHA-1 stand here for the protocols and sets
// that know nothing else (RFC 7616 Digest, the 1200's file fingerprint), never for signatures. Thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace ringfence::crypto {

std::string md5(std::string_view bytes);     // 16 bytes
std::string sha1(std::string_view bytes);    // 20 bytes
std::string sha256(std::string_view bytes);  // 32 bytes

// RFC 2104 with SHA-256; 32 bytes. Any key length.
std::string hmac_sha256(std::string_view key, std::string_view bytes);
// RFC 2104 with MD5, for RADIUS alone (RFC 3579 section 3.2); 16 bytes. Any key length.
std::string hmac_md5(std::string_view key, std::string_view bytes);

// SHA-256 over what arrives in pieces, for files too large to hold. One use: update any number of times, then finish.
class Sha256 {
public:
    Sha256();
    Sha256(Sha256&& other) noexcept;
    Sha256& operator=(Sha256&& other) noexcept;
    ~Sha256();

    void update(std::string_view bytes);
    std::string finish();  // 32 bytes

private:
    void* state_;  // EVP_MD_CTX
};

}  // namespace ringfence::crypto
