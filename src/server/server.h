// Server: all doors on all loops, from start to drain. One thread and event loop per core, each with every door, its
// own registry connection and its own pipeline; the kernel spreads peers over them (SO_REUSEPORT).
//
// Tells systemd what it does by NOTIFY_SOCKET (sd_notify(3): READY, RELOADING, STOPPING). Signals, from start() on and
// answered by run(): SIGTERM and SIGINT drain, a second one stops at once; SIGHUP reloads.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/tls_server.h"
#include "delivery/shared.h"
#include "registry/lookup.h"
#include "registry/network_lookup.h"
#include "server/enrolment_service.h"
#include "server/settings.h"

namespace ringfence::server {

// What a lane's listeners show and believe.
struct TlsMaterial {
    std::vector<crypto::TlsIdentity> identities;      // preferred first
    std::vector<crypto::Certificate> client_anchors;  // issuing CAs of device certificates
    std::vector<crypto::Certificate> pinned_legacy_anchors;
};

struct ServerParts {
    // Its installation is replaced by what the settings say. What it refers to outlives the server and is thread-safe.
    delivery::Shared shared;
    // Called at start and at each reload, on the thread of start() and run().
    std::function<Result<ServerSettings>()> load_settings;
    // The settings that hold from now on; after each reload that succeeded, on that thread too.
    std::function<void(const ServerSettings&)> on_reloaded{};  // none: nobody asks
    std::function<Result<TlsMaterial>(crypto::TlsLane)> load_tls;
    // Called once per loop at start, on its thread.
    std::function<Result<std::unique_ptr<registry::Lookup>>()> open_lookup;
    // The same for RADIUS servers' questions. None: no door for them can be opened.
    std::function<Result<std::unique_ptr<registry::NetworkLookup>>()> open_network_lookup{};
    // At start and at each reload, where there are: 32 hex digits by chance (network/feed.h).
    std::function<std::string()> make_feed_epoch{};
    // What a RADIUS server on this machine must show. Called with load_settings.
    std::function<Result<Secret>()> load_lookup_password{};
    // None: nobody can enrol, whatever the settings say.
    std::optional<EnrolmentParts> enrolment;
    // The DER of the revocation list that is published under this name, as in /crl/<name>.crl. From any thread.
    std::function<std::optional<std::string>(std::string_view name)> find_revocation_list;
    // All doors listen; called by start() before it returns.
    std::function<void()> on_ready;
};

class Server {
public:
    explicit Server(ServerParts parts);
    ~Server();  // stops at once if it runs
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Listens on everything, or on nothing and says why. Serves when it returns.
    Status start();
    // Until the server has drained or stopped.
    void run();

    // From any thread, while run() runs; done by run().
    // Settings, certificates and keys are read anew, whole or not at all: after a Fault the old ones stay in force and
    // the log says why. Connections stay. `loops`, `families` and `workers` change only with a restart.
    void reload();
    // No new connections; what runs may finish, up to the settings' drain time.
    void drain();

    // Where it listens, with the real ports. After start().
    std::vector<ListenerSettings> listeners() const;

private:
    struct Core;
    std::unique_ptr<Core> core_;
};

}  // namespace ringfence::server
