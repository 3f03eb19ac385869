// The thread of `serve` that keeps ports in line with what the devices at them may do (network/port_keeper.h).
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "app/server/context.h"
#include "network/port_keeper.h"
#include "network/switch_wire.h"

namespace ringfence::app {

class PortChangeService {
public:
    // How long a change may stand in the registry before it is seen.
    static constexpr Duration look_every{100};

    // `context` and `events` outlive the service. Faults: those of the registry, unavailable.
    static Result<std::unique_ptr<PortChangeService>> start(Context& context, registry::EventSink& events,
                                                            network::PortPolicy policy);
    ~PortChangeService();
    PortChangeService(const PortChangeService&) = delete;
    PortChangeService& operator=(const PortChangeService&) = delete;

    void follow(network::PortPolicy policy);  // from now on; any thread

private:
    PortChangeService(Context& context, registry::EventSink& events, network::PortPolicy policy,
                      std::unique_ptr<registry::Registry> registry, network::SwitchWire wire);
    void take_news();
    void run();

    std::unique_ptr<registry::Registry> registry_;
    network::SwitchWire wire_;
    network::PortKeeper keeper_;
    std::atomic<bool> is_ending_ = false;
    std::mutex mutex_;  // guards what follows
    std::optional<network::PortPolicy> news_{};
    std::thread thread_;
};

}  // namespace ringfence::app
