#include "authority/signing.h"

#include <fmt/format.h>

namespace ringfence::authority {

namespace {

constexpr unsigned least_rsa_bits = 2048;
constexpr unsigned least_legacy_rsa_bits = 1024;  // the floor of the lane of old TLS

}  // namespace

std::string_view to_string(Issuer issuer) {
    switch (issuer) {
        case Issuer::rsa: return "issuing-rsa";
        case Issuer::p256: return "issuing-p256";
        case Issuer::legacy: return "issuing-legacy";
    }
    return {};
}

Status check_key(const crypto::PublicKey& key, Issuer issuer) {
    if (issuer == Issuer::p256)
        return key.is_p256() ? Status() : fail(FaultCode::forbidden, "that CA takes P-256 keys only");
    const unsigned least = issuer == Issuer::legacy ? least_legacy_rsa_bits : least_rsa_bits;
    if (key.kind() == crypto::KeyKind::rsa && key.bits() >= least) return {};
    return fail(FaultCode::forbidden,
                fmt::format("that CA takes RSA keys of {} to {} bits only", least, crypto::PublicKey::max_rsa_bits));
}

}  // namespace ringfence::authority
