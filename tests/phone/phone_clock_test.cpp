#include "phone/phone_clock.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

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
    EXPECT_FALSE(phone.is_believed());
    clock.set_wall(may);
    EXPECT_FALSE(phone.judging_time().is_floor);
    EXPECT_EQ(phone.judging_time().at, may);
    EXPECT_TRUE(phone.is_believed());
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

TEST(PhoneClock, ABelievedClockHearsNobody) {
    ManualClock clock{may + 29 * day};
    PhoneClock phone(clock, may);
    EXPECT_FALSE(phone.wants_to_hear());
    EXPECT_FALSE(phone.hear(may));
    EXPECT_FALSE(phone.hear(may + 3000 * day));
    EXPECT_EQ(phone.judging_time().at, may + 29 * day);
}

TEST(PhoneClock, ATimeServerStandsInForAnUnsetClock) {
    ManualClock clock{WallTime()};
    PhoneClock phone(clock, may);
    EXPECT_TRUE(phone.wants_to_hear());
    EXPECT_FALSE(phone.hear(may - 2 * day)) << "it is below the floor";
    EXPECT_TRUE(phone.judging_time().is_floor);
    EXPECT_TRUE(phone.hear(may + 5 * day));
    EXPECT_FALSE(phone.wants_to_hear());
    EXPECT_FALSE(phone.hear(may + 6 * day)) << "the first that is heard counts";
    clock.advance(day);
    EXPECT_EQ(phone.judging_time().at, may + 6 * day);
    EXPECT_FALSE(phone.judging_time().is_floor);
    EXPECT_TRUE(phone.own_time().is_floor);
}

TEST(PhoneClock, ATimeServerPutsADoubtedClockBackAndNeverForward) {
    ManualClock clock{may + 4000 * day};
    PhoneClock phone(clock, may);
    EXPECT_FALSE(phone.is_believed());
    EXPECT_EQ(phone.judging_time().at, may + 4000 * day) << "nobody contradicts it";
    EXPECT_FALSE(phone.hear(may + 4001 * day));
    EXPECT_FALSE(phone.hear(may + 4000 * day)) << "it says the same";
    EXPECT_FALSE(phone.hear(may - 2 * day)) << "it is below the floor";
    EXPECT_TRUE(phone.hear(may + 3 * day));
    EXPECT_EQ(phone.judging_time().at, may + 3 * day);
    EXPECT_EQ(phone.own_time().at, may + 4000 * day);
}

TEST(PhoneClock, WhatIsHeardRaisesNoFloor) {
    ManualClock clock{WallTime()};
    PhoneClock phone(clock, may);
    ASSERT_TRUE(phone.hear(may + 3000 * day));
    EXPECT_EQ(phone.proved_time(), std::nullopt);
    phone.prove(may + day);
    EXPECT_EQ(phone.proved_time(), may + day) << "the verified Date is the lower of the two";
    PhoneClock other(clock, may);
    ASSERT_TRUE(other.hear(may + day));
    other.prove(may + 3000 * day);
    EXPECT_EQ(other.proved_time(), may + day) << "a server that is ahead raises nothing above it";
}

TEST(PhoneClock, AVerifiedDateTakesThePlaceOfWhatWasHeard) {
    ManualClock clock{WallTime()};
    PhoneClock phone(clock, may);
    ASSERT_TRUE(phone.hear(may + 3000 * day));
    ASSERT_TRUE(phone.learn(may + day).has_value());
    EXPECT_FALSE(phone.is_heard());
    EXPECT_FALSE(phone.wants_to_hear());
    EXPECT_EQ(phone.judging_time().at, may + day);
}

TEST(PhoneClock, ASetBelievesItsClockAndItsTimeServer) {
    ManualClock clock{WallTime()};
    PhoneClock set(clock, may, ClockRule::as_it_tells);
    EXPECT_TRUE(set.is_believed());
    EXPECT_EQ(set.judging_time().at, WallTime());
    EXPECT_FALSE(set.judging_time().is_floor);
    EXPECT_TRUE(set.wants_to_hear());
    EXPECT_TRUE(set.hear(WallTime() + day));
    EXPECT_EQ(set.judging_time().at, WallTime() + day);
}

WallTime some_day() { return WallTime(*rc::gen::inRange(0, 60000) * day); }

// Whatever anybody says, what ended before the floor stays ended, and what is stored never passes the phone's own time
// and a verified Date.
RC_GTEST_PROP(PhoneClock, NobodysWordGoesBelowTheFloorOrRaisesIt, ()) {
    ManualClock clock{some_day()};
    PhoneClock phone(clock, may);
    const WallTime floor = may - day;
    for (int i = *rc::gen::inRange(1, 6); i > 0; --i) {
        phone.hear(some_day());
        const WallTime date = some_day();
        if (phone.judging_time().is_floor) static_cast<void>(phone.learn(date));
        RC_ASSERT(*phone.judging_time().at >= floor);
        RC_ASSERT(*phone.own_time().at >= floor);
        RC_ASSERT(!phone.proved_time());
    }
    const WallTime date = some_day();
    phone.prove(date);
    RC_ASSERT(*phone.proved_time() <= date);
}

}  // namespace
}  // namespace ringfence::phone
