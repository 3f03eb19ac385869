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

// 12 typed digits: at 6 tries a minute, a guesser needs 150,000 years for half of them.
inline constexpr Budget keypad_attempts{10, std::chrono::seconds(10)};
// 128 bits cannot be guessed; this only keeps the work of verifying small.
inline constexpr Budget random_attempts{60, std::chrono::seconds(1)};
// Requests for absent files that are recorded one by one, per asker. The rest are counted together.
inline constexpr Budget recorded_misses{60, std::chrono::seconds(1)};

class Limits {
public:
    // False: this login has failed too often lately and `source` has not succeeded with it before, so the attempt must
    // be answered like a wrong password without being looked at.
    bool may_attempt(std::string_view user, std::string_view source, registry::LoginKind kind, SteadyTime now);
    void attempt_failed(std::string_view user, registry::LoginKind kind, SteadyTime now);
    void attempt_succeeded(std::string_view user, std::string_view source, SteadyTime now);

    struct Miss {
        bool record = true;            // write an event of its own
        std::uint64_t suppressed = 0;  // misses counted since the last recorded one
    };
    Miss note_miss(std::string_view asker, SteadyTime now);

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

    Shard& shard_for(std::string_view key);
    static Entry& entry_in(Shard& shard, std::string key, const Budget& budget, SteadyTime now);
    static void refill(Entry& entry, const Budget& budget, SteadyTime now);

    std::array<Shard, shard_count> shards_;
};

}  // namespace ringfence::delivery
