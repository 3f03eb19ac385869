#include "phone/renewal.h"

#include <algorithm>
#include <limits>

#include "crypto/hash.h"
#include "phone/update_schedule.h"

namespace ringfence::phone {

namespace {

// The spread of five years is six months, that of a week eight hours.
constexpr int spread_share = 20;

}  // namespace

WallTime renewal_time(const CertificateLife& life, RenewalJitter jitter) {
    const Duration length = life.ends - life.begins;
    const Duration spread = length / spread_share;
    const Duration step = 2 * spread / std::numeric_limits<RenewalJitter>::max();
    return life.begins + length / 3 * 2 - spread + step * jitter;
}

WallTime renewal_time(const crypto::Certificate& certificate) {
    const std::string hash = crypto::sha256(certificate.to_der());
    const auto jitter =
        static_cast<RenewalJitter>(static_cast<std::uint8_t>(hash[0]) << 8 | static_cast<std::uint8_t>(hash[1]));
    return renewal_time({certificate.not_before(), certificate.not_after()}, jitter);
}

bool RenewalSchedule::is_due(const Now& now) const { return at_ && now.wall >= *at_ && now.steady >= not_before_; }

std::optional<Duration> RenewalSchedule::wait(const Now& now) const {
    if (!at_) return std::nullopt;
    return std::max({Duration::zero(), *at_ - now.wall, not_before_ - now.steady});
}

void RenewalSchedule::note_renewed(SteadyTime now) {
    failures_ = 0;
    not_before_ = now + spacing;
}

void RenewalSchedule::note_failure(SteadyTime now, Random& random) {
    not_before_ = now + retry_wait(failures_, random);
    ++failures_;
}

}  // namespace ringfence::phone
