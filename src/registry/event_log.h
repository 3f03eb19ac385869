// The event log in DIR/events.db: EventLog writes it, EventReader reads it, also from another process while it is
// written.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "registry/lookup.h"

namespace ringfence::registry {

struct EventLimits {
    // Events waiting for the writer: some 30 MB at worst. The last eighths are kept for what matters more: an event
    // finds room while fewer than 5 (routine), 6 (proved), 7 (alarm) or 8 (lasting) eighths are taken.
    std::size_t queue = 65'536;
    Duration longest_wait{200};  // before a batch is committed; readers are promised 500 ms
    // By Retention; beyond it the older ones of that sort go. 10,000 phones that boot daily fill a month of the first
    // two; nobody administers 250,000 times in 90 days.
    std::array<std::uint64_t, retention_count> max_events = {1'000'000, 1'000'000, 250'000, 250'000};
    Duration max_age = std::chrono::hours(24 * 90);
    std::uint64_t max_bytes = 4ull << 30;  // of the file, whatever else happens; routine events go first
};

// record() may be called from any thread and does not wait for the disk. A failing disk stops no one: events queue up
// to the limit, what does not fit is counted, said once in the program's log, and recorded as an event of kind `server`
// (outcome "events-lost") when the disk works again. Destruction writes what is queued, trying once.
class EventLog final : public EventSink {
public:
    // Makes the file when it is absent. `clock` outlives the log. Faults: unavailable, corrupt, conflict (newer).
    static Result<std::unique_ptr<EventLog>> open(const std::string& directory, const Clock& clock,
                                                  const EventLimits& limits = {});
    ~EventLog() override;

    // An event without a time gets the clock's. Texts are made printable and cut.
    void record(Event event) override;
    // Waits until all that was recorded before is committed. unavailable when the disk refused it (it stays queued).
    Status flush();
    std::uint64_t lost() const;  // since open

private:
    struct Parts;
    explicit EventLog(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

struct EventFilter {
    std::optional<MacAddress> device;
    std::int64_t after = 0;     // only ids above this one
    std::size_t limit = 1'000;  // at most max_event_page
    // false: the first ones after `after`, as a follower wants; true: the newest. Oldest first in either case.
    bool newest = false;
};
inline constexpr std::size_t max_event_page = 10'000;

// One thread at a time.
class EventReader {
public:
    // not_found when nothing was ever recorded there.
    static Result<std::unique_ptr<EventReader>> open(const std::string& directory);
    ~EventReader();

    Result<std::vector<Event>> list(const EventFilter& filter);
    Result<std::int64_t> last_id();  // 0: none yet

private:
    struct Parts;
    explicit EventReader(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace ringfence::registry
