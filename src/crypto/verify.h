// Chain verification: RFC 5280 path validation by OpenSSL in its strict form, the name rules of RFC 9525
// (subjectAltName only), and the checks that OpenSSL leaves out (reference A.10). A VerifiedChain can be made only
// here, so code that needs the proof asks for the type. Thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/certificate.h"

namespace ringfence::crypto {

enum class Purpose {
    server,  // serverAuth; a certificate without extended key usage serves too
    client,  // clientAuth must stand in the certificate
};

enum class Strength {
    modern,  // RSA-2048, P-256, SHA-256 or better throughout
    legacy,  // the floor of the legacy lane: RSA-1024; SHA-1 only below a pinned legacy anchor; never MD5
};

// When to judge. A phone without a proved time passes its clock floor: what ended before it is refused, and what begins
// later is not. Without any time, dates are not judged.
struct JudgingTime {
    std::optional<WallTime> at{};
    bool is_floor = false;
};

struct VerifyPolicy {
    Purpose purpose = Purpose::server;
    JudgingTime time;
    std::string host;  // DNS name or address that the leaf must carry in its SAN; empty: the name is not judged
    Strength strength = Strength::modern;
    std::vector<Certificate> pinned_legacy_anchors;  // Strength::legacy: SHA-1 is borne below these only
    // Asked for each certificate below the anchor; true: refuse it as revoked. Empty: nothing is revoked.
    std::function<bool(const Certificate&)> is_revoked{};
};

struct ChainRefusal;

class VerifiedChain {
public:
    const Certificate& leaf() const { return certificates_.front(); }
    const Certificate& anchor() const { return certificates_.back(); }
    const std::vector<Certificate>& certificates() const { return certificates_; }  // leaf first, anchor last

private:
    friend tl::expected<VerifiedChain, ChainRefusal> build_chain(const Certificate&, const std::vector<Certificate>&,
                                                                 const std::vector<Certificate>&, const VerifyPolicy&);
    explicit VerifiedChain(std::vector<Certificate> certificates) : certificates_(std::move(certificates)) {}
    std::vector<Certificate> certificates_;
};

// `intermediates` is what the peer sent beside its leaf; `anchors` is what we hold: each CA among them is trusted as it
// stands, self-signed or not. Faults: untrusted and expired (also for not yet valid), each a sentence that begins with
// what is wrong: "wrong name", "expired", "not yet valid", "unknown issuer", "missing intermediate", "self-signed",
// "revoked", "wrong purpose", "weak key", "weak signature", "broken certificate". With a leaf alone whose issuer is
// nowhere to be seen nobody can tell the two apart: "unknown issuer or missing intermediate".
Result<VerifiedChain> verify_chain(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                                   const std::vector<Certificate>& anchors, const VerifyPolicy& policy);

}  // namespace ringfence::crypto
