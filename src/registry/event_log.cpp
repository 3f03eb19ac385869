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
constexpr std::int64_t full_batch = 1'024;
// After a failed commit: soon enough for a disk that was cleaned, seldom enough not to fill the log.
constexpr Duration retry_after = std::chrono::seconds(1);
// Whoever makes events get lost must not fill the log with the news of it.
constexpr Duration loss_interval = std::chrono::minutes(1);
// The time rule is looked at now and then; the number rule with every batch.
constexpr Duration age_check = std::chrono::minutes(1);
constexpr std::int64_t pruned_at_once = 10'000;
// Of the queue, for routine events; each sort that matters more gets one part more.
constexpr std::size_t queue_parts = 8;
constexpr std::size_t queue_parts_for_routine = queue_parts - retention_count + 1;
// Of the oldest events of a sort, when the file has reached its bound: one part in so many, a full batch at least.
constexpr std::int64_t part_given_up = 10;
// A batch that did not fit was rolled back, so the file may be a little short of its bound.
constexpr std::int64_t pages_to_spare = 512;

// Nearly every text is printable and short, and stays as it is.
void tidy(std::string& text, std::size_t limit) {
    const bool sound = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (!sound || text.size() > limit) text = printable(text, limit);
}

void tidy(Event& event) {
    for (std::string* word : {&event.site, &event.wire, &event.source, &event.proof, &event.outcome})
        tidy(*word, max_word_text);
    tidy(event.path, max_path_text);
    tidy(event.detail, max_detail_text);
}

Status store(Database& database, const Event& event) {
    return database.run(
        "INSERT INTO events(time, kind, mac, site, wire, source, path, proof, outcome, bytes, detail, retention)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        event.time, static_cast<int>(event.kind), event.device, Borrowed{event.site}, Borrowed{event.wire},
        Borrowed{event.source}, Borrowed{event.path}, Borrowed{event.proof}, Borrowed{event.outcome}, event.bytes,
        Borrowed{event.detail}, static_cast<int>(retention_of(event)));
}

using Counts = std::array<std::int64_t, retention_count>;

Status change_counts(Database& database, const Counts& by) {
    for (std::size_t retention = 0; retention < by.size(); ++retention) {
        if (by[retention] == 0) continue;
        auto changed = database.run("UPDATE event_counts SET count = count + ? WHERE retention = ?", by[retention],
                                    static_cast<std::uint64_t>(retention));
        if (!changed) return changed;
    }
    return {};
}

Result<std::int64_t> count_of(Database& database, std::uint64_t retention) {
    return database.number("SELECT count FROM event_counts WHERE retention = ?", retention);
}

