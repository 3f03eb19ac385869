#include "base/clock.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace ringfence {
namespace {

RC_GTEST_PROP(clock, times_survive_a_round_trip, ()) {
    const auto seconds = *rc::gen::inRange<std::int64_t>(0, 4102444800);
    const WallTime time{std::chrono::seconds(seconds)};
    RC_ASSERT(parse_time(format_time(time)).value() == time);
}

TEST(clock, writes_both_shapes) {
    const auto time = parse_time("2026-11-23T06:10:09Z").value();
    EXPECT_EQ(format_http_date(time), "Mon, 23 Nov 2026 06:10:09 GMT");
    EXPECT_EQ(format_time(WallTime{}), "1970-01-01T00:00:00Z");
}

TEST(clock, a_duration_is_a_number_and_its_unit) {
    EXPECT_EQ(parse_duration("90s").value(), std::chrono::seconds(90));
    EXPECT_EQ(parse_duration("30m").value(), std::chrono::minutes(30));
    EXPECT_EQ(parse_duration("24h").value(), std::chrono::hours(24));
    EXPECT_EQ(parse_duration("30d").value(), std::chrono::hours(24 * 30));
    for (const auto* bad : {"", "s", "30", "-1s", "1.5h", "1 h", "1w", "1hh", "9999999d", "99999999999999999999s"})
        EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(clock, refuses_what_is_no_time) {
    for (const auto* bad : {"", "2026-11-23", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-23T24:00:00Z",
                            "2026-11-23T06:10:09+", "2026-11-23 06:10:09Z"})
        EXPECT_FALSE(parse_time(bad)) << bad;
}

}  // namespace
}  // namespace ringfence
