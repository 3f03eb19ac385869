// The signer where the keys are: behind the socket of the signer's process, or in a command's own process. It believes
// nobody: what a certificate says is compared with the inventory once more, and its own limits hold whatever was
// authorised. One thread at a time.
#pragma once

#include <cstddef>
#include <set>

#include "authority/authority.h"
#include "authority/signing.h"
#include "base/clock.h"
#include "base/random.h"
#include "registry/registry.h"

namespace ringfence::authority {

class LocalSigner final : public CertificateSigner {
public:
    // What is referred to outlives the signer. `authority` holds KeySet::signer or KeySet::all.
    LocalSigner(const Authority& authority, registry::Registry& registry, Random& random, const Clock& clock,
                ServiceUrls urls);

    Result<crypto::Certificate> sign_device(const SigningOrder& order) override;
    Status sign_revocation_list(Issuer issuer) override;

    // A whole fleet enrols at once, and then hardly anybody: who took over a neighbouring process gets so many an hour.
    static constexpr std::uint32_t burst = 20'000;
    static constexpr Duration refill = std::chrono::milliseconds(20);  // one more each
    // A list says when the next one stands. A dead job must not lock phones out at once, so there are days to notice.
    static constexpr Duration list_life = std::chrono::hours(24 * 7);

private:
    Status take_token();
    Status check_device(const Bounds& bounds);

    const Authority& authority_;
    registry::Registry& registry_;
    Random& random_;
    const Clock& clock_;
    ServiceUrls urls_;
    std::set<std::string> own_keys_;  // DER: what nobody else may have certified
    double tokens_ = burst;
    SteadyTime refilled_;
};

}  // namespace ringfence::authority
