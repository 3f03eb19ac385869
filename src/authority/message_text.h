// A message as it came: the body of a POST, or base64 in the URL of a GET.
#pragma once

#include <string>

#include "authority/responder.h"
#include "base/result.h"
#include "base/secret.h"

namespace ringfence::authority {

// GET's base64 may be folded (strongSwan: each 64 characters), and a '+' may have become a blank on its way. malformed.
Result<std::string> read_message(const Query& query);

// What was shown as a token or a challenge, for the desk. What is longer than any of them is none: it reads as empty,
// which is as wrong, and does not travel.
Secret bound_token_text(Secret shown);

}  // namespace ringfence::authority
