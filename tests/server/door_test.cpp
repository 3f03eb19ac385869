#include "server/door.h"

#include <gtest/gtest.h>

namespace ringfence::server {
namespace {

using namespace std::chrono_literals;

constexpr SteadyTime begin{1h};

TEST(Pace, NobodyIsTooSlowBeforeItWasWatchedForAWhile) {
    Pace told(begin, 1000);
    EXPECT_FALSE(told.find_too_slow(begin + pace_patience - 1ms, 1000));
    EXPECT_EQ(told.find_too_slow(begin + pace_patience, 1000), 0U);
    Pace seen;
    EXPECT_FALSE(seen.find_too_slow(begin + 1h, 1000)) << "the first look";
    EXPECT_FALSE(seen.find_too_slow(begin + 1h + pace_patience - 1ms, 1000));
    EXPECT_EQ(seen.find_too_slow(begin + 1h + pace_patience, 1000), 0U);
}

TEST(Pace, WhatKeepsTheLeastPaceIsNeverTooSlow) {
    std::uint64_t left = 4 << 20;
    Pace pace(begin, left);
    for (SteadyTime now = begin; left > least_bytes_per_second; now += 1s, left -= least_bytes_per_second)
        ASSERT_FALSE(pace.find_too_slow(now, left));
}

TEST(Pace, ADropNowAndThenIsTooSlow) {
    std::uint64_t left = 4 << 20;
    Pace pace(begin, left);
    for (int second = 1; second < 10; ++second) {
        left -= 100;
        EXPECT_FALSE(pace.find_too_slow(begin + std::chrono::seconds(second), left));
    }
    EXPECT_EQ(pace.find_too_slow(begin + 10s, left - 100), 100U);
}

TEST(Pace, WhatWasFastBuysNoTimeForLater) {
    Pace pace(begin, 4 << 20);
    EXPECT_FALSE(pace.find_too_slow(begin + 100s, 1000)) << "on the average it was fast";
    EXPECT_FALSE(pace.find_too_slow(begin + 109s, 1000));
    EXPECT_EQ(pace.find_too_slow(begin + 110s, 1000), 0U);
}

TEST(Pace, WhatGrewMovedNothing) {
    Pace pace(begin, 1000);
    EXPECT_EQ(pace.find_too_slow(begin + 10s, 1001), 0U);
}

struct Connection {
    std::optional<SteadyTime> since;
    std::optional<std::uint64_t> rate;
    std::optional<SteadyTime> waiting_since() const { return since; }
    std::optional<std::uint64_t> find_too_slow() const { return rate; }
};
using Connections = std::vector<std::shared_ptr<Connection>>;

std::shared_ptr<Connection> waiting(Duration since) {
    return std::make_shared<Connection>(Connection{begin - since, std::nullopt});
}
std::shared_ptr<Connection> delivering(std::optional<std::uint64_t> rate) {
    return std::make_shared<Connection>(Connection{std::nullopt, rate});
}

TEST(Door, WhoWaitsMakesRoomBeforeWhoIsSlow) {
    const Connections all{delivering(0), waiting(2s), waiting(3s), waiting(0s)};
    EXPECT_EQ(find_dispensable(all, begin), all[2]);
}

TEST(Door, TheSlowestMakesRoomAndNobodyWhoKeepsThePace) {
    const Connections all{delivering({}), delivering(100), delivering(10), delivering(1000), waiting(0s)};
    EXPECT_EQ(find_dispensable(all, begin), all[2]);
    const Connections brisk{delivering({}), waiting(0s)};
    EXPECT_EQ(find_dispensable(brisk, begin), nullptr);
}

}  // namespace
}  // namespace ringfence::server
