// The operations with keys that the server's share of an enrolment needs, by OpenSSL and nothing around them.
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <ctime>
#include <functional>
#include <string>

#include "connection.h"
#include "enrolment_load.h"

namespace ringfence::bench {

namespace {

struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeWork {
    void operator()(EVP_PKEY_CTX* work) const { EVP_PKEY_CTX_free(work); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using Work = std::unique_ptr<EVP_PKEY_CTX, FreeWork>;
using Bytes = std::basic_string<unsigned char>;

constexpr std::size_t digest_size = 32;  // SHA-256

// One key, with what was signed and enveloped with it once.
class KeyAtWork {
public:
    explicit KeyAtWork(Key key) : key_(std::move(key)) {
        signature_ = make_signature();
        if (is_rsa()) envelope_ = make_envelope();
    }

    void sign() const { make_signature(); }
    void encrypt() const { make_envelope(); }

    void verify() const {
        const auto work = prepare(EVP_PKEY_verify_init);
        require(
            EVP_PKEY_verify(work.get(), signature_.data(), signature_.size(), content_.data(), content_.size()) == 1,
            "verify");
    }

    void decrypt() const {
        const auto work = prepare(EVP_PKEY_decrypt_init);
        Bytes out(EVP_PKEY_get_size(key_.get()), 0);
        std::size_t size = out.size();
        require(EVP_PKEY_decrypt(work.get(), out.data(), &size, envelope_.data(), envelope_.size()) == 1, "decrypt");
    }

private:
    bool is_rsa() const { return EVP_PKEY_is_a(key_.get(), "RSA") == 1; }

    Work prepare(int (*begin)(EVP_PKEY_CTX*)) const {
        Work work(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
        require(work != nullptr && begin(work.get()) == 1, "prepare");
        if (is_rsa()) require(EVP_PKEY_CTX_set_rsa_padding(work.get(), RSA_PKCS1_PADDING) == 1, "padding");
        if (begin == EVP_PKEY_sign_init || begin == EVP_PKEY_verify_init)
            require(EVP_PKEY_CTX_set_signature_md(work.get(), EVP_sha256()) == 1, "digest");
        return work;
    }

    Bytes make_signature() const {
        const auto work = prepare(EVP_PKEY_sign_init);
        Bytes out(EVP_PKEY_get_size(key_.get()), 0);
        std::size_t size = out.size();
        require(EVP_PKEY_sign(work.get(), out.data(), &size, content_.data(), content_.size()) == 1, "sign");
        out.resize(size);
        return out;
    }

    Bytes make_envelope() const {
        const auto work = prepare(EVP_PKEY_encrypt_init);
        Bytes out(EVP_PKEY_get_size(key_.get()), 0);
        std::size_t size = out.size();
        require(EVP_PKEY_encrypt(work.get(), out.data(), &size, content_.data(), content_.size()) == 1, "encrypt");
        out.resize(size);
        return out;
    }

    Key key_;
    Bytes content_ = Bytes(digest_size, 'c');
    Bytes signature_;
    Bytes envelope_;
};

// TLS 1.3: a fresh X25519 key, and the secret that it shares with the peer's.
void agree(EVP_PKEY* peer) {
    const Key own(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
    const Work work(EVP_PKEY_CTX_new_from_pkey(nullptr, own.get(), nullptr));
    unsigned char secret[32];
    std::size_t size = sizeof secret;
    require(EVP_PKEY_derive_init(work.get()) == 1 && EVP_PKEY_derive_set_peer(work.get(), peer) == 1 &&
                EVP_PKEY_derive(work.get(), secret, &size) == 1,
            "agree");
}

double cpu_microseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double measure(std::uint64_t times, const std::function<void()>& work) {
    const double before = cpu_microseconds();
    for (std::uint64_t i = 0; i < times; ++i) work();
    return (cpu_microseconds() - before) / static_cast<double>(times);
}

Key make_rsa() { return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})); }
Key make_p256() { return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")); }

}  // namespace

double measure_key_work(EnrolmentWay way, std::uint64_t enrolments) {
    if (way == EnrolmentWay::scep) {
        const KeyAtWork phone(make_rsa()), registration(make_rsa()), issuing(make_rsa());
        return measure(enrolments, [&] {
            phone.verify();          // the message
            registration.decrypt();  // its envelope
            phone.verify();          // the request in it
            issuing.sign();          // the certificate
            phone.encrypt();         // the reply's envelope
            registration.sign();     // the reply
        });
    }
    const KeyAtWork phone(make_p256()), server(make_p256()), issuing(make_p256());
    const Key peer(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
    return measure(enrolments, [&] {
        if (way == EnrolmentWay::est) {
            agree(peer.get());
            server.sign();  // the handshake
        }
        phone.verify();  // the request
        issuing.sign();  // the certificate
    });
}

}  // namespace ringfence::bench
