#include "phone/phone_clock.h"

#include <algorithm>

namespace ringfence::phone {

namespace {

// No proved time lies before this program was written.
constexpr WallTime time_at_writing = std::chrono::sys_days(std::chrono::January / 1 / 2026);
// A clock that is a little behind the last proved time, or beside a time server's, was set, not lost.
constexpr Duration clock_tolerance = std::chrono::hours(24);
// A phone that is used proves its time at every boot over HTTPS, daily at most; holidays are longer.
constexpr Duration longest_absence = std::chrono::days(30);

}  // namespace

PhoneClock::PhoneClock(const Clock& clock, std::optional<WallTime> last_proved, ClockRule rule)
    : clock_(&clock), rule_(rule), floor_(rule == ClockRule::floored ? time_at_writing : WallTime::min()) {
    if (last_proved && rule == ClockRule::floored) floor_ = std::max(floor_, *last_proved - clock_tolerance);
}

crypto::JudgingTime PhoneClock::judging_time() const {
    if (is_heard_ || is_learnt_) return {now(), false};
    return own_time();
}

crypto::JudgingTime PhoneClock::own_time() const {
    const WallTime own = clock_->wall_now();
    if (own < floor_) return {floor_, true};
    return {own, false};
}

bool PhoneClock::is_believed() const {
    if (rule_ == ClockRule::as_it_tells) return true;
    const WallTime own = clock_->wall_now();
    return own >= floor_ && own <= floor_ + longest_absence;
}

bool PhoneClock::wants_to_hear() const {
    if (is_heard_ || is_learnt_) return false;
    return rule_ == ClockRule::as_it_tells || !is_believed();
}

bool PhoneClock::hear(WallTime told) {
    if (!wants_to_hear() || told < floor_) return false;
    const bool is_no_news = !own_time().is_floor && told > clock_->wall_now() - clock_tolerance;
    if (is_no_news && rule_ == ClockRule::floored) return false;
    correction_ = told - clock_->wall_now();
    is_heard_ = true;
    return true;
}

Status PhoneClock::learn(WallTime server_date) {
    if (server_date < floor_)
        return fail(FaultCode::untrusted, "this phone's clock and the server's are both before " + format_time(floor_) +
                                              ", the last proved time; only a reset of the phone forgets it");
    correction_ = server_date - clock_->wall_now();
    is_heard_ = false;
    is_learnt_ = true;
    return {};
}

void PhoneClock::prove(WallTime server_date) { proved_ = std::min(server_date, now()); }

}  // namespace ringfence::phone
