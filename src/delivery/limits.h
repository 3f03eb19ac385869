// Limits on guessing. Kept per login and per asker, never by source address alone, so that a whole branch behind one
// address can boot at once and nobody can lock a phone out by guessing its password from elsewhere. Successes and the
// first request of a challenge are never counted. Thread-safe: sharded, bounded tables.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "registry/records.h"

namespace ringfence::delivery {

// A token bucket in whole tokens: `burst` at once, then one per `refill`.
struct Budget {
    std::uint32_t burst;
    Duration refill;
};

// Wrong passwords for one login from one address. 12 typed digits and 128 random bits bear very different rates.
inline constexpr Budget keypad_attempts{10, std::chrono::seconds(10)};
inline constexpr Budget random_attempts{60, std::chrono::seconds(1)};
// Wrong passwords for one login from all addresses together that never gave the right one. At one a second, half of all
// 12-digit passwords take 15,000 years.
inline constexpr Budget login_attempts{100, std::chrono::seconds(1)};
// Refusals that are recorded one by one, per asker. The rest are counted together.
inline constexpr Budget recorded_misses{60, std::chrono::seconds(1)};
// Deliveries of public files to askers without a proof that are recorded one by one, per source address: 3,000 phones
// behind one address boot within a minute with a dozen such requests each, and the next minute's storm finds a quarter
// of that again. One connection can ask 60,000 times a second.
inline constexpr Budget recorded_deliveries{50'000, std::chrono::milliseconds(5)};

class Limits {
public:
    // For logins that exist. False: too many wrong passwords lately, from `source`, or from everywhere while `source`
    // has never given the right one. The attempt must then be answered like a wrong password.
    bool may_attempt(std::string_view user, std::string_view source, registry::LoginKind kind, SteadyTime now);
    void attempt_failed(std::string_view user, std::string_view source, registry::LoginKind kind, SteadyTime now);
    void attempt_succeeded(std::string_view user, std::string_view source, SteadyTime now);

    struct Note {
        bool record = true;            // write an event of its own
        std::uint64_t suppressed = 0;  // counted since the last recorded one
    };
    Note note_miss(std::string_view asker, SteadyTime now);
    Note note_delivery(std::string_view asker, SteadyTime now);

    static constexpr std::size_t max_entries_per_shard = 8192;  // about 2 MB a shard; the oldest is forgotten

private:
    static constexpr std::size_t shard_count = 16;
    static constexpr std::size_t remembered_sources = 4;  // a phone has one address, two around a DHCP change

    struct Entry {
        std::string key;
        double tokens = 0;
        SteadyTime refilled{};
        std::uint64_t suppressed = 0;
        std::vector<std::string> good_sources;
    };

    struct Shard {
        std::mutex mutex;
        std::list<Entry> recent;  // front: used last
        std::unordered_map<std::string, std::list<Entry>::iterator> by_key;
    };

    using Shards = std::array<Shard, shard_count>;

    static Shard& shard_for(Shards& shards, std::string_view key);
    Note note(std::string key, const Budget& budget, SteadyTime now);
    bool has_token(std::string key, const Budget& budget, std::string_view good_source, SteadyTime now);
    void take_token(std::string key, const Budget& budget, SteadyTime now);
    static Entry& entry_in(Shard& shard, std::string key, const Budget& budget, SteadyTime now);
    static void refill(Entry& entry, const Budget& budget, SteadyTime now);

    Shards attempts_;
    Shards notes_;  // apart, so that many askers do not make the others forget who guesses
};

}  // namespace ringfence::delivery
