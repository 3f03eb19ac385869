// Chain verification, the one place for server and phone: RFC 5280 path validation by OpenSSL in its strict form with
// certificate policies (any policy will do unless a CA asks for one), the name rules of RFC 9525 (subjectAltName only),
// and the checks that OpenSSL leaves out (reference A.10). A VerifiedChain can be made only here, so code that needs
// the proof asks for the type. Thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/revocation_list.h"
#include "crypto/strength.h"

namespace ringfence::crypto {

enum class Purpose {
    server,  // serverAuth; a certificate without extended key usage serves too
    client,  // clientAuth must stand in the certificate
    // The profile of reference 5.6: version 3, key usage digitalSignature, extended key usage codeSigning and
    // emailProtection, subject and authority key identifiers, not self-signed. RSA-1024 needs Strength::legacy.
    file_signer,
    registration,  // id-kp-cmcRA (RFC 6402 section 2.10) must stand in the certificate: it answers for a CA
};

// When to judge. A phone without a proved time passes its clock floor: what ended before it is refused, and what begins
// later is not. Without any time, dates are not judged.
struct JudgingTime {
    std::optional<WallTime> at{};
    bool is_floor = false;

    bool is_after(WallTime end) const { return at && *at > end; }
    bool is_before(WallTime begin) const { return at && !is_floor && *at < begin; }
};

struct VerifyPolicy {
    Purpose purpose = Purpose::server;
    JudgingTime time;
    std::string host;  // DNS name or address that the leaf must carry in its SAN; empty: the name is not judged
    Strength strength = Strength::modern;
    std::vector<Certificate> pinned_legacy_anchors;  // Strength::legacy: SHA-1 is borne below these only
    // Asked for each certificate below the anchor and for a leaf of `only_leaves`; true: refuse it as revoked. Empty:
    // nothing is revoked.
    std::function<bool(const Certificate&)> is_revoked{};
    // Set: each certificate below the anchor must be spoken for by one of these lists, in time, signed by its issuer or
    // by a key that the issuer certified for it (RFC 5280 section 6.3). A certificate without a list is refused.
    std::optional<std::vector<RevocationList>> revocation_lists{};
    // Reference 4.5: every CA that the peer sent must be among the anchors, byte for byte.
    bool sent_chain_must_be_held = false;
    // A trust list (reference 4.5): the leaf must be one of these, byte for byte, and then needs no chain and no
    // anchor; its dates, name, purpose, key and revocation are judged all the same. An empty list trusts nobody.
    std::optional<std::vector<Certificate>> only_leaves{};
    unsigned min_rsa_bits = 0;  // raises the strength's own floor in the whole chain (KEY_SIZE, reference 5.5)
};

// Why there is no VerifiedChain.
struct ChainRefusal {
    Fault fault;
    int x509_error = 0;                  // OpenSSL's X509_V_ERR_..., which TLS alerts are made of
    Certificate at_fault;                // the certificate that the fault is about
    std::optional<std::size_t> depth{};  // its place in the path, 0 for the leaf; empty: it does not stand there
    std::vector<Certificate> path{};     // leaf first, as far as it could be built
};

class VerifiedChain {
public:
    const Certificate& leaf() const { return certificates_.front(); }
    const Certificate& anchor() const { return certificates_.back(); }              // a leaf of a trust list is its own
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
// "revoked", "wrong purpose", "weak key", "weak signature", "broken certificate", "no common policy", "not held", "not
// in the trust list"; of a revocation list "no revocation list", "revocation list expired", "revocation list not yet
// valid", "broken revocation list". With a leaf alone whose issuer is nowhere to be seen nobody can tell the two apart:
// "unknown issuer or missing intermediate".
tl::expected<VerifiedChain, ChainRefusal> build_chain(const Certificate& leaf,
                                                      const std::vector<Certificate>& intermediates,
                                                      const std::vector<Certificate>& anchors,
                                                      const VerifyPolicy& policy);

// The same, for whoever needs the sentence only.
Result<VerifiedChain> verify_chain(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                                   const std::vector<Certificate>& anchors, const VerifyPolicy& policy);

}  // namespace ringfence::crypto
