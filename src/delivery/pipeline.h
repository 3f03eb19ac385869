// The pipeline: identify, authorise, resolve, render; then, after the door delivered, record. One decision for all
// doors. One Pipeline per event loop (it holds that loop's Lookup); what loops share stands in Shared.
#pragma once

#include <map>
#include <string>

#include "base/clock.h"
#include "delivery/request.h"
#include "delivery/shared.h"
#include "registry/lookup.h"

namespace ringfence::delivery {

struct Decision;
struct Identity;

class Pipeline {
public:
    Pipeline(const Shared& shared, registry::Lookup& lookup) : shared_(shared), lookup_(lookup) {}

    Answer answer(const Request& request);
    // For a door whose askers may be forged (TFTP), once the asker answered: only then is it counted into the staging
    // window that opened the content. False when the window filled up meanwhile: the delivery ends there, and the
    // ticket says so.
    bool confirm(Ticket& ticket);
    void record(Ticket ticket, const Delivered& delivered);

private:
    Answer unavailable(const Request& request, const Fault& fault);
    void remember(const Request& request, const Identity& identity, const Decision& decision);
    // A device's state, and the event that says so.
    void move_on(const MacAddress& mac, registry::DeviceState state, const std::string& source);
    // Into the log, the same fault once a minute: a damaged file is asked for by every phone.
    void complain(const std::string& path, const std::string& fault);

    const Shared& shared_;
    registry::Lookup& lookup_;
    std::map<std::string, SteadyTime> complaints_;  // when each fault was last logged
};

}  // namespace ringfence::delivery
