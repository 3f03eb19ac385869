// The pipeline: identify, authorise, resolve, render; then, after the door delivered, record. One decision for all
// doors. One Pipeline per event loop (it holds that loop's Lookup); what loops share stands in Shared.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "delivery/request.h"
#include "family/family.h"
#include "protocol/http_auth.h"
#include "registry/lookup.h"

namespace ringfence::delivery {

class Limits;         // attempts and misses, sharded, shared by all loops
class AddressMemory;  // which device an address named last, bounded, shared

// What the installation is called, from its settings file.
struct Installation {
    std::string host;     // DNS name in the server certificate
    std::string address;  // address in the server certificate; what manifests name unless a site says otherwise
    std::string realm;    // of HTTP authentication; fixed at init, since stored hashes hold it
    std::string root_file = "trust/root.pem";  // request path of the root file
};

struct Shared {
    const Clock& clock;
    const family::Family& family;
    protocol::NonceTable& nonces;
    Limits& limits;
    AddressMemory& addresses;
    registry::EventSink& events;
    Installation installation;
};

class Pipeline {
public:
    Pipeline(const Shared& shared, registry::Lookup& lookup) : shared_(shared), lookup_(lookup) {}

    Answer answer(const Request& request);
    void record(Ticket ticket, const Delivered& delivered);

private:
    const Shared& shared_;
    registry::Lookup& lookup_;
};

}  // namespace ringfence::delivery
