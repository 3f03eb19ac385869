// How an enrolment token is written, so that a person can carry it: on paper, in a file, typed on a set. Two forms:
//
//   token      RRRRRRRR-SSSSSSSSSSSSSSSSSSSSSSSSSS-C   Crockford's base32 with his check symbol (modulo 37)
//   challenge  RRRRRRRRSSSSSSSS                        digits
//
// R is the reference, which names the token and proves nothing; S is the secret. Reading does not mind case, blanks and
// dashes, nor O for 0 and I or L for 1 in a token. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"

namespace ringfence {

struct TokenText {
    std::string reference;
    Secret secret;
    friend bool operator==(const TokenText&, const TokenText&) = default;
};

inline constexpr std::size_t token_reference_size = 8;  // 40 bits: two of a million tokens meet once in a million
inline constexpr std::size_t token_secret_size = 26;    // 130 bits: CMP shows an eavesdropper a hash of it
inline constexpr std::size_t challenge_reference_size = 8;
inline constexpr std::size_t challenge_secret_size = 8;
inline constexpr std::size_t max_token_text = 64;  // with blanks and dashes

TokenText make_token(Random& random);
TokenText make_challenge(Random& random);

// The form follows from the reference and the secret.
Secret format_token_text(const TokenText& token);
// malformed: neither form, or a check symbol that does not fit.
Result<TokenText> parse_token_text(std::string_view text);

}  // namespace ringfence
