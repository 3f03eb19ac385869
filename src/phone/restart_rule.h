// Which changes of settings want a restart (reference 1.2, step 10; the condition is inferred). Pure.
#pragma once

#include "family/family.h"
#include "phone/settings_store.h"

namespace ringfence::phone {

// A setting that takes effect after a restart got another value, or anything changed while FORCE_REBOOT is YES. What a
// phone is given for the first time it takes before anything starts, so that asks for none.
bool asks_for_restart(const EffectiveSettings& before, const EffectiveSettings& after, const family::Family& family);

}  // namespace ringfence::phone
