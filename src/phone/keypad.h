// The keys of a set's factory reset (reference 1.6): ** 73639 MAC ##, letters typed as the digit of their key. Pure.
#pragma once

#include <string>

#include "base/mac_address.h"

namespace ringfence::phone {

std::string reset_keys(const MacAddress& mac);  // "**73639002473..."

}  // namespace ringfence::phone
