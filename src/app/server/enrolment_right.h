// What `token add` and `cert p12` share: the right to one certificate for one device.
#pragma once

#include <cstdint>

#include "app/server/command.h"
#include "registry/registry.h"

namespace ringfence::app {

// --hours: how long it can be used.
inline constexpr std::uint64_t default_right_hours = 72;
inline constexpr std::uint64_t max_right_hours = 24 * 90;  // sets that lie in a warehouse; what is not used should end

// The device, if it may have one: it is in service, and has no certificate unless --replace was given. Faults:
// not_found, conflict.
Result<registry::Device> require_right_to_certificate(registry::Registry& registry, const Arguments& arguments);

}  // namespace ringfence::app
