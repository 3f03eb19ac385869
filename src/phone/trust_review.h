// What time does to a trust store: roots that ended, roots that were revoked, a trust list that ran out (reference 5.6,
// 5.8). Asked at every boot, and daily by a phone that runs on.
#pragma once

#include <vector>

#include "crypto/verify.h"
#include "phone/event_log.h"
#include "phone/trust_store.h"

namespace ringfence::phone {

class Flash;

// One event for each. Nothing is removed: a root that ended or was revoked verifies nothing as it stands.
std::vector<Event> review(const TrustStore& trust, const crypto::JudgingTime& time);

// Logs them, and deletes a trust list that ran out at a time that some server proved (event 0x0015): by a clock that is
// wrong it only does not count. `trust` is then as the flash stands.
Status keep_trust(Flash& flash, TrustStore& trust, const crypto::JudgingTime& time);

}  // namespace ringfence::phone
