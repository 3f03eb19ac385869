// What delivery must know of the installation as a whole, from its settings file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace ringfence::delivery {

// Request path of the root file.
inline constexpr std::string_view root_file_path = "trust/root.pem";

// Whom the lane of old TLS still serves. A device or manifest of another model or site gets the answer for absent
// files.
struct LanePolicy {
    std::vector<std::string> models{};  // as the family names them; empty: every model
    std::vector<std::string> sites{};   // empty: every site, and devices without one
    std::optional<WallTime> closes{};   // from then on nobody is served
    // Host or address that manifests name for this lane, since phones know only port 443; empty: only those of sites
    // with a legacy server of their own lead there.
    std::string server{};
    friend bool operator==(const LanePolicy&, const LanePolicy&) = default;
};

struct Installation {
    std::string host{};     // DNS name in the server certificate
    std::string address{};  // address in the server certificate; what manifests name unless a site says otherwise
    std::string realm{};    // of HTTP authentication; fixed at init, since stored hashes hold it
    std::optional<LanePolicy> legacy_lane{};  // empty: there is none
    // Of the certificate of the root that the server's own stand below, lower-case hex SHA-256: whoever proves itself
    // on a connection to it holds that root. Not from the settings file; empty: not known.
    std::string root{};
};

// Whether the lane serves a phone of this model (empty: not known) at this site (empty: none) at that time.
bool is_served(const LanePolicy& lane, std::string_view model, std::string_view site, WallTime now);

}  // namespace ringfence::delivery
