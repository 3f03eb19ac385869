#include "crypto/version.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

namespace ringfence::crypto {

namespace {
constexpr unsigned floor_major = 3;
constexpr unsigned floor_minor = 0;
constexpr unsigned floor_patch = 22;

}  // namespace

std::string library_version() { return OpenSSL_version(OPENSSL_VERSION); }

bool is_library_safe() {
    const unsigned major = OPENSSL_version_major();
    if (major != floor_major) return major > floor_major;
    // Later minor series number their patches anew.
    return OPENSSL_version_minor() > floor_minor || OPENSSL_version_patch() >= floor_patch;
}

std::optional<std::string> library_warning() {
    if (is_library_safe()) return std::nullopt;
    return fmt::format("{} is older than 3.0.22 and has known faults; install the security update.", library_version());
}

}  // namespace ringfence::crypto
