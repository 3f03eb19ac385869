// The server that lets the phone into the network (802.1X) is met before any time server can be asked. While the
// phone's clock is not believed (phone/phone_clock.h), the supplicant checks all of that server's certificate but its
// dates; what it was shown is judged here once the time is known. Pure and thread-safe.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/tls_client.h"
#include "crypto/verify.h"

namespace ringfence::phone {

struct NetworkServer {
    std::vector<crypto::Certificate> presented;  // leaf first, as the server sent it
    std::string name;                            // that its SAN must hold; empty: none is known
};

// In full: chain, dates, purpose, name, key and revocation, with the trust store's server_trust(). Not asked are the
// trust list, which names provisioning and SIP servers, and which CAs of the chain are held. Faults: untrusted, also
// where nothing was presented; expired. From a network that fails here the phone logs off.
Status judge_network_server(const NetworkServer& server, const crypto::ServerTrust& trust,
                            const crypto::JudgingTime& time);

}  // namespace ringfence::phone
