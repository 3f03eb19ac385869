// Hands our agents their logins: a device that its certificate proved over HTTPS gets a new random one, which becomes
// its login when it is first used. That closes the manual's "no secure no-touch" way of a login onto a phone. Only who
// asks gets one, and a login that is typed on a set's keypad is never replaced.
//
// What the device says of the roots that it holds is noted for the planner of rollovers. Runs on the threads of the
// enrolment service: no registrar learns a password.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "authority/responder.h"
#include "base/clock.h"
#include "base/mac_address.h"
#include "base/random.h"
#include "registry/lookup.h"
#include "registry/registry.h"

namespace ringfence::app {

// Thread-safe: one request at a time, since each waits for the disk.
class LoginService {
public:
    // A device that asks again earlier is told to wait: each answer costs a write to the register.
    static constexpr Duration spacing = std::chrono::minutes(1);

    struct Parts {
        std::unique_ptr<registry::Registry> registry;
        registry::EventSink& events;  // outlives the service
        const Clock& clock;           // the same
        std::string realm;
    };
    explicit LoginService(Parts parts) : parts_(std::move(parts)) {}

    authority::Reply answer(const authority::Query& query);

private:
    Result<std::optional<registry::Device>> find_device(std::string_view fingerprint);
    bool may_have(const MacAddress& mac);
    authority::Reply hand_out(const registry::Device& device, const authority::Query& query);
    void note_anchors(const registry::Device& device, std::string_view body);

    Parts parts_;
    std::mutex mutex_;
    SystemRandom random_;
    std::map<MacAddress, SteadyTime> latest_;  // within `spacing`, at most one for each device
};

}  // namespace ringfence::app
