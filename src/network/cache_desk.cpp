#include "network/cache_desk.h"

namespace ringfence::network {

Result<Standing> CacheDesk::require_standing(const Query& query, WallTime now) {
    auto standing = cache_.find_standing(query.claim.identity, now);
    if (!standing) {
        ++counts_.unanswered;
        return fail(std::move(standing.error()));
    }
    if (!*standing) return fail(FaultCode::forbidden, "no device that was let in has this identity");
    return std::move(**standing);
}

Result<Credential> CacheDesk::credential(const Query& query) {
    const WallTime now = clock_.wall_now();
    const auto standing = require_standing(query, now);
    auto found = standing ? find_credential(*standing, query.claim, now) : Result<Credential>(fail(standing.error()));
    if (!found && found.error().code == FaultCode::forbidden) ++counts_.refused;
    return found;
}

Result<Admission> CacheDesk::admit(const Query& query) {
    const WallTime now = clock_.wall_now();
    const auto standing = require_standing(query, now);
    auto admission = standing ? network::admit(*standing, query.claim, now) : Result<Admission>(fail(standing.error()));
    if (admission) ++counts_.let_in;
    return admission;
}

Result<FeedPage> CacheDesk::feed(const FeedQuestion&) { return fail(FaultCode::not_found, "a cache has no feed"); }

}  // namespace ringfence::network
