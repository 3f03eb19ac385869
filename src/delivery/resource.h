// Resolving: which content a path means for this asker, and what it takes to read it; and rendering it once granted.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "delivery/installation.h"
#include "delivery/manifest_builder.h"
#include "delivery/settings.h"
#include "family/family.h"
#include "registry/lookup.h"
#include "trust/access.h"

namespace ringfence::delivery {

// Who looks, as far as resolving cares. Points into the catalogue that it is used with.
struct Perspective {
    Protocol protocol = Protocol::tftp;
    std::string model;                     // of the proved device; empty: unknown
    const registry::Site* site = nullptr;  // of the proved device, else of the address
    bool inside_window = false;
    bool window_hands_out_login = false;
    WallTime now{};
};

enum class ResourceKind {
    stored,
    one_time,
    manifest,
    boot_manifest,
    conversion_manifest,
    common_settings,
    device_settings,
};

struct Resource {
    ResourceKind kind = ResourceKind::stored;
    trust::Wanted wanted;
    const registry::FileRecord* file = nullptr;  // stored
    std::optional<registry::OneTimeFile> once;   // one_time, burned and expired ones too
    Viewpoint viewpoint;                         // manifests and common settings
    std::optional<registry::Device> device;      // device_settings: whose
};

struct Resolved {
    std::optional<Resource> resource;        // empty: nothing of that name
    std::optional<MacAddress> named;         // the MAC in the path, known or not
    std::optional<registry::Device> device;  // that device, if it is in the inventory
    std::string model;                       // that the path names; empty: none
};

struct Delivery {
    const family::Family& family;
    const Installation& installation;
    const registry::Catalogue& catalogue;
    registry::Lookup& lookup;
};

// Costs the same look-ups whether the named thing exists or not.
Result<Resolved> resolve(const Delivery& delivery, const std::string& path, const Perspective& perspective);

struct Rendered {
    registry::Body body;
    std::string etag;
    WallTime modified{};
};

// Only for what was granted. What is fetched once goes out only when it is claimed too. Faults: not_found (nobody gets
// that any more), corrupt, unavailable, or malformed when a value would be misread by the phone.
Result<Rendered> render(const Delivery& delivery, const Resource& resource, const trust::Grant& grant, WallTime now);

// The first fault in rendering what a set of this model (empty: not known) at this site (null: none) is told before it
// proves itself: its manifests, with the site's login too, and the common settings.
Status check_announcements(const Delivery& delivery, const std::string& model, const registry::Site* site,
                           WallTime now);

// What an administrator sees of `file` (a path; empty: the device's settings file) as this device would get it over its
// own proof from its site; secrets masked unless revealed. not_found when the device or file is not there.
Result<std::string> preview(const Delivery& delivery, const MacAddress& mac, const std::string& file, Reveal reveal);

}  // namespace ringfence::delivery
