#include "crypto/warm_up.h"

#include <openssl/cms.h>
#include <openssl/rand.h>

#include <array>

#include "crypto/openssl.h"

namespace ringfence::crypto {

namespace {

constexpr int warm_key_size = 16;  // AES-128

// A message for nobody: the whole way through CMS, ciphers and chance.
bool encrypt_something() {
    std::array<unsigned char, warm_key_size> key{};
    if (RAND_bytes(key.data(), warm_key_size) != 1) return false;
    const BioOwner content = read_memory("warm");
    const Owner<CMS_ContentInfo, CMS_ContentInfo_free> message(
        CMS_EncryptedData_encrypt(content.get(), EVP_aes_128_cbc(), key.data(), key.size(), CMS_BINARY));
    return message != nullptr;
}

bool sign_something() {
    const KeyOwner key(EVP_EC_gen("P-256"));
    const Owner<EVP_MD_CTX, EVP_MD_CTX_free> signing(EVP_MD_CTX_new());
    const unsigned char text[] = "warm";
    std::size_t size = 0;
    return key && EVP_DigestSignInit(signing.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
           EVP_DigestSign(signing.get(), nullptr, &size, text, sizeof text) == 1;
}

}  // namespace

Status warm_up() {
    constexpr auto everything = OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_ADD_ALL_CIPHERS |
                                OPENSSL_INIT_ADD_ALL_DIGESTS | OPENSSL_INIT_LOAD_CONFIG;
    if (OPENSSL_init_crypto(everything, nullptr) != 1 || !encrypt_something() || !sign_something()) {
        return fail(openssl_fault("warming OpenSSL up"));
    }
    return {};
}

}  // namespace ringfence::crypto
