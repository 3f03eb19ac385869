// How `show --effective` prints the settings. Secrets are masked, and what the family does not know is masked too, name
// and value, unless asked for: it may be the rest of a wrapped password.
#pragma once

#include <string>
#include <vector>

#include "phone/effective_configuration.h"

namespace ringfence::app {

enum class UnknownSettings { masked, shown };

// One line each, ended; and one JSON object without a line end.
std::string effective_text(const std::vector<phone::EffectiveEntry>& entries, UnknownSettings unknown);
std::string effective_json(const std::vector<phone::EffectiveEntry>& entries, UnknownSettings unknown);

}  // namespace ringfence::app
