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
#include "network/admission_terms.h"
#include "registry/lookup.h"
#include "registry/network_lookup.h"
#include "server/enrolment_service.h"
#include "server/settings.h"

namespace ringfence::server {

// What anybody may ask beside files, over HTTP. The same on all loops; each part is for any thread.
struct PublicServices {
    EnrolmentService* enrolment = nullptr;  // none: nobody can enrol
    std::function<std::optional<std::string>(std::string_view name)> find_revocation_list;
};

// One loop's part of the server, as long as the loop lives.
struct LoopParts {
    net::EventLoop& loop;
    registry::Lookup& lookup;
    registry::NetworkLookup* network_lookup;  // null: no door for RADIUS servers is made
    registry::EventSink& events;
    protocol::NonceTable& nonces;
    const PublicServices& services;
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
    EnrolmentSettings enrolment;
    std::optional<delivery::LanePolicy> lane;       // of the legacy door, and of EAP under old TLS
    std::shared_ptr<crypto::TlsServerContext> tls;  // of the doors under TLS
    // Of the doors for RADIUS servers.
    network::AdmissionTerms admission_terms{};
    std::string feed_epoch{};       // of the doors for RADIUS servers (network/feed.h)
    Secret lookup_authorization{};  // what the bare one asks for
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

// How a delivery gets on, judged by what is left of it: the bytes that the client is not known to have.
class Pace {
public:
    // It is watched from the first look on, or from the beginning if that is told.
    Pace() = default;
    Pace(SteadyTime begun, std::uint64_t left) : from_(Mark{begun, left}) {}

    // For a look with what is left now: the bytes a second that it moved, when it is too slow; else empty.
    std::optional<std::uint64_t> find_too_slow(SteadyTime now, std::uint64_t left);

private:
    struct Mark {
        SteadyTime at;
        std::uint64_t left = 0;
    };
    std::optional<Mark> from_;
};

// The one rule of all doors for deliveries that hold up others: it is too slow if it moved less than
// least_bytes_per_second on the average of this time or a longer one. A full door lets go of the slowest of these, when
// it has nobody who only waits. One that keeps the pace is never cut to make room, and none while there is room.
// It is longer than what one lost TFTP block costs (8 s).
inline constexpr Duration pace_patience = std::chrono::seconds(10);

// The place of the slowest of those that are too slow, or the end. `find_too_slow` is given an element and answers as
// Pace does.
template <typename Deliveries, typename FindTooSlow>
auto find_slowest(const Deliveries& deliveries, FindTooSlow find_too_slow) {
    auto slowest = deliveries.end();
    std::uint64_t least = least_bytes_per_second;
    for (auto it = deliveries.begin(); it != deliveries.end(); ++it) {
        const std::optional<std::uint64_t> rate = find_too_slow(*it);
        if (!rate || *rate >= least) continue;
        least = *rate;
        slowest = it;
    }
    return slowest;
}

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

// Who makes room in a full door of connections: who waits longest, else the slowest delivery (`std::optional<
// std::uint64_t> find_too_slow()`, which is empty for those that only wait), or null.
template <typename Connections>
auto find_dispensable(const Connections& connections, SteadyTime now) -> typename Connections::value_type {
    if (auto longest = find_longest_waiting(connections, now)) return longest;
    const auto slowest = find_slowest(connections, [](const auto& connection) { return connection->find_too_slow(); });
    return slowest == connections.end() ? nullptr : *slowest;
}

// A door at `socket`, by its wire. `socket` listens (TFTP: is bound) on the listener's endpoint.
std::unique_ptr<Door> make_door(LoopParts& parts, net::Descriptor socket, std::shared_ptr<const DoorSettings> settings);

}  // namespace ringfence::server
