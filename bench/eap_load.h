// Phones that log in by EAP-MD5 (RFC 3748 section 5.4) at a RADIUS server on loopback, as a switch passes it on. Every
// answer is proved by the switch's secret; a refusal ends the program, since a server that refuses quickly would look
// fast.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/secret.h"
#include "load.h"

namespace ringfence::bench {

struct EapUser {
    std::string identity;
    std::string password;
    std::string hardware;    // Calling-Station-Id
    std::uint32_t port = 0;  // NAS-Port: each phone stays where it is, else every login would be news
};

struct EapLoad {
    std::uint16_t port = 0;
    Secret secret{};
    unsigned outstanding = 1;      // logins at once
    std::uint64_t operations = 0;  // logins in all; users take turns
};

struct EapFigures {
    double seconds = 0;
    double p50_ms = 0;  // of one login, from its first packet to Access-Accept
    double p99_ms = 0;
    std::uint64_t repeated = 0;  // packets that had to be sent again
};

// On the calling thread. `users` are more than `outstanding`, so that nobody logs in twice at once. Throws LoadFailed.
EapFigures run_eap(const EapLoad& load, const std::vector<EapUser>& users);

}  // namespace ringfence::bench
