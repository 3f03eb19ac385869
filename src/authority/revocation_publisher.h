// The revocation lists that are given out, kept fresh: a new one is signed when something was revoked since, and each
// day. What is published is held in memory, so that giving it out waits for nobody.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "authority/authority.h"
#include "authority/signing.h"
#include "base/clock.h"
#include "registry/registry.h"

namespace ringfence::authority {

class RevocationPublisher {
public:
    // A list is good for a week (LocalSigner::list_life): a signer that is dead for days locks nobody out.
    static constexpr Duration renewed_after = std::chrono::hours(24);

    // What is referred to outlives the publisher.
    RevocationPublisher(const Authority& authority, const Clock& clock) : authority_(authority), clock_(clock) {}

    // Looks whether lists have to be signed anew, and has that done. One thread at a time. The first Fault of a CA; the
    // others are looked after all the same.
    Status refresh(registry::Registry& registry, CertificateSigner& signer);

    // DER of the list of that name, as to_string(Issuer) gives it. Empty: there is none, or none yet. Any thread.
    std::optional<std::string> find(std::string_view name) const;

private:
    Status refresh(Issuer issuer, registry::Registry& registry, CertificateSigner& signer);
    Status renew_if_due(Issuer issuer, registry::Registry& registry, CertificateSigner& signer);
    Result<std::optional<registry::StoredRevocationList>> find_stored(Issuer issuer,
                                                                      registry::Registry& registry) const;
    void publish(Issuer issuer, std::string der);

    const Authority& authority_;
    const Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::string, std::string, std::less<>> published_;
};

}  // namespace ringfence::authority
