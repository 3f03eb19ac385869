// What a set reads into a section beyond what stands there, in sentences for `boot --explain` (reference 2.3). Pure.
#pragma once

#include <string>
#include <vector>

#include "phonefile/manifest.h"

namespace ringfence::phone {

// The defaults that stand in for what the section does not say. No secrets.
std::vector<std::string> default_facts(const phonefile::Section& section);

}  // namespace ringfence::phone
