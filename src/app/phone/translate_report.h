// What `translate baresip` prints: how many accounts, what was refused, what is not quite the same, what has no
// counterpart. No values of settings that the catalogue does not know, and no secrets.
#pragma once

#include <string>

#include "phone/baresip_configuration.h"

namespace ringfence::app {

std::string translation_text(const phone::BaresipConfiguration& made, const std::string& folder);
std::string translation_json(const phone::BaresipConfiguration& made, const std::string& folder);  // no line end

}  // namespace ringfence::app
