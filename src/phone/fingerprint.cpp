#include "phone/fingerprint.h"

#include "base/text.h"
#include "crypto/hash.h"

namespace ringfence::phone {

namespace {

constexpr std::size_t sha1_digits = 40;
constexpr std::size_t sha256_digits = 64;

}  // namespace

Fingerprints fingerprints_of(std::string_view file) {
    return {to_hex(crypto::sha1(file)), to_hex(crypto::sha256(file))};
}

std::string in_pairs(std::string_view hex) {
    std::string out;
    for (std::size_t i = 0; i < hex.size(); ++i) {
        if (i > 0 && i % 2 == 0) out += ':';
        out += to_upper(hex[i]);
    }
    return out;
}

Result<ExpectedFingerprint> ExpectedFingerprint::parse(std::string_view text) {
    std::string hex;
    for (const char c : text) {
        if (c == ':' || is_ascii_space(c)) continue;
        if (!is_hex_digit(c)) return fail(FaultCode::malformed, "a fingerprint has nothing but hex digits and colons");
        hex += to_lower(c);
        if (hex.size() > sha256_digits) break;
    }
    if (hex.size() != sha1_digits && hex.size() != sha256_digits)
        return fail(FaultCode::malformed, "a fingerprint has 40 hex digits (SHA-1) or 64 (SHA-256)");
    return ExpectedFingerprint(std::move(hex));
}

bool ExpectedFingerprint::matches(const Fingerprints& file) const {
    return hex_ == (hex_.size() == sha1_digits ? file.sha1 : file.sha256);
}

}  // namespace ringfence::phone
