#include "phone/network_server.h"

namespace ringfence::phone {

Status judge_network_server(const NetworkServer& server, const crypto::ServerTrust& trust,
                            const crypto::JudgingTime& time) {
    if (server.presented.empty()) return fail(FaultCode::untrusted, "the network's server showed no certificate");
    auto policy = crypto::server_policy({trust, server.name, time, std::nullopt});
    policy.only_leaves.reset();
    policy.sent_chain_must_be_held = false;
    const std::vector<crypto::Certificate> intermediates(server.presented.begin() + 1, server.presented.end());
    auto chain = crypto::verify_chain(server.presented.front(), intermediates, trust.anchors, policy);
    if (!chain) return fail(std::move(chain.error()));
    return {};
}

}  // namespace ringfence::phone
