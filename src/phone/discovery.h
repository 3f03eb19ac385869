// Where a phone finds its provisioning server and the other parameters, before it fetches anything (reference 1.2 steps
// 3 to 6, 1.4). DHCP and LLDP are hints: they say where to look, and what comes from there is judged by the same rules
// as from anywhere. One rule is added, because nothing shall fall back to a weaker wire by itself (docs/TRUST.md): once
// a server that was found automatically has served this phone over HTTPS, another that is found automatically and
// speaks TFTP, FTP or HTTP does not take its place. A manual entry does, and so does a reset. Pure and thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/mac_address.h"
#include "base/url.h"
#include "phone/parameters.h"
#include "phone/settings_store.h"
#include "protocol/dhcp_lease.h"

namespace ringfence::phone {

struct Surroundings {
    std::optional<MacAddress> mac;             // names the phone, where nobody else does
    std::optional<protocol::DhcpLease> lease;  // what DHCP gave, if it was asked
    std::vector<ParameterOffer> lldp;          // what the switch gave
};

struct Discovery {
    ParameterValues values;
    std::optional<Url> server;           // with its login; empty: none is known
    std::vector<std::string> notes;      // for the report, without secrets
    std::vector<ParameterOffer> offers;  // what came now, for remember_discovery()
};

Discovery discover(const ParameterMemory& memory, const EffectiveSettings& settings, const Surroundings& surroundings);

// After the boot. `has_served`: the manifest came from the server; only then is an automatic server remembered, so that
// one that could not prove itself binds nobody.
ParameterMemory remember_discovery(const ParameterMemory& memory, const Discovery& discovery, bool has_served);

}  // namespace ringfence::phone
