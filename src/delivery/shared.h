// What the pipelines of all loops share.
#pragma once

#include "base/clock.h"
#include "delivery/address_memory.h"
#include "delivery/installation.h"
#include "delivery/limits.h"
#include "family/family.h"
#include "protocol/http_auth.h"
#include "registry/lookup.h"

namespace ringfence::delivery {

// What it refers to outlives it and is thread-safe.
struct Shared {
    const Clock& clock;
    const family::Family& family;
    protocol::NonceTable& nonces;
    Limits& limits;
    AddressMemory& addresses;
    registry::EventSink& events;
    Installation installation;
};

}  // namespace ringfence::delivery
