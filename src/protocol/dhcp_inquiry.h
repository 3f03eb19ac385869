// One question to the DHCP servers on the wire and what they answer. A session without I/O: IP packets and time in, IP
// packets and a deadline out (net::converse() drives it). It never sends a REQUEST, so nobody's lease changes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/mac_address.h"
#include "protocol/dhcp_lease.h"

namespace ringfence::protocol {

// A rogue on the wire could offer without end.
inline constexpr std::size_t max_dhcp_answers = 16;

struct DhcpPatience {
    Duration for_the_first{};               // how long the first answer is waited for
    Duration after_the_first{};             // and how long further ones then
    std::size_t enough = max_dhcp_answers;  // answers after which nothing more is waited for
};

class DhcpInquiry {
public:
    // DISCOVER as `request` says; the answers are OFFERs (RFC 2131 section 4.4.1).
    static DhcpInquiry discover(const DhcpRequest& request, const MacAddress& mac, std::uint32_t transaction);
    // INFORM from the host that has this lease; the answers are ACKs (RFC 2131 section 4.4.3), of the lease's server
    // alone if it is known which that was. The lease holds an address.
    static DhcpInquiry inform(const DhcpRequest& request, const MacAddress& mac, const DhcpLease& lease,
                              std::uint32_t transaction);

    void start(SteadyTime now, const DhcpPatience& patience);
    // The question when it is time for it: at first, and again while nobody has answered.
    std::optional<std::string> take_question(SteadyTime now);
    // Of one server the first answer counts; what is no answer to this question is passed over.
    void take(std::string_view packet, SteadyTime now);
    bool is_over(SteadyTime now) const;
    // When to look again.
    SteadyTime deadline() const;

    // In the order in which they came.
    const std::vector<DhcpLease>& answers() const { return answers_; }

private:
    DhcpInquiry(DhcpPacket question, DhcpMessage awaited) : question_(std::move(question)), awaited_(awaited) {}
    SteadyTime end() const;

    DhcpPacket question_;
    DhcpMessage awaited_;
    std::optional<IpAddress> server_;  // whose answers count; empty: everybody's
    DhcpPatience patience_;
    SteadyTime started_{};
    SteadyTime next_question_{};
    Duration spacing_{};
    std::optional<SteadyTime> first_answer_;
    std::vector<DhcpLease> answers_;
};

}  // namespace ringfence::protocol
