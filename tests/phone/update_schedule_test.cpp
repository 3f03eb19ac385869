#include "phone/update_schedule.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>

namespace ringfence::phone {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const WallTime noon = std::chrono::sys_days(std::chrono::November / 25 / 2026) + hours(12);

EffectiveSettings settings(const std::map<std::string, std::string>& values) {
    EffectiveSettings out;
    for (const auto& [name, value] : values) out[name].value = value;
    return out;
}

TEST(UpdateSchedule, IsOffUnlessSwitchedOn) {
    EXPECT_FALSE(read_update_window({}).has_value());
    EXPECT_FALSE(read_update_window(settings({{"AUTO_UPDATE", "NO"}, {"AUTO_UPDATE_TIME", "7200"}})).has_value());
    EXPECT_EQ(read_update_window(settings({{"AUTO_UPDATE", "YES"},
                                           {"AUTO_UPDATE_TIME", "7200"},
                                           {"AUTO_UPDATE_TIME_RANGE", "3"},
                                           {"TIMEZONE_OFFSET", "-3600"}})),
              (UpdateWindow{hours(2), hours(3), -hours(1)}));
}

TEST(UpdateSchedule, WhatCannotBeReadHasItsDefault) {
    for (const char* value : {"", "x", "-1", "86400", "7200 ", "99999999999999999999"})
        EXPECT_EQ(read_update_window(settings({{"AUTO_UPDATE", "YES"},
                                               {"AUTO_UPDATE_TIME", value},
                                               {"AUTO_UPDATE_TIME_RANGE", value},
                                               {"TIMEZONE_OFFSET", "999999"}})),
                  (UpdateWindow{seconds(2), hours(1), seconds(0)}))
            << value;
}

TEST(UpdateSchedule, MidnightIsThePhones) {
    SeededRandom random(1);
    const UpdateWindow window{hours(13), hours(1), hours(1)};  // 12:00 to 13:00 in Greenwich
    const WallTime next = next_update(window, noon - hours(1), std::nullopt, random);
    EXPECT_GE(next, noon);
    EXPECT_LT(next, noon + hours(1));
}

RC_GTEST_PROP(UpdateScheduleProperty, IsInItsWindowAheadAndOnceADay, ()) {
    SeededRandom random(*rc::gen::arbitrary<std::uint64_t>());
    const UpdateWindow window{seconds(*rc::gen::inRange(0, 86400)), hours(*rc::gen::inRange(1, 7)),
                              seconds(*rc::gen::inRange(-43200, 50400))};
    WallTime now = noon + seconds(*rc::gen::inRange(0, 86400));
    std::optional<WallTime> last;
    for (int round = 0; round < 5; ++round) {
        const WallTime next = next_update(window, now, last, random);
        RC_ASSERT(next > now);
        RC_ASSERT(next <= now + hours(54));
        const auto local = next + window.from_gmt - window.begin;
        RC_ASSERT(local - std::chrono::floor<std::chrono::days>(local) < window.length);
        if (last) RC_ASSERT(next - *last > hours(24) - window.length);
        if (last)
            RC_ASSERT(std::chrono::floor<std::chrono::days>(local) >
                      std::chrono::floor<std::chrono::days>(*last + window.from_gmt - window.begin));
        last = now = next;
    }
}

TEST(UpdateSchedule, AFleetSpreadsEvenly) {
    const UpdateWindow window{hours(2), hours(4), seconds(0)};
    std::array<int, 16> quarters{};
    SeededRandom random(7);
    constexpr int phones = 16000;
    for (int i = 0; i < phones; ++i) {
        const WallTime next = next_update(window, noon, std::nullopt, random);
        const auto into = next - (std::chrono::floor<std::chrono::days>(noon) + std::chrono::days(1) + hours(2));
        ++quarters.at(static_cast<std::size_t>(into / std::chrono::minutes(15)));
    }
    for (const int count : quarters) EXPECT_NEAR(count, phones / 16, 150);
}

TEST(UpdateSchedule, RetriesGrowSparserAndAreSpread) {
    SeededRandom random(3);
    for (unsigned failures = 0; failures < 100; ++failures) {
        const Duration wait = retry_wait(failures, random);
        EXPECT_GE(wait, seconds(30));
        EXPECT_LE(wait, std::chrono::minutes(90));
    }
    EXPECT_NE(retry_wait(5, random), retry_wait(5, random));
}

}  // namespace
}  // namespace ringfence::phone
