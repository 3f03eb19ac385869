// How a DHCP client speaks and hears before it has an address: a packet socket on one interface (packet(7)), beside
// whatever other client the machine runs. Needs CAP_NET_RAW. One thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/mac_address.h"
#include "base/result.h"
#include "net/descriptor.h"

namespace ringfence::net {

// Interfaces of Ethernet that are up, by name.
Result<std::vector<std::string>> list_wired_interfaces();

class DhcpSocket {
public:
    // Faults: not_found (no such interface, or none of Ethernet), unavailable with the system's words.
    static Result<DhcpSocket> open(const std::string& interface);

    const MacAddress& hardware() const { return hardware_; }

    // An IP packet to everybody on the wire.
    Status broadcast(std::string_view packet) const;
    // The next IP packet that carries UDP to the DHCP client's port, whatever address it is for; empty: none came until
    // then. At most an Ethernet frame of it.
    std::optional<std::string> receive(const Clock& clock, SteadyTime until) const;

private:
    DhcpSocket(Descriptor descriptor, int interface, const MacAddress& hardware)
        : descriptor_(std::move(descriptor)), interface_(interface), hardware_(hardware) {}

    Descriptor descriptor_;
    int interface_;
    MacAddress hardware_;
};

// Runs a session such as protocol::DhcpInquiry to its end.
template <typename Session>
Status converse(const DhcpSocket& socket, const Clock& clock, Session& session) {
    while (!session.is_over(clock.steady_now())) {
        if (const auto question = session.take_question(clock.steady_now()))
            if (auto sent = socket.broadcast(*question); !sent) return sent;
        if (const auto packet = socket.receive(clock, session.deadline())) session.take(*packet, clock.steady_now());
    }
    return {};
}

}  // namespace ringfence::net
