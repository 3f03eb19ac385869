// One path for several models: a plain request does not tell the model, and behind one address there may be sets of
// several, so a path means one content wherever it is asked for. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "registry/records.h"

namespace ringfence::delivery {

// Why `file` cannot be put for `models` ("" is every model): its path holds another content or class for another model,
// at the same site or where one of the two is for every site. Needs path, site, class and sha256 of `file`. Records of
// `models` themselves at its site are in no one's way: they are replaced.
std::optional<std::string> find_clash(const registry::Catalogue& catalogue, const registry::FileRecord& file,
                                      const std::vector<std::string>& models);

}  // namespace ringfence::delivery
