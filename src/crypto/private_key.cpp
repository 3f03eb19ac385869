#include "crypto/private_key.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "crypto/openssl.h"

namespace ringfence::crypto {

namespace {

// Without this, OpenSSL would ask for a password on the terminal.
int refuse_password(char*, int, int, void*) { return -1; }

// Memory BIOs of this kind are wiped when freed.
BioOwner make_secret_bio() {
    BioOwner bio(BIO_new(BIO_s_secmem()));
    RINGFENCE_ASSERT(bio != nullptr);
    return bio;
}

}  // namespace

std::string_view to_string(KeyType type) { return type == KeyType::rsa2048 ? "rsa2048" : "p256"; }

std::optional<KeyType> parse_key_type(std::string_view name) {
    if (name == "rsa2048") return KeyType::rsa2048;
    if (name == "p256") return KeyType::p256;
    return std::nullopt;
}

Result<PrivateKey> PrivateKey::generate(KeyType type) {
    EVP_PKEY* key = type == KeyType::rsa2048 ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    if (key == nullptr) return fail(openssl_fault("making a key"));
    return PrivateKey(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
}

Result<PrivateKey> PrivateKey::parse_pem(const Secret& pem) {
    if (pem.reveal().size() > max_pem_size) return fail(FaultCode::too_large, "a key file is larger than 16 kB");
    const BioOwner bio = read_memory(pem.reveal());
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_password, nullptr);
    ERR_clear_error();
    if (key == nullptr) return fail(FaultCode::malformed, "this is not a private key in PEM form without a password");
    return PrivateKey(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
}

PrivateKey PrivateKey::share(evp_pkey_st* native) {
    EVP_PKEY_up_ref(native);
    return PrivateKey(std::shared_ptr<EVP_PKEY>(native, EVP_PKEY_free));
}

Secret PrivateKey::to_pem() const {
    const BioOwner bio = make_secret_bio();
    const int done = PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    RINGFENCE_ASSERT(done == 1);
    return Secret(take_bytes(bio.get()));
}

KeyKind PrivateKey::kind() const {
    if (EVP_PKEY_is_a(key_.get(), "RSA") == 1) return KeyKind::rsa;
    if (EVP_PKEY_is_a(key_.get(), "EC") == 1) return KeyKind::ec;
    return KeyKind::other;
}

unsigned PrivateKey::bits() const { return static_cast<unsigned>(EVP_PKEY_get_bits(key_.get())); }

Result<PublicKey> PrivateKey::public_key() const { return PublicKey::parse_der(encode_der(key_.get(), i2d_PUBKEY)); }

bool PrivateKey::matches(const Certificate& certificate) const {
    const EVP_PKEY* carried = X509_get0_pubkey(certificate.native());
    const bool same = carried != nullptr && EVP_PKEY_eq(carried, key_.get()) == 1;
    ERR_clear_error();
    return same;
}

}  // namespace ringfence::crypto
