#include "crypto/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <utility>

#include "base/result.h"

namespace ringfence::crypto {

namespace {

// Fetched once: a lookup by name costs more than hashing a short text.
const EVP_MD* fetched(const char* name) {
    const EVP_MD* digest = EVP_MD_fetch(nullptr, name, nullptr);
    RINGFENCE_ASSERT(digest != nullptr);
    return digest;
}

const EVP_MD* fetched_sha256() {
    static const EVP_MD* const digest = fetched("SHA256");
    return digest;
}

std::string hash(const EVP_MD* digest, std::string_view bytes) {
    std::string out(static_cast<std::size_t>(EVP_MD_get_size(digest)), '\0');
    const int done =
        EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(out.data()), nullptr, digest, nullptr);
    RINGFENCE_ASSERT(done == 1);
    return out;
}

std::string hmac(const EVP_MD* digest, std::string_view key, std::string_view bytes) {
    std::string out(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    // OpenSSL takes a null key for "the key of before", so an empty one needs an address.
    const char* key_bytes = key.empty() ? "" : key.data();
    const auto* done =
        HMAC(digest, key_bytes, static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(bytes.data()),
             bytes.size(), reinterpret_cast<unsigned char*>(out.data()), &size);
    RINGFENCE_ASSERT(done != nullptr);
    out.resize(size);
    return out;
}

}  // namespace

std::string md5(std::string_view bytes) {
    static const EVP_MD* const digest = fetched("MD5");
    return hash(digest, bytes);
}

std::string sha1(std::string_view bytes) {
    static const EVP_MD* const digest = fetched("SHA1");
    return hash(digest, bytes);
}

std::string sha256(std::string_view bytes) { return hash(fetched_sha256(), bytes); }

std::string hmac_sha256(std::string_view key, std::string_view bytes) { return hmac(EVP_sha256(), key, bytes); }

std::string hmac_md5(std::string_view key, std::string_view bytes) { return hmac(EVP_md5(), key, bytes); }

Sha256::Sha256() : state_(EVP_MD_CTX_new()) {
    RINGFENCE_ASSERT(state_ != nullptr);
    RINGFENCE_ASSERT(EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(state_), fetched_sha256(), nullptr) == 1);
}

Sha256::Sha256(Sha256&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}

Sha256& Sha256::operator=(Sha256&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

Sha256::~Sha256() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(state_)); }

void Sha256::update(std::string_view bytes) {
    RINGFENCE_ASSERT(EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(state_), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::finish() {
    std::string out(static_cast<std::size_t>(EVP_MD_get_size(fetched_sha256())), '\0');
    RINGFENCE_ASSERT(EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(state_), reinterpret_cast<unsigned char*>(out.data()),
                                        nullptr) == 1);
    return out;
}

}  // namespace ringfence::crypto
