#include "authority/revocation_publisher.h"

#include <utility>

#include "crypto/revocation_list.h"

namespace ringfence::authority {

namespace {

// Whether something was revoked since that list was made. Told by the count, since a revocation may be written after
// its own time: what the registry holds as of the list's time only ever becomes more.
Result<bool> is_outdated(registry::Registry& registry, const registry::StoredRevocationList& stored) {
    const auto list = crypto::RevocationList::parse_published_der(stored.der);
    if (!list) return true;
    std::size_t revoked = 0;
    const auto listed = registry.list_revoked(stored.issuer, stored.made, [&](const registry::CertificateRecord&) {
        ++revoked;
        return true;
    });
    if (!listed) return fail(listed.error());
    return revoked != list->size();
}

}  // namespace

Status RevocationPublisher::refresh(registry::Registry& registry, CertificateSigner& signer) {
    Status first;
    for (const Issuer issuer : {Issuer::rsa, Issuer::p256, Issuer::legacy}) {
        auto refreshed = refresh(issuer, registry, signer);
        if (!refreshed && first) first = std::move(refreshed);
    }
    return first;
}

// What there is is published, also when it could not be renewed.
Status RevocationPublisher::refresh(Issuer issuer, registry::Registry& registry, CertificateSigner& signer) {
    auto renewed = renew_if_due(issuer, registry, signer);
    auto stored = find_stored(issuer, registry);
    if (!stored) return fail(std::move(stored).error());
    if (*stored) publish(issuer, std::move((*stored)->der));
    return renewed;
}

Status RevocationPublisher::renew_if_due(Issuer issuer, registry::Registry& registry, CertificateSigner& signer) {
    const auto stored = find_stored(issuer, registry);
    if (!stored) return fail(stored.error());
    if (!*stored) return signer.sign_revocation_list(issuer);
    const Duration age = clock_.wall_now() - (*stored)->made;
    if (age < Duration::zero() || age >= renewed_after) return signer.sign_revocation_list(issuer);
    const auto outdated = is_outdated(registry, **stored);
    if (!outdated) return fail(outdated.error());
    return *outdated ? signer.sign_revocation_list(issuer) : Status();
}

Result<std::optional<registry::StoredRevocationList>> RevocationPublisher::find_stored(
    Issuer issuer, registry::Registry& registry) const {
    return registry.find_revocation_list(authority_.issuing(issuer).fingerprint_sha256());
}

void RevocationPublisher::publish(Issuer issuer, std::string der) {
    const std::lock_guard lock(mutex_);
    published_.insert_or_assign(std::string(to_string(issuer)), std::move(der));
}

std::optional<std::string> RevocationPublisher::find(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    const auto found = published_.find(name);
    if (found == published_.end()) return std::nullopt;
    return found->second;
}

}  // namespace ringfence::authority
