// PortKeeper: keeps the ports at which devices were let in in line with what these may do now. It follows the
// registry's journal, compares the right of each device that changed with the one it was let in with, and tells the
// switch when they differ (port_change.h). A device that proved itself is so brought from onboarding into production,
// and one that was disabled, removed or revoked, or whose window closed, is put out.
//
// It is asked for nothing twice: a change that a switch has answered is not wanted again before the device was let in
// anew, and then only a few times, so that a switch which does not obey is not driven round in circles. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include "base/clock.h"
#include "base/result.h"
#include "delivery/installation.h"
#include "network/port_change.h"
#include "network/query_codec.h"
#include "network/switch_wire.h"
#include "registry/registry.h"

namespace ringfence::network {

// What the settings say of it.
struct PortPolicy {
    AdmissionTerms terms{};
    std::optional<delivery::LanePolicy> lane{};  // of old TLS; empty: there is none
    friend bool operator==(const PortPolicy&, const PortPolicy&) = default;
};

class PortKeeper {
public:
    // So long a device is left where it is when only its part of the network changes: what it is just fetching gets
    // through. Whoever has no right any more is put out at once.
    static constexpr Duration grace = std::chrono::seconds(2);
    // Requests leave no closer than this, so that a window that closes over thousands asks the RADIUS servers no more
    // than they answer easily.
    static constexpr Duration pace{20};
    static constexpr std::size_t max_in_flight_per_switch = 8;
    // A switch that did not answer is asked again after this time, doubled each time up to the longest.
    static constexpr Duration first_pause = std::chrono::seconds(30);
    static constexpr Duration longest_pause = std::chrono::minutes(15);
    // One that answers others leaves this one out; the others do not wait for it.
    static constexpr Duration odd_pause = std::chrono::minutes(2);
    static constexpr Duration longest_effort = std::chrono::hours(24);       // then a change is given up
    static constexpr Duration silence_told_again = std::chrono::minutes(1);  // per switch
    // That a device which came back with a right that it lost is put out, and that a switch which has no room is asked.
    static constexpr int max_times = 3;

    // All outlive it. Begins with every port that is noted.
    PortKeeper(registry::Registry& registry, registry::EventSink& events, SwitchWire& wire, const Clock& clock,
               PortPolicy policy);

    // From the next step on, which looks at all ports again where that is another policy than before.
    void follow(PortPolicy policy);

    // Follows the journal, sends what is due, and waits for answers, at most so long. Faults: those of the registry;
    // what could not be done is done by a later call.
    Status step(Duration longest);

private:
    using Place = std::tuple<MacAddress, IpAddress, std::string>;

    // What is to change, and why: while neither does, it is one cause.
    struct Cause {
        Verdict verdict;
        std::string identity;
        trust::NetworkProof proof = trust::NetworkProof::password;
        trust::Segment segment = trust::Segment::onboarding;
        friend bool operator==(const Cause&, const Cause&) = default;
    };
    enum class Stage { waits, asked, settled };
    struct Effort {
        Cause cause;
        Stage stage = Stage::waits;
        SteadyTime begun{};
        WallTime last{};  // when the device was let in that it is about
        SteadyTime not_before{};
        WallTime settled_at{};
        int times = 0;
    };
    struct Silence {
        Duration pause{};
        SteadyTime until{};
        SteadyTime told{};
    };
    struct KnownSwitch {
        std::optional<registry::Switch> at;
        SteadyTime read{};
    };

    Duration find_pause(Duration longest) const;
    Status follow_journal();
    Status sweep();
    void look_at_all();
    void look_at(const MacAddress& mac, SteadyTime when);
    Status look();
    Status look_at_device(const MacAddress& mac);
    Status look_at_port(const std::optional<Standing>& standing, const registry::DevicePort& port,
                        bool is_newest_there);
    Status wait_for_switch(const registry::DevicePort& port);
    Effort* find_due_effort(const Place& place, const registry::DevicePort& port, const Cause& cause);
    bool must_wait_for(const registry::DevicePort& port);
    void forget_efforts(const MacAddress& mac, const std::vector<registry::DevicePort>& ports);
    Result<std::optional<registry::Switch>> find_switch(const IpAddress& address);
    const std::string& name_of(trust::Segment segment) const;

    Status finish(ChangeEnd end);
    Status finish_done(const ChangeOrder& order);
    Status finish_refused(ChangeOrder order, std::optional<std::uint32_t> cause);
    void finish_silent(const ChangeEnd& end);
    bool has_answered_others(const ChangeEnd& end) const;
    bool try_later(const ChangeOrder& order);
    void settle(const ChangeOrder& order);
    Status forget(const ChangeOrder& order);
    Status note_segment(const ChangeOrder& order);
    Result<bool> is_as_before(const ChangeOrder& order);
    void tell(const registry::DevicePort& port, std::string outcome, std::string detail);

    registry::Registry& registry_;
    registry::EventSink& events_;
    SwitchWire& wire_;
    const Clock& clock_;
    PortPolicy policy_;

    std::optional<std::int64_t> read_until_{};  // of the journal
    bool is_sweeping_ = true;                   // through all devices
    std::optional<MacAddress> swept_until_{};
    std::optional<WallTime> next_lapse_{};         // of any right that was looked at
    std::map<MacAddress, SteadyTime> to_look_at_;  // and not before when
    std::map<Place, Effort> efforts_;              // where right and port differ
    std::map<IpAddress, Silence> silent_;
    std::map<IpAddress, SteadyTime> answered_;  // when each switch last did
    std::map<IpAddress, KnownSwitch> switches_;
    SteadyTime next_send_{};
};

}  // namespace ringfence::network
