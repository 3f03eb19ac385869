// A message as it came: the body of a POST, or base64 in the URL of a GET.
#pragma once

#include <string>

#include "authority/responder.h"
#include "base/result.h"

namespace ringfence::authority {

// GET's base64 may be folded (strongSwan: each 64 characters), and a '+' may have become a blank on its way. malformed.
Result<std::string> read_message(const Query& query);

}  // namespace ringfence::authority
