// The family whose models this program can be.
#pragma once

#include "base/result.h"
#include "family/family.h"

namespace ringfence::app {

Result<family::Family> load_phone_family();

}  // namespace ringfence::app
