// Keeps the phone's 802.1X port in a thread of its own, while the phone boots or rests: follows the cable, has a
// wpa_supplicant, logs in, and notes in the flash's folder how the port stands. What the flash itself has to learn, and
// what is to be said, waits for the caller. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/phone/port_plan.h"
#include "base/result.h"
#include "phone/event_log.h"
#include "phone/port_login.h"

namespace ringfence::app {

struct PortKeeperSettings {
    std::string interface;
    std::string supplicant;       // control socket of one that runs already; empty: start one
    std::string folder;           // the flash's, which exists
    bool may_assume_open = true;  // the port, if the link was not down since the last login
    int wake = -1;                // gets a byte when there is news; outlives the keeper
};

// How the port stands, and what happened since it was asked before.
struct PortNews {
    phone::PortState state = phone::PortState::no_link;
    std::string reason;
    std::string display;  // what a set shows; empty: nothing
    bool has_network = false;
    unsigned openings = 0;                  // how often the network came
    std::vector<std::string> server_chain;  // what the RADIUS server showed, its own certificate first, in DER
    std::vector<std::string> lines;
    std::vector<phone::Event> events;
};

class PortKeeper {
public:
    // Faults: those of net::LinkWatch; unavailable. In the network namespace of the calling thread.
    static Result<std::unique_ptr<PortKeeper>> start(const PortKeeperSettings& settings, PortPlan plan);
    virtual ~PortKeeper() = default;  // ends the thread, and a wpa_supplicant that it started

    // Other settings mean another login at once; new roots, certificates and times are for the next, or for a port that
    // has no other hope.
    virtual void take_plan(PortPlan plan) = 0;
    virtual void ask() = 0;       // a person wants it to log in again
    virtual void question() = 0;  // what lies behind the port does not answer: it may have closed unnoticed
    // What was found of a chain that the RADIUS server showed; a fault closes the port.
    virtual void judge_server(std::vector<std::string> chain, Status verdict) = 0;
    virtual PortNews take_news() = 0;
};

}  // namespace ringfence::app
