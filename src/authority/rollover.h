// The change from one generation of CAs to the next, so that no set is locked out:
//   prepare   a new root and issuing CAs below it; nothing is issued by them yet. The root may be kept elsewhere: then
//             requests go there, and install() takes what comes back.
//   announce  root.pem holds the new CAs beside the present ones, signed by the present file signer: a set that holds
//             the present root accepts it silently (reference 5.2)
//   switch    the new CAs issue, and root.pem holds them alone. Certificates of sets that the old ones issued stay good
//             until they end.
// root.pem decides which generation counts; it is replaced by one rename, so a crash at any instant leaves the whole
// old or the whole new one, and what was begun is simply done again. The old root's key is not needed: that it is lost
// is one reason for all this.
//
// The bytes that are signed, and by whom, are the caller's: announcement() and root_content() are what to sign. One
// thread at a time; a running server takes a new generation when it starts again.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/disk.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/certificate.h"
#include "registry/registry.h"

namespace ringfence::authority {

class Rollover {
public:
    enum class Stage {
        none,
        waits_for_root,  // requests are made, and install() was not done
        announced,
    };

    // Faults: those of Authority::open(). What is referred to outlives it.
    static Result<std::unique_ptr<Rollover>> open(const std::string& directory, Disk& disk, Random& random,
                                                  const Clock& clock);
    ~Rollover();

    Stage stage() const;
    const crypto::Certificate& present_root() const;
    // Of the generation that is announced, or was just prepared or installed.
    const crypto::Certificate& next_root() const;

    // conflict unless the stage is none.
    Status prepare();
    // The requests' path; again answers the same ones. conflict unless the stage is none or waits_for_root.
    Result<std::string> prepare_for_offline_root();
    // conflict unless the stage is waits_for_root, or when the root is the present one; untrusted.
    Status install(std::string_view certificates);

    std::string announcement() const;
    Status announce(std::string_view signed_announcement);

    std::string root_content() const;
    // Makes and records everything below the next generation's issuing CAs, and switches. conflict unless the stage is
    // announced; untrusted when sets would refuse the new server certificates.
    Status switch_over(std::string_view signed_root, registry::Registry& registry);

    // Back to root.pem as it was before announce(), and the next generation's keys are removed. conflict when there is
    // nothing to end.
    Status abandon();

private:
    struct Parts;
    explicit Rollover(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

}  // namespace ringfence::authority
