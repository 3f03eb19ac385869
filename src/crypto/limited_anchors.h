// Trust anchors that hold for a few servers only: for TLS clients that check a chain but not the server's name. Each CA
// is signed again, by a CA made for this whose key is thrown away, with name constraints (RFC 5280 section 4.2.1.10)
// that permit the given hosts. What such a client then takes is a certificate below one of the CAs whose every DNS name
// and address is one of these hosts or a name below one of them. A certificate that carries no name at all passes.
// Thread-safe as far as `random` is.
#pragma once

#include <string>
#include <vector>

#include "base/ip_address.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/certificate.h"

namespace ringfence::crypto {

struct PermittedHosts {
    std::vector<std::string> dns_names;
    std::vector<IpAddress> addresses;  // none: no certificate that carries an address is taken
};

// The CA made for this first, then each CA of `anchors` as signed by it; their dates are those of the anchors. What is
// no CA is left out. Faults: malformed (no host, or a name that is none), untrusted (no CA among the anchors), conflict
// (a CA with name constraints of its own, which would be lost).
Result<std::vector<Certificate>> limit_anchors(const std::vector<Certificate>& anchors, const PermittedHosts& hosts,
                                               Random& random);

}  // namespace ringfence::crypto
