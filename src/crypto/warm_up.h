// OpenSSL loads its configuration, providers and texts when they are first needed. A process that will not be able to
// open anything does that before.
#pragma once

#include "base/result.h"

namespace ringfence::crypto {

// Signs, digests and encrypts something once. Faults: internal.
Status warm_up();

}  // namespace ringfence::crypto
