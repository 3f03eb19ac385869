// The process beside a RADIUS server: follows our server's feed into a cache, and answers as our server does where that
// does not. It needs no installation. On loopback only; RADIUS servers show the same password as at our bare door.
//
// Tells systemd what it does by NOTIFY_SOCKET. SIGTERM and SIGINT end it.
#pragma once

#include <functional>
#include <string>

#include "base/disk.h"
#include "base/random.h"
#include "base/result.h"
#include "network/feed_client.h"

namespace ringfence::server {

struct CacheSettings {
    std::string folder;             // of its file and key
    Endpoint listen;                // a loopback address
    Secret lookup_authorization{};  // that RADIUS servers show
    network::CacheLimits limits{};
    network::FeedServer server{};
};

struct CacheParts {
    const Clock& clock;
    Disk& disk;
    Random& random;
    std::function<void()> on_ready;  // it listens; what is kept is answered from then on
};

// Until a signal. Faults: unavailable (the port), and those of network::AnswerCache::open.
Status run_cache(CacheSettings settings, const CacheParts& parts);

}  // namespace ringfence::server
