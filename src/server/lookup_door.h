// The door where RADIUS servers ask (network/desk.h), by HTTP/1.1 over connections that they keep:
//   POST /network/v1/credential   before anything is proved: what they need to go on
//   POST /network/v1/admission    after that: where the device is let in
//   POST /network/v1/refusal      it was refused
//   GET  /network/v1/feed?...     what the cache beside a RADIUS server follows (network/feed.h)
// The body is a query, answers are JSON (network/query_codec.h). 200; 404 for unknown and forbidden alike; 503 when
// nobody can tell now. Bare on loopback, where the asker shows a password; else with mutual TLS, where it shows a
// certificate that our authority issued to a host.
#pragma once

#include <memory>
#include <set>

#include "base/secret.h"
#include "net/tcp_listener.h"
#include "network/desk.h"
#include "registry/event_budget.h"
#include "server/door.h"
#include "server/handshake_events.h"

namespace ringfence::server {

// The Authorization header that is asked for on the bare door (RFC 7617).
inline constexpr std::string_view lookup_user = "radius";
Secret lookup_authorization(const Secret& password);

// What stands behind the door. All outlive it.
struct LookupDoorParts {
    net::EventLoop& loop;
    network::Desk& desk;
    registry::EventSink& events;
    registry::Lookup* certificates = nullptr;  // of hosts; null: the door is bare

    const Clock& clock() const { return loop.clock(); }
};

class LookupDoor final : public Door {
public:
    LookupDoor(LookupDoorParts parts, net::Descriptor socket, std::shared_ptr<const DoorSettings> settings);
    ~LookupDoor() override;

    void change(std::shared_ptr<const DoorSettings> settings) override { settings_ = std::move(settings); }
    void drain() override;
    bool is_idle() const override { return connections_.empty(); }

    // A RADIUS server keeps as many as it has threads.
    static constexpr std::size_t max_connections = 256;
    // How often a feed that is held back is looked at: a revocation is told no later.
    static constexpr Duration feed_look = std::chrono::milliseconds(100);

private:
    class Connection;

    void accept(net::Accepted accepted);
    bool has_room();
    Status judge(std::string_view fingerprint);
    void record_stranger(const IpAddress& source);
    void warn_unanswered(const Fault& fault);
    void end(Connection& connection);

    LookupDoorParts parts_;
    std::shared_ptr<const DoorSettings> settings_;
    HandshakeEvents handshake_events_;
    registry::EventBudget strangers_;
    registry::EventBudget unanswered_;
    crypto::ClientJudge judge_;
    std::set<std::shared_ptr<Connection>> connections_;
    bool draining_ = false;
    std::unique_ptr<net::TcpListener> listener_;
};

// One that answers from the registry; parts.network_lookup is there.
std::unique_ptr<Door> make_registry_door(LoopParts& parts, net::Descriptor socket,
                                         std::shared_ptr<const DoorSettings> settings);

}  // namespace ringfence::server
