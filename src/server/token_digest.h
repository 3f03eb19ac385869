// An enrolment token proved by HTTP Digest (RFC 7616), as EST lets a client do instead of showing it by Basic: the user
// is the token's reference, the password its secret. For the thread that may ask the desk, not for an event loop.
#pragma once

#include <string>
#include <string_view>

#include "authority/enrolment_desk.h"
#include "base/clock.h"
#include "base/result.h"
#include "protocol/http_auth.h"

namespace ringfence::server {

// What was shown, and what it must have been made for.
struct TokenDigest {
    protocol::DigestLogin login;
    std::string method;
    std::string path;  // as protocol::DigestedRequest has it
    std::string realm;
    std::string source;  // address
};

// The reference of the token, which becomes Query::proved_token. Thread-safe as far as the desk is. Faults:
// unauthenticated (the desk is told), expired (right, but its nonce is not fresh: challenge with `stale`), and those of
// EnrolmentDesk::secret_of.
Result<std::string> prove_token(authority::EnrolmentDesk& desk, protocol::NonceTable& nonces, const TokenDigest& digest,
                                SteadyTime now);

}  // namespace ringfence::server
