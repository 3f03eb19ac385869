// Time is passed in. Wall time judges certificates, versions and events; steady time measures waits.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ringfence {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::milliseconds>;
using Duration = std::chrono::milliseconds;

class Clock {
public:
    virtual ~Clock() = default;
    virtual WallTime wall_now() const = 0;
    virtual SteadyTime steady_now() const = 0;
};

class SystemClock final : public Clock {
public:
    WallTime wall_now() const override;
    SteadyTime steady_now() const override;
};

// A clock that a test or a simulation moves by hand. One thread moves it; any may read it.
class ManualClock final : public Clock {
public:
    explicit ManualClock(WallTime start) : wall_(start) {}
    WallTime wall_now() const override { return wall_; }
    SteadyTime steady_now() const override { return steady_; }
    void advance(Duration by) {
        wall_ = wall_.load() + by;
        steady_ = steady_.load() + by;
    }
    void set_wall(WallTime now) { wall_ = now; }

private:
    std::atomic<WallTime> wall_;
    std::atomic<SteadyTime> steady_{SteadyTime{}};
};

// RFC 3339 in UTC with seconds: "2026-11-23T06:10:00Z".
std::string format_time(WallTime time);
Result<WallTime> parse_time(std::string_view text);

// A whole number and its unit: "90s", "30m", "24h" or "30d". Faults: malformed, too_large.
Result<Duration> parse_duration(std::string_view text);

// RFC 9110 section 5.6.7, IMF-fixdate: "Mon, 23 Nov 2026 06:10:00 GMT".
std::string format_http_date(WallTime time);

}  // namespace ringfence
