// Fingerprints of a file, as the set's dialog shows them: SHA-1 over the file's bytes, SHA-256 beside it
// (reference 5.3).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ringfence::phone {

struct Fingerprints {
    std::string sha1;    // 40 lower-case hex digits
    std::string sha256;  // 64
};
Fingerprints fingerprints_of(std::string_view file);

// In pairs parted by colons, upper case, as people compare them: "AB:CD:...".
std::string in_pairs(std::string_view hex);

// What an administrator expects: SHA-1 or SHA-256, told apart by length.
class ExpectedFingerprint {
public:
    // Hex digits in either case; colons and white space are ignored. malformed unless 40 or 64 digits are left.
    static Result<ExpectedFingerprint> parse(std::string_view text);
    bool matches(const Fingerprints& file) const;

private:
    explicit ExpectedFingerprint(std::string hex) : hex_(std::move(hex)) {}
    std::string hex_;
};

}  // namespace ringfence::phone
