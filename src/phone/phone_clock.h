// What time it is for a phone whose clock may be lost or wrong: the one place of that rule (docs/TRUST.md: a phone
// without a clock still gets in). Not thread-safe.
//
// The floor is the age of this program or the last proved time, whichever is later. By it the phone's own clock is
//
//   unset      below the floor. The time is unknown: what ended before the floor is refused, what begins after it is
//              not. A server that is good but for that may tell the time by its Date; then all is judged in full.
//   doubted    further ahead of the floor than a phone is left unused. It holds unless a time server contradicts it.
//   believed   between the two. Nobody's word moves it.
//
// What a time server says (SNTP) anybody on the way can say. Therefore
//
//   - it is asked, and heard, only where the phone's own clock is unset, or is doubted and ahead of what it says;
//   - it is not heard below the floor: whoever forges it, or is served by a clock that went back, makes good again what
//     ended since the floor, and nothing that ended before it. A revoked certificate stays revoked at any time;
//   - it is an offer: whoever is not good at it is judged once more as if no time server had been asked, so that a
//     false one locks nobody out and an honest one is not missed (the boot session does so);
//   - it raises no floor. Only prove() does, and never above what the phone judged by.
//
// A clock that is neither believed nor corrected does not let the phone judge the dates of whoever lets it into the
// network (802.1X), where no time server can be asked before: phone/network_server.h judges those afterwards.
#pragma once

#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/verify.h"

namespace ringfence::phone {

enum class ClockRule {
    floored,      // as above
    as_it_tells,  // as a set does: its clock is right, whatever it says, and so is its time server
};

class PhoneClock {
public:
    // `clock` outlives this object.
    PhoneClock(const Clock& clock, std::optional<WallTime> last_proved, ClockRule rule = ClockRule::floored);

    // The time that was learnt or heard, else own_time().
    crypto::JudgingTime judging_time() const;
    // As if no time server had been asked: the clock's time, or the floor while it is unset.
    crypto::JudgingTime own_time() const;

    WallTime own_clock() const { return clock_->wall_now(); }

    // Whether nothing speaks against the phone's own clock.
    bool is_believed() const;
    // Whether a time server's word would be heard.
    bool wants_to_hear() const;
    // Takes what a time server says; false, and nothing changes, where it does not count.
    bool hear(WallTime told);
    // judging_time() is what a time server said.
    bool is_heard() const { return is_heard_; }

    // Takes a verified server's Date for the time. untrusted, and nothing changes, when that is before the floor too.
    Status learn(WallTime server_date);

    // The Date of a server whose certificate was good at it. The time that the phone judges by counts for as much: one
    // server that is years ahead must not raise the floor above it, where every other server's time would be called
    // wrong.
    void prove(WallTime server_date);
    const std::optional<WallTime>& proved_time() const { return proved_; }  // of this boot; empty: none

private:
    WallTime now() const { return clock_->wall_now() + correction_; }

    const Clock* clock_;
    ClockRule rule_;
    WallTime floor_;
    Duration correction_{};  // of the phone's own clock, by what was learnt or heard
    bool is_heard_ = false;
    bool is_learnt_ = false;
    std::optional<WallTime> proved_;
};

}  // namespace ringfence::phone
