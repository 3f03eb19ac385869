#include "crypto/seal.h"

#include <sodium.h>

namespace ringfence::crypto {

namespace {

constexpr char version_byte = 1;
constexpr std::size_t nonce_size = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_size = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t head_size = 1 + nonce_size;
static_assert(SealingKey::overhead == head_size + tag_size);
static_assert(SealingKey::size == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);

void start_sodium() {
    static const int started = sodium_init();
    RINGFENCE_ASSERT(started >= 0);
}

const unsigned char* octets(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* octets(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

}  // namespace

SealingKey SealingKey::generate(Random& random) { return SealingKey(Secret(random.bytes(size))); }

Result<SealingKey> SealingKey::load(const Secret& bytes) {
    if (bytes.reveal().size() != size) return fail(FaultCode::malformed, "the sealing key does not have 32 bytes");
    return SealingKey(bytes);
}

std::string SealingKey::seal(std::string_view plain, std::string_view context) const {
    start_sodium();
    std::string out(head_size + plain.size() + tag_size, '\0');
    out[0] = version_byte;
    randombytes_buf(out.data() + 1, nonce_size);
    unsigned long long size_out = 0;
    const int done = crypto_aead_xchacha20poly1305_ietf_encrypt(octets(out) + head_size, &size_out, octets(plain),
                                                                plain.size(), octets(context), context.size(), nullptr,
                                                                octets(out) + 1, octets(key_.reveal()));
    RINGFENCE_ASSERT(done == 0);
    return out;
}

Result<Secret> SealingKey::open(std::string_view sealed, std::string_view context) const {
    start_sodium();
    const auto refused = [] {
        return fail(FaultCode::corrupt, "a sealed value does not open with this key and in this place");
    };
    if (sealed.size() < head_size + tag_size || sealed[0] != version_byte) return refused();
    std::string plain(sealed.size() - head_size - tag_size, '\0');
    const int done = crypto_aead_xchacha20poly1305_ietf_decrypt(
        octets(plain), nullptr, nullptr, octets(sealed.substr(head_size)), sealed.size() - head_size, octets(context),
        context.size(), octets(sealed.substr(1)), octets(key_.reveal()));
    if (done != 0) return refused();
    return Secret(std::move(plain));
}

}  // namespace ringfence::crypto
