#include "net/deadline.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <memory>
#include <vector>

namespace ringfence::net {
namespace {

using std::chrono::milliseconds;

SteadyTime at(std::int64_t ms) { return SteadyTime(milliseconds(ms)); }

TEST(Deadline, PassesOnceAndNeverEarly) {
    DeadlineWheel wheel;
    int passed = 0;
    Deadline deadline(wheel, [&] { ++passed; });
    deadline.set(at(1000));
    wheel.advance(at(999));
    EXPECT_EQ(passed, 0);
    wheel.advance(at(1000) + 2 * DeadlineWheel::tick);
    EXPECT_EQ(passed, 1);
    wheel.advance(at(100'000));
    EXPECT_EQ(passed, 1);
    EXPECT_TRUE(wheel.empty());
}

TEST(Deadline, MovedLaterOrEarlierPassesAtTheNewTime) {
    DeadlineWheel wheel;
    std::vector<int> passed;
    Deadline later(wheel, [&] { passed.push_back(1); });
    Deadline earlier(wheel, [&] { passed.push_back(2); });
    later.set(at(500));
    later.set(at(2000));
    earlier.set(at(2000));
    earlier.set(at(500));
    wheel.advance(at(700));
    EXPECT_EQ(passed, (std::vector<int>{2}));
    wheel.advance(at(2200));
    EXPECT_EQ(passed, (std::vector<int>{2, 1}));
}

TEST(Deadline, ClearedOrDestroyedNeverPasses) {
    DeadlineWheel wheel;
    int passed = 0;
    Deadline cleared(wheel, [&] { ++passed; });
    auto destroyed = std::make_unique<Deadline>(wheel, [&] { ++passed; });
    cleared.set(at(100));
    destroyed->set(at(100));
    cleared.clear();
    destroyed.reset();
    wheel.advance(at(1000));
    EXPECT_EQ(passed, 0);
}

TEST(Deadline, ACallMayDestroyItselfAndOthersAndSetNewOnes) {
    DeadlineWheel wheel;
    std::vector<std::unique_ptr<Deadline>> deadlines;
    int passed = 0;
    for (int i = 0; i < 3; ++i) {
        deadlines.push_back(std::make_unique<Deadline>(wheel, [&] {
            ++passed;
            deadlines.clear();
            deadlines.push_back(std::make_unique<Deadline>(wheel, [&] { passed += 10; }));
            deadlines.back()->set(at(5000));
        }));
        deadlines.back()->set(at(100));
    }
    wheel.advance(at(300));
    EXPECT_EQ(passed, 1);
    wheel.advance(at(5200));
    EXPECT_EQ(passed, 11);
}

TEST(Deadline, TellsWhenTheFirstArrives) {
    DeadlineWheel wheel;
    int first = 0;
    wheel.on_first([&] { ++first; });
    Deadline a(wheel, [] {});
    Deadline b(wheel, [] {});
    a.set(at(100));
    b.set(at(100));
    EXPECT_EQ(first, 1);
    wheel.advance(at(1000));
    a.set(at(2000));
    EXPECT_EQ(first, 2);
}

// Whatever is set, moved and cleared in whatever order: each passes at its last time, at most two ticks late.
RC_GTEST_PROP(Deadline, KeepsItsPromise, ()) {
    DeadlineWheel wheel;
    struct Watched {
        std::unique_ptr<Deadline> deadline;
        std::int64_t due = -1;
        bool passed = false;
    };
    std::vector<Watched> all(8);
    std::int64_t now = 0;
    for (Watched& watched : all) {
        watched.deadline = std::make_unique<Deadline>(wheel, [&watched, &now] {
            RC_ASSERT(watched.due >= 0 && watched.due <= now);
            RC_ASSERT(!watched.passed);
            watched.passed = true;
        });
    }
    const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
        rc::gen::pair(rc::gen::inRange(0, 10), rc::gen::inRange(0, 60'000)));
    for (const auto& [which, amount] : steps) {
        if (which >= 8) {
            // As the loop does: every tick for a while, or late after a stall.
            const std::int64_t end = now + (which == 8 ? amount / 20 : amount);
            const std::int64_t step = which == 8 ? DeadlineWheel::tick.count() : amount + 1;
            for (; now < end; now += step) {
                wheel.advance(at(now));
                for (const Watched& watched : all) {
                    const bool overdue =
                        watched.due >= 0 && !watched.passed && watched.due + 2 * DeadlineWheel::tick.count() < now;
                    RC_ASSERT(!overdue);
                }
            }
            continue;
        }
        Watched& watched = all[static_cast<std::size_t>(which)];
        watched.passed = false;
        watched.due = now + amount;
        watched.deadline->set(at(watched.due));
    }
}

}  // namespace
}  // namespace ringfence::net
