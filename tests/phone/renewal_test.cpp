#include "phone/renewal.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "tests/crypto/little_ca.h"

namespace ringfence::phone {
namespace {

using std::chrono::hours;

const WallTime begin = std::chrono::sys_days(std::chrono::November / 25 / 2026);
constexpr RenewalJitter latest = std::numeric_limits<RenewalJitter>::max();

TEST(Renewal, IsAtTwoThirdsAndATwentiethEitherWay) {
    const CertificateLife life{begin, begin + hours(60)};
    EXPECT_EQ(renewal_time(life, 0), begin + hours(40 - 3));
    const Duration short_of_last = begin + hours(40 + 3) - renewal_time(life, latest);
    EXPECT_GE(short_of_last, Duration::zero());
    EXPECT_LT(short_of_last, std::chrono::minutes(2)) << "milliseconds are not divided";
}

RC_GTEST_PROP(RenewalProperty, IsInsideTheLifeAndLaterWithMoreJitter, ()) {
    const Duration length = hours(*rc::gen::inRange(1, 20 * 365 * 24));
    const CertificateLife life{begin, begin + length};
    const auto jitter = *rc::gen::inRange<RenewalJitter>(0, latest);
    const WallTime time = renewal_time(life, jitter);
    RC_ASSERT(time > life.begins + length * 6 / 10);
    RC_ASSERT(time < life.begins + length * 3 / 4);
    RC_ASSERT(renewal_time(life, static_cast<RenewalJitter>(jitter + 1)) >= time);
}

TEST(Renewal, OneCertificateHasOneMomentAndAFleetManyOfThem) {
    test::LittleCa ca("renewal");
    std::set<WallTime> moments;
    for (int phone = 0; phone < 20; ++phone) {
        const auto name = "phone " + std::to_string(phone);
        const auto certificate = ca.issue(test::request(crypto::CertificateRole::device, name), test::key("renewal"));
        EXPECT_EQ(renewal_time(certificate), renewal_time(certificate));
        moments.insert(renewal_time(certificate));
    }
    EXPECT_GT(moments.size(), 15U);
}

class Schedule : public ::testing::Test {
protected:
    void pass(Duration time) {
        now_.wall += time;
        now_.steady += time;
    }

    RenewalSchedule::Now now_{begin, SteadyTime{}};
    SeededRandom random_{3};
    RenewalSchedule schedule_;
};

TEST_F(Schedule, IsDueAtItsMoment) {
    EXPECT_FALSE(schedule_.is_due(now_));
    EXPECT_FALSE(schedule_.wait(now_).has_value());
    schedule_.plan(begin + hours(5));
    EXPECT_FALSE(schedule_.is_due(now_));
    EXPECT_EQ(schedule_.wait(now_), hours(5));
    pass(hours(5));
    EXPECT_TRUE(schedule_.is_due(now_));
    EXPECT_EQ(schedule_.wait(now_), Duration::zero());
    schedule_.plan(std::nullopt);
    EXPECT_FALSE(schedule_.is_due(now_));
}

TEST_F(Schedule, TriesAgainMoreSlowlyAndWithinTheHourAndAHalf) {
    schedule_.plan(begin);
    Duration longest{};
    for (int tries = 0; tries < 20; ++tries) {
        ASSERT_TRUE(schedule_.is_due(now_));
        schedule_.note_failure(now_.steady, random_);
        ASSERT_FALSE(schedule_.is_due(now_));
        const Duration wait = *schedule_.wait(now_);
        EXPECT_LE(wait, std::chrono::minutes(90));
        longest = std::max(longest, wait);
        pass(wait);
    }
    EXPECT_GE(longest, std::chrono::minutes(30));
}

TEST_F(Schedule, AClockThatIsAheadBringsOneRenewalADay) {
    schedule_.plan(begin + hours(24 * 365));
    now_.wall += hours(24 * 1000);
    EXPECT_TRUE(schedule_.is_due(now_));
    schedule_.note_renewed(now_.steady);
    schedule_.plan(begin + hours(24 * 400));
    EXPECT_FALSE(schedule_.is_due(now_));
    pass(RenewalSchedule::spacing);
    EXPECT_TRUE(schedule_.is_due(now_));
    now_.wall -= hours(24 * 1000);
    EXPECT_FALSE(schedule_.is_due(now_)) << "the clock was set right";
}

}  // namespace
}  // namespace ringfence::phone
