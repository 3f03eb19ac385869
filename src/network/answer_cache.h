// What the process beside the RADIUS server keeps, so that every port that was in stays in while our server is dead:
// the standings of the devices that the feed told, in memory and sealed in one file. What they mean is decided as ever
// (network/standing.h). It answers only as long as the administrator said after the server was last heard, and never by
// a clock that stands before that.
//
// Whatever takes a right away is gone from memory and disk when take() returns. What gives one, and that the server was
// heard, reaches the disk a little later: a crash then costs a right or some of the age, and never brings one back.
// One thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/disk.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/seal.h"
#include "net/descriptor.h"
#include "network/feed.h"

namespace ringfence::network {

// More than sets at one RADIUS server; some 200 bytes each, sealed and written whole.
inline constexpr std::size_t max_cached_devices = 50'000;
inline constexpr std::size_t max_cache_file = std::size_t{64} * 1024 * 1024;

struct CacheLimits {
    Duration max_age{};        // answers hold so long after the server was heard
    Duration let_in_within{};  // devices that were let in longer ago are not kept
};

class AnswerCache {
public:
    // What gives a right is on disk that long after it was heard.
    static constexpr Duration save_gains_within = std::chrono::seconds(10);
    // And that the server was heard, and when who was let in; a tenth of the age limit where that is shorter.
    static constexpr Duration save_times_within = std::chrono::minutes(10);

    // From DIR/answers.sealed under DIR/answers.key; both and the folder are made where they are missing, for their
    // owner only, and the folder is held as long as the cache lives. A file that does not open is passed over with a
    // sentence in the log: then it knows nothing. `disk` outlives the cache. Faults: unavailable, malformed (the key),
    // conflict (another cache holds the folder), forbidden (the folder or the key is another user's, or others may read
    // or write it).
    static Result<std::unique_ptr<AnswerCache>> open(Disk& disk, const std::string& folder, CacheLimits limits,
                                                     Random& random);

    // What to ask the server next. It answers at once until it was `current` since lose_contact().
    FeedQuestion next_question() const;
    // The answer to that. Faults: those of `disk`, when what was withdrawn may still stand in the file; it is tried
    // again by the next save. The memory is right in any case.
    Status take(FeedPage page, WallTime now);
    // The connection is gone: what is asked next is not held back.
    void lose_contact() { is_current_ = false; }
    bool is_current() const { return is_current_; }

    // Writes what is due by now. Faults: those of `disk`; it stays due.
    Status save_due(WallTime now);
    Status save(WallTime now);

    // The device that the identity names, as registry-backed find_standing(). Faults: unavailable with the reason when
    // nothing may be answered.
    Result<std::optional<Standing>> find_standing(const std::string& identity, WallTime now) const;

    const AdmissionTerms& terms() const { return terms_; }  // as the server said last
    std::size_t size() const { return devices_.size(); }
    std::optional<WallTime> heard() const { return heard_; }  // the server, saying that there is no news

private:
    using Devices = std::map<MacAddress, FedDevice>;

    struct Place {
        net::Descriptor folder;  // locked
        std::string path;        // of the file in it
    };

    AnswerCache(Disk& disk, Place place, crypto::SealingKey key, CacheLimits limits)
        : disk_(disk),
          folder_(std::move(place.folder)),
          path_(std::move(place.path)),
          key_(std::move(key)),
          limits_(limits) {}

    Status load();
    Status parse(std::string_view text);
    Secret format() const;
    Status check_time(WallTime now) const;
    // Whether a right was withdrawn.
    bool hold(FedDevice device);
    bool drop(const MacAddress& device);
    void forget_identity(const Standing& standing);
    bool drop_unmentioned(const FeedPage& page);
    bool drop_long_gone(WallTime now);
    void move_on(const FeedPage& page, WallTime now);
    void be_due(WallTime at);

    Disk& disk_;
    net::Descriptor folder_;
    std::string path_;
    crypto::SealingKey key_;
    CacheLimits limits_;

    Devices devices_;
    std::map<std::string, MacAddress, std::less<>> identities_;
    AdmissionTerms terms_{};
    std::string epoch_;
    std::int64_t after_ = 0;
    std::optional<FeedWalk> walk_;
    std::optional<WallTime> heard_;
    bool is_current_ = false;
    bool is_full_ = false;         // told once
    std::optional<WallTime> due_;  // when the file is to be written; empty: it says all
};

}  // namespace ringfence::network
