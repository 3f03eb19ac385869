#include "phone/phone_clock.h"

#include <gtest/gtest.h>

namespace ringfence::phone {
namespace {

constexpr WallTime may = std::chrono::sys_days(std::chrono::May / 1 / 2027);
constexpr Duration day = std::chrono::hours(24);

TEST(PhoneClock, BelowItsFloorItIsUnset) {
    ManualClock clock{WallTime()};
    PhoneClock phone(clock, may);
    EXPECT_TRUE(phone.judging_time().is_floor);
    EXPECT_EQ(phone.judging_time().at, may - day);
    clock.set_wall(may - 2 * day);
    EXPECT_TRUE(phone.judging_time().is_floor);
    clock.set_wall(may);
    EXPECT_FALSE(phone.judging_time().is_floor);
    EXPECT_EQ(phone.judging_time().at, may);
    EXPECT_TRUE(PhoneClock(clock, std::nullopt).judging_time().at.has_value());
}

TEST(PhoneClock, LearnsNoTimeBelowItsFloor) {
    ManualClock clock{WallTime()};
    PhoneClock phone(clock, may);
    EXPECT_FALSE(phone.learn(may - 2 * day).has_value());
    EXPECT_TRUE(phone.judging_time().is_floor);
    EXPECT_TRUE(phone.learn(may + day).has_value());
    EXPECT_EQ(phone.judging_time().at, may + day);
}

TEST(PhoneClock, AServerAheadDoesNotRaiseTheFloorAboveAClockThatIsSet) {
    ManualClock clock{may};
    PhoneClock phone(clock, std::nullopt);
    phone.prove(may + 1000 * day);
    EXPECT_EQ(phone.proved_time(), may);
    phone.prove(may - day);
    EXPECT_EQ(phone.proved_time(), may - day);
}

}  // namespace
}  // namespace ringfence::phone
