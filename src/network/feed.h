// The feed: what the cache beside the RADIUS server asks of us, and what we answer, so that it can let in every device
// that was in when we are gone. It follows the registry's journal: what changed after a number, and everything page by
// page where the numbers do not tell (at first, after a restart of ours, or when anybody may have changed).
// Only devices that were let in lately and may come in now are told; any other that changed is `gone`.
// The answers hold passwords in clear: only for mutual TLS or loopback. Pure, but for make_feed_page().
//
// In text, an answer is lines with a fixed order, that ends with "end":
//
//   feed 1
//   epoch NAME
//   last NUMBER
//   current | behind | restart
//   terms ONBOARDING PRODUCTION SECONDS
//   range [MAC] [MAC]                                    of a page of everything
//   device MAC LET-IN [p][c] [CLOSES] [LANE-CLOSES] IDENTITY PASSWORD SERIAL:END[l],...
//   gone MAC
//   end
//
// MACs are twelve digits in upper case, times are milliseconds since 1970, names and password are percent-encoded;
// p: it has proved itself; c: it must show its certificate; CLOSES: its window does; LANE-CLOSES: that of old TLS does,
// which l marks a certificate of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mac_address.h"
#include "base/result.h"
#include "base/secret.h"
#include "network/admission_terms.h"
#include "network/standing.h"
#include "registry/network_lookup.h"

namespace ringfence::network {

// Told at once, of changes and of everything alike: some 20 ms of look-ups.
inline constexpr std::size_t max_feed_devices = 250;
// Of one device: those that hold longest. A device has one, and two while it renews.
inline constexpr std::size_t max_fed_certificates = 16;
// An answer holds at most so many bytes: 250 devices with all that fits are 600 kB.
inline constexpr std::size_t max_feed_text = std::size_t{1024} * 1024;
// How long an answer may be held back until something changes. Shorter than what gateways forget connections after.
inline constexpr Duration max_feed_wait = std::chrono::seconds(25);
// The longest that a device is told of after it was let in last.
inline constexpr Duration max_let_in_within = std::chrono::hours(24 * 366);

// A device that may come in, and when it last did.
struct FedDevice {
    Standing standing;  // always in service
    WallTime let_in{};
    friend bool operator==(const FedDevice&, const FedDevice&) = default;
};

// Where a reader of everything is: it has all devices up to this one.
struct FeedWalk {
    std::optional<MacAddress> above{};  // empty: it begins
    friend bool operator==(const FeedWalk&, const FeedWalk&) = default;
};

struct FeedQuestion {
    std::string epoch{};     // that `after` is of; empty: nothing was heard yet
    std::int64_t after = 0;  // the last number that was heard
    std::optional<FeedWalk> walk{};
    Duration let_in_within{};  // whole seconds: devices that were let in longer ago are not asked for
    Duration wait{};           // whole seconds, at most max_feed_wait: how long to hold back an answer without news
    friend bool operator==(const FeedQuestion&, const FeedQuestion&) = default;
};

// All devices above one and up to another, as the page tells them: any other in between is gone.
struct FeedRange {
    std::optional<MacAddress> above{};  // empty: from the first
    std::optional<MacAddress> up_to{};  // empty: to the last, and the walk is over
    friend bool operator==(const FeedRange&, const FeedRange&) = default;
};

enum class FeedState {
    current,  // there is no news beyond `last`
    behind,   // ask again at once
    restart,  // and everything must be read anew, from the first page on; `last` is where to go on after that
};

struct FeedPage {
    std::string epoch{};    // of `last`: 32 hex digits, others with all settings that the server reads
    std::int64_t last = 0;  // everything up to this number is told by now; of a walk: the newest there is
    FeedState state = FeedState::current;
    AdmissionTerms terms{};
    std::optional<FeedRange> range{};
    std::vector<FedDevice> devices{};
    std::vector<MacAddress> gone{};

    // Whether it is worth telling before the time to wait is over.
    bool has_news() const { return state != FeedState::current || range || !devices.empty() || !gone.empty(); }
    friend bool operator==(const FeedPage&, const FeedPage&) = default;
};

// What stands in the settings and not in the registry.
struct NetworkSettings {
    Rules rules{};
    AdmissionTerms terms{};
    std::string epoch{};  // FeedPage's
};

// Faults: those of `lookup`.
Result<FeedPage> make_feed_page(registry::NetworkLookup& lookup, const FeedQuestion& question,
                                const NetworkSettings& settings, WallTime now);

// As the query of a GET: "epoch=E&after=N&within=S&wait=S", and "&all" or "&above=MAC" of a walk.
std::string format_feed_question(const FeedQuestion& question);
// Faults: malformed, also for unknown and doubled names and for what exceeds its bound.
Result<FeedQuestion> parse_feed_question(std::string_view query);

Secret format_feed_page(const FeedPage& page);
// Faults: malformed, too_large. No sentence holds any of the text.
Result<FeedPage> parse_feed_page(std::string_view text);

// A page's line "terms ..." or "device ..." without its end: the cache keeps both in the same form.
void append_terms(std::string& text, const AdmissionTerms& terms);
Result<AdmissionTerms> parse_terms(std::string_view line);
void append_fed_device(std::string& text, const FedDevice& device);
Result<FedDevice> parse_fed_device(std::string_view line);

}  // namespace ringfence::network