// Answers how many went.
Result<std::int64_t> delete_oldest(Database& database, std::uint64_t retention, std::int64_t number) {
    auto gone = database.number("SELECT gone FROM event_counts WHERE retention = ?", retention);
    if (!gone) return gone;
    auto last = database.number(
        "SELECT coalesce((SELECT id FROM events WHERE id > ?1 AND retention = ?2 ORDER BY id LIMIT 1 OFFSET ?3 - 1),"
        " (SELECT max(id) FROM events), 0)",
        *gone, retention, number);
    if (!last) return last;
    auto deleted =
        database.run("DELETE FROM events WHERE id > ? AND id <= ? AND retention = ?", *gone, *last, retention);
    if (!deleted) return fail(std::move(deleted.error()));
    const std::int64_t count = database.changed_rows();
    auto counted = database.run("UPDATE event_counts SET count = count - ?, gone = max(gone, ?) WHERE retention = ?",
                                count, *last, retention);
    if (!counted) return fail(std::move(counted.error()));
    return count;
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
    WallTime loss_told{};
    bool failing = false;
    WallTime age_checked{};
    std::thread writer;

    void write();
    bool wait_for_work();
    Status commit(std::uint64_t lost_now);
    Status prune_by_number(const Counts& added);
    Status prune_by_age();
    std::uint64_t room_for(Retention retention) const;
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
    tidy(event);
    const auto room = parts_->room_for(retention_of(event));
    bool wake = false;
    {
        const std::lock_guard lock(parts_->mutex);
        if (parts_->taken_in - parts_->settled >= room) {
            ++parts_->lost;
            return;
        }
        ++parts_->taken_in;
        parts_->queue.push_back(std::move(event));
        wake = parts_->queue.size() == 1 || parts_->queue.size() == std::size_t{full_batch};
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
        work.wait_for(lock, limits.longest_wait, [&] { return urgent() || queue.size() >= std::size_t{full_batch}; });
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
        const bool may_tell_loss = last || clock.wall_now() - loss_told >= loss_interval;
        const Status committed = batch.empty() ? Status() : commit(may_tell_loss ? lost_now : lost_reported);
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
    Counts added{};
    for (const Event& event : batch) ++added[static_cast<std::size_t>(retention_of(event))];
    const bool tells_loss = lost_now != lost_reported;
    const Event loss = lost_event(clock.wall_now(), lost_now - lost_reported);
    if (tells_loss) ++added[static_cast<std::size_t>(retention_of(loss))];

    const auto try_once = [&]() -> Status {
        return in_transaction(*database, [&]() -> Status {
            auto done = prune_by_age();
            for (std::size_t i = 0; done && i < batch.size(); ++i) done = store(*database, batch[i]);
            if (done && tells_loss) done = store(*database, loss);
            return done ? prune_by_number(added) : done;
        });
    };
    auto done = try_once();
    if (!done && has_reached_bound() && give_up_oldest()) done = try_once();
    if (!done || !tells_loss) return done;
    lost_reported = lost_now;
    loss_told = loss.time;
    return done;
}

std::uint64_t EventLog::Parts::room_for(Retention retention) const {
    return limits.queue * (queue_parts_for_routine + static_cast<std::size_t>(retention)) / queue_parts;
}

Status EventLog::Parts::prune_by_number(const Counts& added) {
    auto counted = change_counts(*database, added);
    if (!counted) return counted;
    for (std::uint64_t retention = 0; retention < retention_count; ++retention) {
        if (added[retention] == 0) continue;
        auto count = count_of(*database, retention);
        if (!count) return fail(std::move(count.error()));
        const std::int64_t excess = *count - static_cast<std::int64_t>(limits.max_events[retention]);
        if (excess <= 0) continue;
        auto deleted = delete_oldest(*database, retention, excess);
        if (!deleted) return fail(std::move(deleted.error()));
    }
    return {};
}

Status EventLog::Parts::prune_by_age() {
    const auto now = clock.wall_now();
    if (now - age_checked < age_check) return {};
    age_checked = now;
    Counts gone{};
    auto deleted = Database::each_row(
        database->statement("DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT ?) AND time < ?"
                            " RETURNING retention",
                            pruned_at_once, now - limits.max_age),
        [&](const Statement& row) -> Status {
            --gone[static_cast<std::size_t>(row.integer(0)) % gone.size()];
            return {};
        });
    if (!deleted) return deleted;
    return change_counts(*database, gone);
}

// A full disk says the same as a full database, but old events must not go for it.
bool EventLog::Parts::has_reached_bound() {
    auto pages = database->number("PRAGMA page_count");
    return pages && *pages + pages_to_spare >= max_pages;
}

// What matters least goes first.
Status EventLog::Parts::give_up_oldest() {
    return in_transaction(*database, [&]() -> Status {
        std::int64_t gone = 0;
        for (std::uint64_t retention = 0; retention < retention_count && gone < full_batch; ++retention) {
            auto count = count_of(*database, retention);
            if (!count) return fail(std::move(count.error()));
            auto deleted = delete_oldest(*database, retention, std::max(*count / part_given_up, full_batch - gone));
            if (!deleted) return fail(std::move(deleted.error()));
            gone += *deleted;
        }
        return {};
    });
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
