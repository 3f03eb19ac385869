// When a device certificate is renewed: at two thirds of its life, which leaves the last third for a server that is
// away. Phones that were enrolled on one day are spread, each to a moment of its own.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/random.h"
#include "crypto/certificate.h"

namespace ringfence::phone {

struct CertificateLife {
    WallTime begins{};
    WallTime ends{};
};

// By up to a twentieth of the life earlier or later: 0 is the earliest, 65,535 the latest.
using RenewalJitter = std::uint16_t;

WallTime renewal_time(const CertificateLife& life, RenewalJitter jitter);

// The certificate's own hash is its jitter, so that a phone that starts again means the same moment.
WallTime renewal_time(const crypto::Certificate& certificate);

// When a phone that stays on renews. The moment is one of the wall clock, which may jump; how often it is tried is not.
// Not thread-safe.
class RenewalSchedule {
public:
    // To a clock that is ahead, every certificate looks old.
    static constexpr Duration spacing = std::chrono::hours(24);

    struct Now {
        WallTime wall{};
        SteadyTime steady{};
    };

    void plan(std::optional<WallTime> at) { at_ = at; }  // empty: there is nothing to renew
    bool is_due(const Now& now) const;
    // How long until it is due, if no clock jumps. Empty: there is nothing to renew.
    std::optional<Duration> wait(const Now& now) const;

    void note_renewed(SteadyTime now);
    void note_failure(SteadyTime now, Random& random);

private:
    std::optional<WallTime> at_;
    SteadyTime not_before_{};
    unsigned failures_ = 0;
};

}  // namespace ringfence::phone
