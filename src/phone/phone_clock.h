// What time it is for a phone without a battery clock (docs/TRUST.md: a phone without a clock still gets in). The floor
// is this program's age or the last proved time; a clock below it is unset. Not thread-safe.
#pragma once

#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/verify.h"

namespace ringfence::phone {

class PhoneClock {
public:
    // `clock` outlives this object.
    PhoneClock(const Clock& clock, std::optional<WallTime> last_proved);

    // The clock's time, or the floor while it is unset.
    crypto::JudgingTime judging_time() const;

    // Takes a verified server's Date for the time. untrusted, and nothing changes, when that is before the floor too.
    Status learn(WallTime server_date);

    // The Date of a server whose certificate was good at it. A clock that is set counts for as much: one server that is
    // years ahead must not raise the floor above it, where every other server's time would be called wrong.
    void prove(WallTime server_date);
    const std::optional<WallTime>& proved_time() const { return proved_; }  // of this boot; empty: none

private:
    const Clock* clock_;
    WallTime floor_;
    Duration correction_{};
    std::optional<WallTime> proved_;
};

}  // namespace ringfence::phone
