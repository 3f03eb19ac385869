// HTTP authentication, the server's side: reading an Authorization header, checking it against a stored HA1, writing
// the challenge, and the nonces that make Digest safe against replay (RFC 7617 Basic, RFC 7616 Digest).
// Pure but for NonceTable. This room has no cryptography: hash functions are passed in and give raw bytes.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"

namespace ringfence::protocol {

// From bytes to the raw (not hex) hash or keyed MAC. Must be callable from several threads at once.
using HashFunction = std::function<std::string(std::string_view)>;

struct Hashes {
    HashFunction md5;
    HashFunction sha256;
};

struct BasicLogin {
    std::string user;
    Secret password;
};

enum class DigestAlgorithm { md5, sha256 };

// As the client wrote it. What is hashed is kept exactly as it stood between the quotes.
struct DigestLogin {
    std::string user;  // quoting undone
    std::string realm;
    std::string nonce;
    std::string uri;
    std::string response;  // lower-case hex, as long as the algorithm makes it
    DigestAlgorithm algorithm = DigestAlgorithm::md5;
    std::string cnonce;
    std::string opaque;
    // With qop=auth: the request count nc, and the eight digits as sent. Empty: no qop, as in RFC 2069.
    std::optional<std::uint32_t> nonce_count;
    std::string nonce_count_digits;
};

using Authorization = std::variant<BasicLogin, DigestLogin>;

// Longest Authorization value that is read; a Digest of ours needs about 400 bytes.
inline constexpr std::size_t max_authorization_length = 4096;

// The value of an Authorization header. Faults: too_large; malformed for another scheme, bad base64, a missing, doubled
// or ill-formed parameter, qop other than auth, an algorithm other than MD5 and SHA-256 (so the -sess forms), userhash.
// No message holds any of the text.
Result<Authorization> parse_authorization(std::string_view text);

enum class ChallengeKind { basic, digest_md5, digest_sha256 };

struct Challenge {
    ChallengeKind kind = ChallengeKind::basic;
    std::string realm;   // printable ASCII
    std::string nonce;   // from NonceTable::issue(); Digest only
    bool stale = false;  // the answer was right but its nonce is used up; Digest only
};

// The value of a WWW-Authenticate header.
std::string format_challenge(const Challenge& challenge);

// Does SHA-256(user:realm:password) equal `ha1` (lower-case hex)? Compared in constant time.
bool verify_basic(const BasicLogin& login, std::string_view realm, const Secret& ha1, const HashFunction& sha256);

// What the Digest must have been made for.
struct DigestedRequest {
    std::string_view method;
    std::string_view path;  // as delivery::Request has it: percent-decoded, one leading '/' removed, no query
    std::string_view realm;
};

// Is the response right for this request? `ha1` is the lower-case hex HA1 in login.algorithm. The realm must be ours
// and the uri must name the requested path (RFC 7616 section 3.4.6). Hashes are made and compared in any case, so a
// refusal takes as long as a success. Does not look at the nonce: when this holds, ask NonceTable::use().
bool verify_digest(const DigestLogin& login, const DigestedRequest& request, const Secret& ha1, const Hashes& hashes);

enum class NonceUse {
    fresh,               // ours, in time, and this count was not used before
    replayed,            // this count was used before, or is too far behind to tell
    unknown_or_expired,  // not ours, too old, or forgotten
};

struct NonceLimits {
    // Long enough for a boot's files over a slow line; a phone that comes later is answered with stale=true.
    Duration lifetime = std::chrono::minutes(5);
    // Nonces remembered at once, all shards together: 3,000 phones with a new nonce for each of 40 files. About 12 MB.
    std::size_t capacity = 131072;
};

// Nonces carry their time and a MAC, so challenges to strangers cost no memory; only a nonce that was used with a right
// answer is remembered, with the counts used (the highest and the 63 below it). When a shard is full its oldest nonce
// is forgotten, and every nonce of that shard as old as it expires with it: never a replay, at worst one more
// challenge. Thread-safe, if `random` and `mac` are. Nonces die with the process.
class NonceTable {
public:
    // `mac` is keyed with a fresh secret and gives at least 16 bytes. `random` must outlive the table.
    NonceTable(Random& random, HashFunction mac, NonceLimits limits = {});

    // 64 lower-case hex digits. `now` is always the same process-wide clock.
    std::string issue(SteadyTime now);

    // Call only after verify_digest() held. Without a count (no qop) a nonce serves once in all.
    NonceUse use(std::string_view nonce, std::optional<std::uint32_t> nonce_count, SteadyTime now);

private:
    using Key = std::pair<std::uint64_t, std::string>;  // issue time in ms, then the random part
    struct Counts {
        std::uint32_t highest = 0;
        std::uint64_t window = 0;  // bit i: count highest - i was used
    };
    struct Shard {
        std::mutex mutex;
        std::map<Key, Counts> used;
        std::uint64_t forgotten_until = 0;  // ms; a nonce issued before this and not in `used` counts as expired
    };
    static constexpr std::size_t shard_count = 16;

    std::string mac_of(std::string_view stamp) const;
    std::optional<Key> find_key(std::string_view nonce) const;
    void forget_old(Shard& shard, std::uint64_t now) const;

    Random& random_;
    HashFunction mac_;
    NonceLimits limits_;
    std::array<Shard, shard_count> shards_;
};

}  // namespace ringfence::protocol
