// The root where it may stay off every network: a folder with root.key (mode 0600) and root.pem, made and used on
// another machine. Files go to and fro: requests for issuing CAs come in (Authority::prepare,
// Rollover::prepare_for_offline_root), a bundle of certificates goes out. It signs issuing CAs of ours only: three of
// them, of the names and keys that our own plan has, and everything else that a certificate says comes from that plan
// and never from the request.
//
// One thread at a time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/disk.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/certificate_builder.h"

namespace ringfence::authority {

class OfflineRoot {
public:
    // A new key and certificate in `directory`, which is made. `name` stands in the root's subject as its organization.
    // Faults: conflict (there is a root already), malformed (the name), those of `disk`.
    static Result<OfflineRoot> create(const std::string& directory, const std::string& name, Disk& disk,
                                      Random& random);
    // Faults: not_found, corrupt (key and certificate are damaged or do not fit).
    static Result<OfflineRoot> open(const std::string& directory, Disk& disk);

    const crypto::Certificate& certificate() const { return root_.certificate; }

    // The issuing CAs that answer these requests (PEM), not before a person has seen what they are. Faults: malformed,
    // unauthenticated, forbidden (a request that is not for an issuing CA of ours), each with a sentence.
    Result<std::vector<crypto::Certificate>> sign(std::string_view requests, Random& random, WallTime now) const;

private:
    explicit OfflineRoot(crypto::Signer root) : root_(std::move(root)) {}
    crypto::Signer root_;
};

}  // namespace ringfence::authority
