// What a 1200 set will do with the offers on its network, in plain sentences, and where they differ from the plan
// (reference 1.3, 1.4). Nothing of the offers is believed, and what is said of them holds no login. Pure and
// thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "network/dhcp_plan.h"
#include "protocol/dhcp_lease.h"

namespace ringfence::network {

struct DhcpAnswers {
    std::vector<protocol::DhcpLease> offers;            // to the class Nortel-SIP-Phone-A, in the order of their coming
    std::vector<protocol::DhcpLease> offers_to_others;  // to a device of another class
};

struct DhcpFinding {
    std::string sentence;
    bool is_difference = false;  // from the plan
};

struct DhcpJudgement {
    std::optional<std::size_t> winner;  // among the offers
    std::string server;                 // where the set looks for its files first; empty: nothing names it
    std::vector<DhcpFinding> findings;

    bool is_as_planned() const;
};

// What of an offer leads somewhere: to a server, or to other VLANs.
struct DhcpLead {
    std::uint8_t option = 0;
    std::string text;  // "a TFTP server: tftp://192.0.2.1/", "the VLANs 100+200"
};
std::vector<DhcpLead> find_leads(const protocol::DhcpLease& offer);

// "192.0.2.1", or "a server that does not say who it is".
std::string describe_dhcp_server(const protocol::DhcpLease& offer);

DhcpJudgement judge_dhcp(const DhcpAnswers& answers, const DhcpPlan& plan);

}  // namespace ringfence::network
