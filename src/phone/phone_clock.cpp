#include "phone/phone_clock.h"

#include <algorithm>

namespace ringfence::phone {

namespace {

// No proved time lies before this program was written.
constexpr WallTime time_at_writing = std::chrono::sys_days(std::chrono::January / 1 / 2026);
// A clock that is a little behind the last proved time was set, not lost.
constexpr Duration clock_tolerance = std::chrono::hours(24);

}  // namespace

PhoneClock::PhoneClock(const Clock& clock, std::optional<WallTime> last_proved)
    : clock_(&clock), floor_(time_at_writing) {
    if (last_proved) floor_ = std::max(floor_, *last_proved - clock_tolerance);
}

crypto::JudgingTime PhoneClock::judging_time() const {
    const WallTime now = clock_->wall_now() + correction_;
    if (now < floor_) return {floor_, true};
    return {now, false};
}

Status PhoneClock::learn(WallTime server_date) {
    if (server_date < floor_)
        return fail(FaultCode::untrusted, "this phone's clock and the server's are both before " + format_time(floor_) +
                                              ", the last proved time; only a reset of the phone forgets it");
    correction_ = server_date - clock_->wall_now();
    return {};
}

void PhoneClock::prove(WallTime server_date) { proved_ = std::min(server_date, clock_->wall_now() + correction_); }

}  // namespace ringfence::phone
