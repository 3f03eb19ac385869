#include "registry/event_log.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <thread>

#include "registry/sqlite.h"
#include "tests/registry/installation.h"
#include "tests/suites/small_disk.h"

namespace ringfence::registry {
namespace {

class EventLogTest : public testing::Test {
protected:
    std::unique_ptr<EventLog> open(const EventLimits& limits = {}) {
        return EventLog::open(root_.path(), clock_, limits).value();
    }
    std::vector<Event> all(const EventFilter& filter = {}) {
        return EventReader::open(root_.path()).value()->list(filter).value();
    }
    static Event event(const std::string& path) {
        Event out;
        out.path = path;
        return out;
    }

    suites::TemporaryDirectory root_;
    SystemClock clock_;
};

TEST_F(EventLogTest, an_event_comes_back_as_it_was_recorded) {
    Event in;
    in.time = first_of_may;
    in.kind = EventKind::downgrade;
    in.device = mac_number(7);
    in.site = "oslo";
    in.wire = "tftp";
    in.source = "192.0.2.7";
    in.path = "SIP00247F000007.cfg";
    in.proof = "none";
    in.outcome = "refused";
    in.bytes = 12;
    in.detail = "Seen on HTTPS before.";
    open()->record(in);
    const auto events = all();
    ASSERT_EQ(events.size(), 1u);
    const Event& out = events[0];
    EXPECT_GT(out.id, 0);
    EXPECT_EQ(out.time, in.time);
    EXPECT_EQ(out.kind, in.kind);
    EXPECT_EQ(out.device, in.device);
    EXPECT_EQ(out.site + out.wire + out.source + out.path, in.site + in.wire + in.source + in.path);
    EXPECT_EQ(out.proof + out.outcome + out.detail, in.proof + in.outcome + in.detail);
    EXPECT_EQ(out.bytes, in.bytes);
}

TEST_F(EventLogTest, a_follower_reads_events_soon_and_in_order_while_they_are_written) {
    auto log = open();
    auto reader = EventReader::open(root_.path()).value();
    std::int64_t seen = 0;
    for (int i = 0; i < 3; ++i) {
        log->record(event("f" + std::to_string(i)));
        const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(900);
        std::vector<Event> fresh;
        while (fresh.empty() && std::chrono::steady_clock::now() < until) {
            fresh = reader->list({.device = {}, .after = seen}).value();
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        ASSERT_EQ(fresh.size(), 1u);
        EXPECT_EQ(fresh[0].path, "f" + std::to_string(i));
        EXPECT_NE(fresh[0].time, WallTime{});
        seen = fresh[0].id;
    }
    EXPECT_EQ(reader->last_id().value(), seen);
}

TEST_F(EventLogTest, lists_are_filtered_by_device_and_cut_to_the_newest_or_the_next) {
    {
        auto log = open();
        for (int i = 1; i <= 10; ++i) {
            Event one = event(std::to_string(i));
            if (i % 2 == 0) one.device = mac_number(2);
            log->record(one);
        }
    }
    const auto paths = [&](const EventFilter& filter) {
        std::string out;
        for (const auto& one : all(filter)) out += one.path + " ";
        return out;
    };
    EXPECT_EQ(paths({.device = {}, .after = 0, .limit = 3}), "1 2 3 ");
    EXPECT_EQ(paths({.device = {}, .after = 0, .limit = 3, .newest = true}), "8 9 10 ");
    EXPECT_EQ(paths({.device = mac_number(2), .after = 4}), "6 8 10 ");
    EXPECT_EQ(paths({.device = mac_number(2), .after = 0, .limit = 2, .newest = true}), "8 10 ");
    EXPECT_EQ(paths({.device = mac_number(3)}), "");
}

TEST_F(EventLogTest, hostile_text_is_made_printable_and_cut) {
    open()->record(event("\x1b[2J" + std::string(5000, 'x')));
    const auto events = all();
    EXPECT_EQ(events[0].path.substr(0, 8), "\\x1b[2Jx");
    EXPECT_LT(events[0].path.size(), 220u);
}

TEST_F(EventLogTest, several_logs_write_to_one_file) {
    auto server = open();
    auto command = open();
    for (int i = 0; i < 500; ++i) {
        server->record(event("s"));
        command->record(event("c"));
    }
    ASSERT_TRUE(server->flush());
    ASSERT_TRUE(command->flush());
    EXPECT_EQ(all().size(), 1000u);
}

TEST_F(EventLogTest, only_the_newest_are_kept) {
    EventLimits limits;
    limits.max_events.fill(100);
    auto log = open(limits);
    for (int i = 1; i <= 250; ++i) {
        log->record(event(std::to_string(i)));
        if (i % 50 == 0) {
            ASSERT_TRUE(log->flush());
        }
    }
    const auto events = all();
    ASSERT_EQ(events.size(), 100u);
    EXPECT_EQ(events.front().path, "151");
    EXPECT_EQ(events.back().path, "250");
}

TEST_F(EventLogTest, what_anybody_can_cause_pushes_out_nothing_that_an_administrator_or_a_device_did) {
    EventLimits limits;
    limits.max_events = {100, 10, 10, 10};
    limits.max_bytes = 4u << 20;
    auto log = open(limits);
    const auto record_kept = [&] {
        for (const auto kind : {EventKind::changed, EventKind::revealed, EventKind::server, EventKind::window_opened,
                                EventKind::login_failed, EventKind::downgrade}) {
            Event kept = event("kept");
            kept.kind = kind;
            log->record(kept);
        }
        Event proved = event("kept");
        proved.proof = "device-certificate";
        log->record(proved);
    };
    record_kept();
    for (int i = 0; i < 30'000; ++i) {
        Event noise = event(std::string(190, 'x'));
        if (i % 3 == 0) noise.kind = EventKind::misses;
        if (i % 3 == 1) noise.kind = EventKind::handshake;
        log->record(noise);
        if (i % 500 == 0) {
            ASSERT_TRUE(log->flush());
        }
    }
    record_kept();
    ASSERT_TRUE(log->flush());
    const auto events = all();
    EXPECT_EQ(events.size(), 100u + 14u);
    EXPECT_EQ(std::count_if(events.begin(), events.end(), [](const Event& one) { return one.path == "kept"; }), 14);
    EXPECT_EQ(log->lost(), 0u);
}

TEST_F(EventLogTest, each_sort_has_a_bound_of_its_own) {
    EventLimits limits;
    limits.max_events = {10, 20, 30, 40};
    {
        auto log = open(limits);
        for (int i = 0; i < 200; ++i) {
            log->record(event("routine"));
            Event proved = event("proved");
            proved.proof = "device-password";
            log->record(proved);
            Event alarm = event("alarm");
            alarm.kind = EventKind::login_failed;
            log->record(alarm);
            Event lasting = event("lasting");
            lasting.kind = EventKind::changed;
            log->record(lasting);
            if (i % 7 == 0) {
                ASSERT_TRUE(log->flush());
            }
        }
    }
    std::map<std::string, int> counts;
    for (const auto& one : all()) ++counts[one.path];
    EXPECT_EQ(counts, (std::map<std::string, int>{{"routine", 10}, {"proved", 20}, {"alarm", 30}, {"lasting", 40}}));
    EXPECT_EQ(all().back().id, 800);
}

TEST_F(EventLogTest, the_bounds_hold_for_what_an_earlier_version_wrote) {
    {
        auto old = Database::open(root_ / "events.db", Database::Mode::read_write_create).value();
        ASSERT_TRUE(old->script(R"sql(
PRAGMA application_id = 1380345137;
CREATE TABLE events(id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, kind INTEGER NOT NULL, mac TEXT,
    site TEXT NOT NULL, wire TEXT NOT NULL, source TEXT NOT NULL, path TEXT NOT NULL, proof TEXT NOT NULL,
    outcome TEXT NOT NULL, bytes INTEGER NOT NULL, detail TEXT NOT NULL) STRICT;
CREATE INDEX events_by_mac ON events(mac, id) WHERE mac IS NOT NULL;
PRAGMA user_version = 1;)sql"));
        for (int i = 0; i < 50; ++i)
            ASSERT_TRUE(
                old->run("INSERT INTO events(time, kind, site, wire, source, path, proof, outcome, bytes,"
                         " detail) VALUES(?, ?, '', '', '', '', 'none', '', 0, '')",
                         clock_.wall_now(), static_cast<int>(i % 10 == 0 ? EventKind::changed : EventKind::request)));
    }
    EventLimits limits;
    limits.max_events = {10, 10, 10, 10};
    open(limits)->record(event("new"));
    const auto events = all();
    EXPECT_EQ(
        std::count_if(events.begin(), events.end(), [](const Event& one) { return one.kind == EventKind::changed; }),
        5);
    EXPECT_EQ(events.size(), 15u);
    EXPECT_EQ(events.back().id, 51);
}

TEST_F(EventLogTest, old_ones_go) {
    Event old = event("old");
    old.time = clock_.wall_now() - std::chrono::hours(24 * 91);
    open()->record(old);
    ASSERT_EQ(all().size(), 1u);
    open()->record(event("new"));
    ASSERT_EQ(all().size(), 1u);
    EXPECT_EQ(all()[0].path, "new");
}

TEST_F(EventLogTest, the_file_keeps_its_bound_by_giving_up_the_oldest) {
    EventLimits limits;
    limits.max_bytes = 4u << 20;
    auto log = open(limits);
    constexpr int count = 30'000;
    for (int i = 0; i < count; ++i) {
        log->record(event(std::string(190, 'x')));
        if (i % 1000 == 0) {
            ASSERT_TRUE(log->flush());
        }
    }
    ASSERT_TRUE(log->flush());
    EXPECT_EQ(log->lost(), 0u);
    log.reset();
    EXPECT_LE(std::filesystem::file_size(root_ / "events.db"), limits.max_bytes);
    const auto newest = all({.device = {}, .after = 0, .limit = 1, .newest = true});
    ASSERT_EQ(newest.size(), 1u);
    EXPECT_EQ(newest[0].id, count);
    EXPECT_GT(all({.device = {}, .after = 0, .limit = 1})[0].id, 1);
}

// While another connection holds the write lock nothing can be committed, as on a disk that fails.
TEST_F(EventLogTest, what_does_not_fit_the_queue_is_counted_and_told_later) {
    EventLimits limits;
    limits.queue = 160;
    auto log = open(limits);
    ASSERT_TRUE(log->flush());
    {
        auto other = Database::open(root_ / "events.db", Database::Mode::read_write).value();
        auto holding = Transaction::begin(*other).value();
        for (int i = 0; i < 150; ++i) log->record(event(std::to_string(i)));
        EXPECT_EQ(log->lost(), 50u);
        Event change = event("change");
        change.kind = EventKind::changed;
        log->record(change);
        EXPECT_EQ(log->lost(), 50u);
    }
    ASSERT_TRUE(log->flush());
    log->record(event("after"));
    ASSERT_TRUE(log->flush());
    const auto events = all();
    ASSERT_EQ(events.size(), 103u);
    EXPECT_EQ(events[99].path, "99");
    EXPECT_EQ(events[100].path, "change");
    int told = 0;
    for (const auto& one : events) {
        if (one.kind != EventKind::server) continue;
        EXPECT_EQ(one.outcome, "events-lost");
        EXPECT_EQ(one.detail, "50 events could not be kept.");
        ++told;
    }
    EXPECT_EQ(told, 1);
}

TEST_F(EventLogTest, losses_without_end_are_told_once_a_minute_and_at_the_end) {
    EventLimits limits;
    limits.queue = 8;
    {
        auto log = open(limits);
        for (int i = 0; i < 50; ++i) {
            for (int j = 0; j < 20; ++j) log->record(event("flood"));
            ASSERT_TRUE(log->flush());
        }
        ASSERT_GT(log->lost(), 400u);
    }
    int told = 0;
    for (const auto& one : all()) told += one.kind == EventKind::server ? 1 : 0;
    EXPECT_GE(told, 1);
    EXPECT_LE(told, 2);
}

TEST_F(EventLogTest, a_full_disk_stops_no_one_and_loses_nothing_that_fits_the_queue) {
    auto log = open();
    log->record(event("before"));
    ASSERT_TRUE(log->flush());
    {
        const suites::SmallDisk full(16'384);
        for (int i = 0; i < 2000; ++i) log->record(event(std::string(190, 'x')));
        const auto flushed = log->flush();
        ASSERT_FALSE(flushed);
        EXPECT_EQ(flushed.error().code, FaultCode::unavailable);
    }
    ASSERT_TRUE(log->flush());
    EXPECT_EQ(log->lost(), 0u);
    EXPECT_EQ(all({.device = {}, .after = 0, .limit = max_event_page}).size(), 2001u);
}

TEST_F(EventLogTest, there_is_nothing_to_read_where_nothing_was_recorded) {
    EXPECT_EQ(EventReader::open(root_.path()).error().code, FaultCode::not_found);
}

TEST(EventKinds, have_names_that_read_back) {
    for (int kind = 0; kind <= static_cast<int>(EventKind::server); ++kind) {
        const auto name = to_string(static_cast<EventKind>(kind));
        EXPECT_FALSE(name.empty());
        EXPECT_EQ(parse_event_kind(name), static_cast<EventKind>(kind));
    }
    EXPECT_FALSE(parse_event_kind("nonsense"));
}

}  // namespace
}  // namespace ringfence::registry
