#include "authority/signing.h"

namespace ringfence::authority {

std::string_view to_string(Issuer issuer) {
    switch (issuer) {
        case Issuer::rsa: return "issuing-rsa";
        case Issuer::p256: return "issuing-p256";
        case Issuer::legacy: return "issuing-legacy";
    }
    return {};
}

}  // namespace ringfence::authority
