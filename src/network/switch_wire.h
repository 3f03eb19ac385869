// Requests to switches, each until it is answered or given up (RFC 5176 over UDP; retransmission as RFC 5080 section
// 2.2.1 has it). One object is one thread's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "net/socket.h"
#include "network/port_change.h"

namespace ringfence::network {

enum class ChangeAnswer {
    done,
    refused,
    silent,  // or answered without knowing the secret, or not reachable
};

struct ChangeEnd {
    ChangeOrder order;
    ChangeAnswer answer = ChangeAnswer::silent;
    std::optional<std::uint32_t> cause{};  // of `refused`, if the switch told one
    SteadyTime begun{};                    // when it was first asked
};

class SwitchWire {
public:
    // At once, all switches together; below 256, so that each has an identifier of its own.
    static constexpr std::size_t max_in_flight = 64;
    // A tenth more or less each time, so that what was lost together is not repeated together.
    static constexpr Duration first_wait{1'000};
    static constexpr int max_sends = 4;  // given up after 15 s, when a switch has nothing to say

    // `clock` and `random` outlive it. Faults: unavailable.
    static Result<SwitchWire> open(const Clock& clock, Random& random);

    bool has_room() const { return in_flight_.size() < max_in_flight; }
    bool is_idle() const { return in_flight_.empty(); }
    std::size_t in_flight_to(const IpAddress& address) const;

    // has_room() must hold. Sends at once.
    void begin(ChangeOrder order);
    // Waits for answers, at most so long, sends again what is due, and tells what ended.
    std::vector<ChangeEnd> wait(Duration longest);

private:
    struct Exchange {
        ChangeOrder order;
        net::SocketAddress peer{};
        std::string request{};
        int sends = 0;
        Duration wait{};
        SteadyTime begun{};
        SteadyTime due{};  // again, or given up
    };

    SwitchWire(const Clock& clock, Random& random) : clock_(&clock), random_(&random) {}
    std::uint8_t free_identifier();
    void send(Exchange& exchange);
    Duration shaken(Duration wait);
    void poll_sockets(Duration longest);
    void receive(const net::Descriptor& socket, std::vector<ChangeEnd>& ends);
    void take(std::string_view bytes, const net::SocketAddress& peer, std::vector<ChangeEnd>& ends);
    void send_due(std::vector<ChangeEnd>& ends);

    const Clock* clock_;
    Random* random_;
    net::Descriptor v4_;
    net::Descriptor v6_;  // invalid: this machine has no IPv6
    std::map<std::uint8_t, Exchange> in_flight_;
};

}  // namespace ringfence::network
