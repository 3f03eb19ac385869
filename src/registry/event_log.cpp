#include "registry/event_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "registry/schema.h"

namespace ringfence::registry {

namespace {

constexpr std::size_t max_path_text = 200;
constexpr std::size_t max_detail_text = 400;
constexpr std::size_t max_word_text = 128;  // of every other field
// A batch this large is worth committing before its time.
constexpr std::size_t full_batch = 1'024;
// After a failed commit: soon enough for a disk that was cleaned, seldom enough not to fill the log.
constexpr Duration retry_after = std::chrono::seconds(1);
// The time rule is looked at now and then; the number rule with every batch.
constexpr Duration age_check = std::chrono::minutes(1);
constexpr std::int64_t pruned_at_once = 10'000;
// Of the oldest events, when the file has reached its bound: one part in so many.
constexpr std::int64_t part_given_up = 10;
// A batch that did not fit was rolled back, so the file may be a little short of its bound.
constexpr std::int64_t pages_to_spare = 512;

std::string cut(std::string_view text, std::size_t limit) { return printable(text, limit); }

Status store(Database& database, const Event& event) {
    return database.run(
        "INSERT INTO events(time, kind, mac, site, wire, source, path, proof, outcome, bytes, detail)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        event.time, static_cast<int>(event.kind), event.device, cut(event.site, max_word_text),
        cut(event.wire, max_word_text), cut(event.source, max_word_text), cut(event.path, max_path_text),
        cut(event.proof, max_word_text), cut(event.outcome, max_word_text), event.bytes,
        cut(event.detail, max_detail_text));
}

Event lost_event(WallTime now, std::uint64_t lost) {
    Event event;
    event.time = now;
    event.kind = EventKind::server;
    event.outcome = "events-lost";
    event.detail = fmt::format("{} events could not be kept.", lost);
    return event;
}

}  // namespace

struct EventLog::Parts {
    Parts(std::unique_ptr<Database> database_in, const Clock& clock_in, const EventLimits& limits_in)
        : database(std::move(database_in)), clock(clock_in), limits(limits_in) {}

    std::unique_ptr<Database> database;  // the writer thread's alone
    const Clock& clock;
    const EventLimits limits;

    std::mutex mutex;  // guards what follows
    std::condition_variable work;
    std::condition_variable progress;
    std::vector<Event> queue;
    std::uint64_t taken_in = 0;  // into the queue, since open
    std::uint64_t settled = 0;   // of those, no longer waiting
    std::uint64_t attempts = 0;  // commits tried, so that flush() sees a failure
    std::uint64_t lost = 0;
    int flushing = 0;
    bool stopping = false;

    // The writer thread's own.
    std::int64_t max_pages = 0;
    std::vector<Event> batch;
    std::uint64_t lost_reported = 0;
    bool failing = false;
    WallTime age_checked{};
    std::thread writer;

