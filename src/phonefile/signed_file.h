// A signed file: the original bytes, immediately followed by a detached PKCS#7 signature in PEM (reference 5.6). Where
// the two part, and no word on whether the signature holds: crypto judges that. Pure and thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ringfence::phonefile {

inline constexpr std::string_view signature_heading = "-----BEGIN PKCS7-----";

// Both views live as long as the bytes that were split.
struct SignedFile {
    std::string_view content;    // what was signed, byte for byte
    std::string_view signature;  // from its heading to the end of the file; empty: the file is unsigned

    friend bool operator==(const SignedFile&, const SignedFile&) = default;
};

// Parts the bytes before the first heading that a line end follows. The heading need not begin a line, because the
// original, a firmware image for one, need not end with a line end. content + signature == bytes, whatever the bytes
// are.
SignedFile split_signed(std::string_view bytes);

// malformed where the file would be split elsewhere: `content` holds a heading, or `signature` is not empty and does
// not begin with one. split_signed(format_signed(f)) == f.
Result<std::string> format_signed(const SignedFile& file);

}  // namespace ringfence::phonefile
