// Identifying: who asks, and how well that is proved.
#pragma once

#include <optional>
#include <string>

#include "base/mac_address.h"
#include "base/result.h"
#include "delivery/request.h"
#include "delivery/shared.h"
#include "registry/lookup.h"
#include "trust/access.h"

namespace ringfence::delivery {

// Who asks, as far as it was proved.
struct Identity {
    trust::Asker asker;
    std::optional<registry::Device> device;  // of a device's proof
    std::string site_of_login;               // of a site's login
    std::string next_login;                  // user of the device's next login, when that is what proved it
    bool stale_nonce = false;
    std::string remark;                   // for the event: why a proof that was shown does not count
    std::optional<MacAddress> attempted;  // whose proof was tried in vain, if it is anybody's
};

// `remark` as in Identity.
Identity nobody(const Request& request, std::string remark = {});

// By what the request shows; on a wire that anybody can read that proves nothing. A login that does not exist costs the
// same look-ups and hashes as one that does. Faults: those of `lookup`.
Result<Identity> identify(const Shared& shared, const Request& request, registry::Lookup& lookup);

}  // namespace ringfence::delivery
