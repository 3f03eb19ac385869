#include "crypto/passphrase.h"

#include <sodium.h>

namespace ringfence::crypto {

static_assert(passphrase_salt_size == crypto_pwhash_argon2id_SALTBYTES);

Result<SealingKey> derive_sealing_key(const Secret& passphrase, std::string_view salt) {
    if (salt.size() != passphrase_salt_size) return fail(FaultCode::malformed, "The salt does not have 16 bytes.");
    if (passphrase.empty()) return fail(FaultCode::malformed, "The passphrase is empty.");
    RINGFENCE_ASSERT(sodium_init() >= 0);
    std::string key(SealingKey::size, '\0');
    const int done =
        crypto_pwhash_argon2id(reinterpret_cast<unsigned char*>(key.data()), key.size(), passphrase.reveal().data(),
                               passphrase.reveal().size(), reinterpret_cast<const unsigned char*>(salt.data()),
                               crypto_pwhash_argon2id_OPSLIMIT_MODERATE, crypto_pwhash_argon2id_MEMLIMIT_MODERATE,
                               crypto_pwhash_argon2id_ALG_ARGON2ID13);
    if (done != 0) return fail(FaultCode::unavailable, "There is not enough memory to work on the passphrase.");
    return SealingKey::load(Secret(std::move(key)));
}

}  // namespace ringfence::crypto
