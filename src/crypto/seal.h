// Sealing at rest: XChaCha20-Poly1305 (libsodium, draft-irtf-cfrg-xchacha) under the installation's one key, which lies
// in a file of mode 0600 outside the database. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"

namespace ringfence::crypto {

class SealingKey {
public:
    static constexpr std::size_t size = 32;
    static constexpr std::size_t overhead = 41;  // of sealed bytes over clear ones

    static SealingKey generate(Random& random);
    // `bytes` as save() gave them. Fault malformed unless there are exactly 32.
    static Result<SealingKey> load(const Secret& bytes);
    Secret save() const { return key_; }

    // Version byte, random 24-byte nonce, ciphertext and tag. `context` names the place
    // (table, column, row) and must be the same when opening, so sealed values cannot be swapped between places.
    std::string seal(std::string_view plain, std::string_view context) const;
    std::string seal(const Secret& plain, std::string_view context) const { return seal(plain.reveal(), context); }

    // Fault corrupt when the bytes, the key or the context are not those of seal().
    Result<Secret> open(std::string_view sealed, std::string_view context) const;

private:
    explicit SealingKey(Secret key) : key_(std::move(key)) {}
    Secret key_;
};

}  // namespace ringfence::crypto
