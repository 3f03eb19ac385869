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
struct Resource;

class Pipeline {
public:
    Pipeline(const Shared& shared, registry::Lookup& lookup) : shared_(shared), lookup_(lookup) {}

    Answer answer(const Request& request);
    // For a door whose askers may be forged (TFTP), once the asker answered: only then is it counted into the staging
    // window that opened the content, and a file that is fetched once becomes its own. False when the window filled up
    // meanwhile, or the file is another's: the delivery ends there, and the ticket says so.
    bool confirm(Ticket& ticket);
    void record(Ticket ticket, const Delivered& delivered);

private:
    // Whether what was granted, if it is fetched once, is this asker's. Over TFTP that is left to confirm(), unless
    // nobody gets it any more; who only asks claims nothing.
    Result<bool> may_have(const Request& request, const Resource& resource, bool may_be_forged, Ticket& ticket);
    // False when somebody else has it, or had; the ticket then says so, as an alarm where it tells of two askers.
    Result<bool> claim(Ticket& ticket);
    Status note_spent(Ticket& ticket, registry::Lookup::Claim claim);
    bool enter_window(Ticket& ticket);
    Answer unavailable(const Request& request, const Fault& fault);
    void remember(const Request& request, const Identity& identity, const Decision& decision);
    // The root file that the address took whole before it named the device, which is now thought to hold its roots.
    void note_fetched_roots(const IpAddress& source, const MacAddress& device);
    // A device's state, and the event that says so.
    void move_on(const MacAddress& mac, registry::DeviceState state, const std::string& source);
    // Into the log, the same fault once a minute: a damaged file is asked for by every phone.
    void complain(const std::string& path, const std::string& fault);

    const Shared& shared_;
    registry::Lookup& lookup_;
    std::map<std::string, SteadyTime> complaints_;  // when each fault was last logged
};

}  // namespace ringfence::delivery
