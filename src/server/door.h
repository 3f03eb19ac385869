// What the doors of one loop share, and what the server asks of each. Used on the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "crypto/tls_server.h"
#include "delivery/pipeline.h"
#include "net/event_loop.h"
#include "net/socket.h"
#include "registry/lookup.h"
#include "server/settings.h"

namespace ringfence::server {

// One loop's part of the server, as long as the loop lives.
struct LoopParts {
    net::EventLoop& loop;
    registry::Lookup& lookup;
    registry::EventSink& events;
    protocol::NonceTable& nonces;
    // A reload puts another one here, between two requests.
    std::unique_ptr<delivery::Pipeline> pipeline;

    const Clock& clock() const { return loop.clock(); }
};

// What one listener is set to; a reload puts another one in its place.
struct DoorSettings {
    ListenerSettings listener;
    std::string realm;
    DoorLimits limits;
    std::optional<PortRange> passive_ports;
    std::optional<delivery::LanePolicy> lane;       // of the legacy door
    std::shared_ptr<crypto::TlsServerContext> tls;  // of the HTTPS doors
};

class Door {
public:
    virtual ~Door() = default;
    // For what begins from now on; what runs keeps the old ones.
    virtual void change(std::shared_ptr<const DoorSettings> settings) = 0;
    // Takes nobody in any more and lets go of those who ask for nothing.
    virtual void drain() = 0;
    // Whether nothing runs any more.
    virtual bool is_idle() const = 0;
};

// How long a body of that size may take to hand over: the slowest line that a set bears moves a firmware of 4 MB within
// its ten minutes (reference 7).
inline constexpr std::uint64_t least_bytes_per_second = 4096;
Duration longest_delivery(std::uint64_t bytes);

// Whom a full door lets go first: of the connections (pointers with `std::optional<SteadyTime> waiting_since()`, which
// is empty for those that are being served) the one that waits longest, or null. Who came this moment is given the time
// to ask; nobody that this protects can hold the door, since they become the oldest.
inline constexpr Duration least_patience = std::chrono::seconds(1);
// How soon a full door looks again for somebody to let go.
inline constexpr Duration full_door_look = std::chrono::milliseconds(200);

template <typename Connections>
auto find_longest_waiting(const Connections& connections, SteadyTime now) -> typename Connections::value_type {
    typename Connections::value_type longest;
    SteadyTime since = now - least_patience;
    for (const auto& connection : connections) {
        const auto waiting = connection->waiting_since();
        if (!waiting || *waiting > since) continue;
        since = *waiting;
        longest = connection;
    }
    return longest;
}

// A door at `socket`, by its wire. `socket` listens (TFTP: is bound) on the listener's endpoint.
std::unique_ptr<Door> make_door(LoopParts& parts, net::Descriptor socket, std::shared_ptr<const DoorSettings> settings);

}  // namespace ringfence::server
