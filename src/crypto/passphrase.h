// A sealing key from what a person remembers: Argon2id (RFC 9106) by libsodium. For archives that leave the machine.
#pragma once

#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/seal.h"

namespace ringfence::crypto {

inline constexpr std::size_t passphrase_salt_size = 16;

// The same passphrase and salt give the same key. Takes most of a second and 256 MiB, so that guessing is dear.
// Faults: malformed (the salt's length, or an empty passphrase), unavailable (not enough memory). Thread-safe.
Result<SealingKey> derive_sealing_key(const Secret& passphrase, std::string_view salt);

}  // namespace ringfence::crypto
