// Which sets a change of the root would lock out, from what is known of each: what it reported, verified and fetched.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/server/context.h"
#include "authority/rollover.h"

namespace ringfence::app {

enum class Standpoint {
    holds,       // it is known to hold the next root
    locked_out,  // it was here after the announcement and is not known to hold it
    unseen,      // it was not seen since the announcement
    fresh,       // nobody ever asked for its files: its first root will be the one that is announced then
};
std::string_view to_string(Standpoint standpoint);  // "holds", "locked-out", "unseen", "fresh"

struct DeviceOutlook {
    registry::Device device;
    Standpoint standpoint = Standpoint::unseen;
    std::optional<registry::DeviceAnchor> evidence{};  // that it holds the next root
    std::optional<WallTime> last_seen{};               // proved itself
};

struct RolloverPlan {
    authority::Rollover::Stage stage{};
    std::optional<WallTime> announced{};
    std::vector<DeviceOutlook> devices;              // without retired ones, by MAC
    std::size_t device_certificates = 0;             // good ones below the present root
    std::vector<registry::CertificateRecord> hosts;  // of other servers, below the present root
    std::size_t count(Standpoint standpoint) const;
    // Sets that would, or may, be locked out by finishing now.
    std::size_t at_risk() const { return count(Standpoint::locked_out) + count(Standpoint::unseen); }
    std::string advice() const;  // one sentence
};

Result<RolloverPlan> plan_rollover(Context& context, const authority::Rollover& rollover);

}  // namespace ringfence::app
