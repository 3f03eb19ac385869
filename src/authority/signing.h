// The narrow door to the issuing keys. Behind it stands a process of its own (server/signer_process.h), or the keys
// themselves (authority/local_signer.h); a hardware key could stand there too. It signs device certificates within what
// was authorised and revocation lists, and nothing else: no CA, no server, no bytes of somebody's choice.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mac_address.h"
#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/public_key.h"
#include "registry/enrolment.h"

namespace ringfence::authority {

// The CAs that issue.
enum class Issuer { rsa, p256, legacy };
std::string_view to_string(Issuer issuer);  // "issuing-rsa", "issuing-p256", "issuing-legacy"

// Whether that CA certifies such a key: RSA of 2048 to 4096 bits, P-256, or RSA of 1024 to 4096 bits. Fault forbidden.
Status check_key(const crypto::PublicKey& key, Issuer issuer);

// What was authorised: the whole of what a device's certificate says, taken from the inventory. Whoever asks for a
// certificate has no say in it but for the key.
struct Bounds {
    MacAddress device;
    std::string serial;              // of the device; empty: none
    std::vector<std::string> names;  // DNS names
    Issuer issuer = Issuer::rsa;
    WallTime not_after{};  // at the latest
    friend bool operator==(const Bounds&, const Bounds&) = default;
};

struct SigningOrder {
    Bounds bounds;
    std::string public_key;  // DER of the SubjectPublicKeyInfo
};

// Thread-safety is each implementation's own.
class CertificateSigner {
public:
    virtual ~CertificateSigner() = default;

    // Recorded in the registry before it is handed out, so that no certificate exists that cannot be revoked. Faults:
    // forbidden (the device is unknown or retired; a key or bounds that this signer does not take), rate_limited,
    // unavailable.
    virtual Result<crypto::Certificate> sign_device(const SigningOrder& order) = 0;

    // A new list of that CA's certificates that were revoked, stored in the registry as the latest. It is read there,
    // since it may be longer than an answer.
    virtual Status sign_revocation_list(Issuer issuer) = 0;
};

}  // namespace ringfence::authority
