// Hands our agents their logins: a device that its certificate proved over HTTPS gets a new random one, which becomes
// its login when it is first used. That closes the manual's "no secure no-touch" way of a login onto a phone. Only who
// asks gets one, and a login that is typed on a set's keypad is never replaced.
//
// What the device says of the roots that it holds is noted for the planner of rollovers. Runs on the threads of the
// enrolment service: no registrar learns a password.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "authority/responder.h"
#include "base/clock.h"
#include "base/mac_address.h"
#include "registry/lookup.h"
#include "registry/registry.h"

namespace ringfence::app {

// Thread-safe. Each request that is answered has a look into the registry of its own, since each waits for the disk.
class LoginService {
public:
    // A device that asks again earlier is told to wait: each answer costs a write to the register.
    static constexpr Duration spacing = std::chrono::minutes(1);

    struct Parts {
        std::function<Result<std::unique_ptr<registry::Registry>>()> open_registry;  // any thread
        registry::EventSink& events;                                                 // outlives the service
        const Clock& clock;                                                          // the same
        std::string realm;
    };
    explicit LoginService(Parts parts) : parts_(std::move(parts)) {}

    authority::Reply answer(const authority::Query& query);

private:
    using RegistryOwner = std::unique_ptr<registry::Registry>;

    authority::Reply answer_with(registry::Registry& registry, const authority::Query& query);
    authority::Reply hand_out(registry::Registry& registry, const MacAddress& mac, std::string_view source);
    Result<RegistryOwner> borrow_registry();
    void give_back(RegistryOwner registry);
    bool take_turn(const MacAddress& mac);
    void forget_turn(const MacAddress& mac);

    const Parts parts_;
    std::mutex mutex_;                         // of what follows
    std::vector<RegistryOwner> idle_;          // as many as requests were answered side by side
    std::map<MacAddress, SteadyTime> latest_;  // within `spacing`, at most one for each device
};

}  // namespace ringfence::app