    void write();
    bool wait_for_work();
    Status commit(std::uint64_t lost_now);
    Status prune();
    bool has_reached_bound();
    Status give_up_oldest();
    void say(const Status& committed);
};

Result<std::unique_ptr<EventLog>> EventLog::open(const std::string& directory, const Clock& clock,
                                                 const EventLimits& limits) {
    auto database = open_events_database(events_path(directory), Database::Mode::read_write_create);
    if (!database) return fail(std::move(database.error()));
    auto page_size = (*database)->number("PRAGMA page_size");
    if (!page_size) return fail(std::move(page_size.error()));
    const std::int64_t max_pages = std::max<std::int64_t>(static_cast<std::int64_t>(limits.max_bytes) / *page_size, 1);
    // An event may be lost with the power; a disk flush for each batch would cost more than it is worth.
    const std::string bound = fmt::format("PRAGMA synchronous = NORMAL; PRAGMA max_page_count = {};", max_pages);
    auto settled = (*database)->script(bound.c_str());
    if (!settled) return fail(std::move(settled.error()));
    auto parts = std::make_unique<Parts>(std::move(*database), clock, limits);
    parts->max_pages = max_pages;
    parts->writer = std::thread([raw = parts.get()] { raw->write(); });
    return std::unique_ptr<EventLog>(new EventLog(std::move(parts)));
}

EventLog::EventLog(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

EventLog::~EventLog() {
    {
        const std::lock_guard lock(parts_->mutex);
        parts_->stopping = true;
    }
    parts_->work.notify_one();
    parts_->writer.join();
}

void EventLog::record(Event event) {
    if (event.time == WallTime{}) event.time = parts_->clock.wall_now();
    bool wake = false;
    {
        const std::lock_guard lock(parts_->mutex);
        if (parts_->taken_in - parts_->settled >= parts_->limits.queue) {
            ++parts_->lost;
            return;
        }
        ++parts_->taken_in;
        parts_->queue.push_back(std::move(event));
        wake = parts_->queue.size() == 1 || parts_->queue.size() == full_batch;
    }
    if (wake) parts_->work.notify_one();
}

Status EventLog::flush() {
    std::unique_lock lock(parts_->mutex);
    const auto until = parts_->taken_in;
    // The attempt under way may have begun before the last event came.
    const auto attempts = parts_->attempts + 2;
    ++parts_->flushing;
    parts_->work.notify_one();
    parts_->progress.wait(lock, [&] { return parts_->settled >= until || parts_->attempts >= attempts; });
    --parts_->flushing;
    if (parts_->settled >= until) return {};
    return fail(FaultCode::unavailable, "Events cannot be written now; they wait in memory.");
}

std::uint64_t EventLog::lost() const {
    const std::lock_guard lock(parts_->mutex);
    return parts_->lost;
}

// Waits until a batch is due and takes it. False: stopping, and nothing is left.
bool EventLog::Parts::wait_for_work() {
    std::unique_lock lock(mutex);
    const auto urgent = [this] { return stopping || flushing > 0; };
    if (batch.empty()) {
        work.wait(lock, [&] { return urgent() || !queue.empty(); });
        work.wait_for(lock, limits.longest_wait, [&] { return urgent() || queue.size() >= full_batch; });
    } else {
        work.wait_for(lock, retry_after, urgent);
    }
    std::move(queue.begin(), queue.end(), std::back_inserter(batch));
    queue.clear();
    return !(stopping && batch.empty());
}

void EventLog::Parts::write() {
    while (wait_for_work()) {
        std::uint64_t lost_now = 0;
        bool last = false;
        {
            const std::lock_guard lock(mutex);
            lost_now = lost;
            last = stopping;
        }
        const Status committed = batch.empty() ? Status() : commit(lost_now);
        say(committed);
        {
            const std::lock_guard lock(mutex);
            ++attempts;
            if (committed || last) settled += batch.size();
            if (!committed && last) lost += batch.size();
        }
        if (!committed && last) log::error(fmt::format("{} events are lost.", batch.size()));
        if (committed || last) batch.clear();
        progress.notify_all();
    }
}

Status EventLog::Parts::commit(std::uint64_t lost_now) {
    const auto try_once = [&]() -> Status {
        return in_transaction(*database, [&]() -> Status {
            auto pruned = prune();
            if (!pruned) return pruned;
            for (const Event& event : batch) {
                auto stored = store(*database, event);
                if (!stored) return stored;
            }
            if (lost_now == lost_reported) return {};
            return store(*database, lost_event(clock.wall_now(), lost_now - lost_reported));
        });
    };
    auto done = try_once();
    if (!done && has_reached_bound() && give_up_oldest()) done = try_once();
    if (done) lost_reported = lost_now;
    return done;
}

Status EventLog::Parts::prune() {
    const std::int64_t keep = static_cast<std::int64_t>(limits.max_events) - static_cast<std::int64_t>(batch.size());
    auto by_number = database->run("DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?",
                                   std::max<std::int64_t>(keep, 0));
    if (!by_number) return by_number;
    const auto now = clock.wall_now();
    if (now - age_checked < age_check) return {};
    age_checked = now;
    return database->run("DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT ?) AND time < ?",
                         pruned_at_once, now - limits.max_age);
}

// A full disk says the same as a full database, but old events must not go for it.
bool EventLog::Parts::has_reached_bound() {
    auto pages = database->number("PRAGMA page_count");
    return pages && *pages + pages_to_spare >= max_pages;
}

Status EventLog::Parts::give_up_oldest() {
    return database->run("DELETE FROM events WHERE id <= (SELECT min(id) + (max(id) - min(id)) / ? FROM events)",
                         part_given_up);
}

// Once when it begins to fail, once when it works again.
void EventLog::Parts::say(const Status& committed) {
    if (!committed && !failing) log::error("Events cannot be written and wait in memory: " + committed.error().message);
    if (committed && failing) log::info("Events are written again.");
    failing = !committed;
}

struct EventReader::Parts {
    std::unique_ptr<Database> database;
};

Result<std::unique_ptr<EventReader>> EventReader::open(const std::string& directory) {
    auto database = open_events_database(events_path(directory), Database::Mode::read_write);
    if (!database) return fail(std::move(database.error()));
    return std::unique_ptr<EventReader>(new EventReader(std::make_unique<Parts>(Parts{std::move(*database)})));
}

EventReader::EventReader(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
EventReader::~EventReader() = default;

Result<std::vector<Event>> EventReader::list(const EventFilter& filter) {
    const char* sql =
        filter.device ? (filter.newest ? "SELECT * FROM events WHERE id > ?1 AND mac = ?2 ORDER BY id DESC LIMIT ?3"
                                       : "SELECT * FROM events WHERE id > ?1 AND mac = ?2 ORDER BY id LIMIT ?3")
                      : (filter.newest ? "SELECT * FROM events WHERE id > ?1 AND ?2 IS NULL ORDER BY id DESC LIMIT ?3"
                                       : "SELECT * FROM events WHERE id > ?1 AND ?2 IS NULL ORDER BY id LIMIT ?3");
    std::vector<Event> out;
    auto rows = parts_->database->statement(sql, filter.after, filter.device,
                                            static_cast<std::uint64_t>(std::min(filter.limit, max_event_page)));
    auto read = Database::each_row(std::move(rows), [&](const Statement& row) -> Status {
        Event event;
        event.id = row.integer(0);
        event.time = row.time(1);
        event.kind = static_cast<EventKind>(row.integer(2));
        auto device = row.optional_mac(3);
        if (!device) return fail(std::move(device.error()));
        event.device = *device;
        event.site = row.text(4);
        event.wire = row.text(5);
        event.source = row.text(6);
        event.path = row.text(7);
        event.proof = row.text(8);
        event.outcome = row.text(9);
        event.bytes = static_cast<std::uint64_t>(row.integer(10));
        event.detail = row.text(11);
        out.push_back(std::move(event));
        return {};
    });
    if (!read) return fail(std::move(read.error()));
    if (filter.newest) std::reverse(out.begin(), out.end());
    return out;
}

Result<std::int64_t> EventReader::last_id() {
    return parts_->database->number("SELECT coalesce(max(id), 0) FROM events");
}

}  // namespace ringfence::registry
