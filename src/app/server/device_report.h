// What `device show` and `check` tell of a device: how its login reaches the real set, and what it lacks.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "app/server/output.h"
#include "base/clock.h"
#include "family/family.h"
#include "registry/registry.h"

namespace ringfence::app {

Result<registry::Device> get_device(registry::Registry& registry, const MacAddress& mac);  // not_found

// What stands outside the devices' own records, read once for all of them.
struct DeviceSurroundings {
    std::map<MacAddress, unsigned> good_certificates;  // neither revoked nor over
    std::map<MacAddress, unsigned> ending_soon;        // of those
    std::set<std::string> sites_with_login;
    std::vector<std::string> manifests_with_login;  // paths of hand-written ones
};
inline constexpr std::chrono::hours ending_soon{24 * 30};  // time enough to walk to the set

Result<DeviceSurroundings> survey(registry::Registry& registry, WallTime now);

struct DeviceReport {
    // How a real set comes to prove itself: "typed" on the set, "manifest, inside a window" (its login opens
    // internal files only, and no manifest carries one elsewhere), "certificate".
    std::vector<std::string> login_by;
    std::vector<std::string> missing;  // sentences; empty: nothing
};
DeviceReport report_on(const registry::Device& device, const DeviceSurroundings& surroundings,
                       const family::Family& family);

// A set that starts less than once in this time is looked after by hand.
inline constexpr std::chrono::hours lane_use_counts{24 * 90};
// Whether it proved itself on the legacy lane within that time.
bool needs_legacy_lane(const registry::Device& device, WallTime now);

json::object to_json(const registry::Device& device);
json::object to_json(const registry::CertificateRecord& certificate);
// Where a device was let in last; null: nowhere yet.
json::value to_json(const std::optional<registry::DevicePort>& port);
std::string describe_port(const std::optional<registry::DevicePort>& port);  // "sw-attic Gi1/0/7"
Result<std::optional<registry::DevicePort>> find_port(registry::Registry& registry, const MacAddress& mac);
json::object to_json(const registry::OneTimeFile& file);
// "waits to be fetched once, until ...", "fetched by ...": what became of it.
std::string describe_file(const registry::OneTimeFile& file, WallTime now);
std::string time_or_empty(const std::optional<WallTime>& time);

}  // namespace ringfence::app
