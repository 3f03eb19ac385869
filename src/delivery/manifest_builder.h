// The generated manifest: which sections a phone of this model at this site is told, by which protocol, from which
// server. It follows from the files put and the settings made (reference 9.1).
#pragma once

#include <string>
#include <vector>

#include "base/url.h"
#include "delivery/installation.h"
#include "family/family.h"
#include "phonefile/manifest.h"
#include "registry/records.h"

namespace ringfence::delivery {

// From where a phone looks at us. Views live as long as the catalogue that they point into.
struct Viewpoint {
    std::string model{};                   // empty: the generic manifest
    const registry::Site* site = nullptr;  // null: outside every site's networks
    Protocol protocol = Protocol::tftp;    // by which the manifest was asked: public files go the same way
    bool on_legacy_lane = false;           // only where the installation has one
    bool with_site_login = false;          // sections with internal files carry the site's login
    bool offers_certificate = false;       // device certificates wait to be fetched (one_time_path.h)
    bool inside_window = false;            // that opens them on the wire of the manifest
};

// Path of the file of public settings for this model and site: "common/1230-berlin.cfg".
std::string common_settings_path(const Viewpoint& viewpoint);

struct CommonSettingsRequest {
    std::string model;  // empty: any
    std::string site;   // empty: none
};
// The reverse; nothing when the path is of another shape or names no model of the family.
std::optional<CommonSettingsRequest> parse_common_settings_path(const family::Family& family, std::string_view path);

// Sections in the family's order, but the public settings before any HTTPS section, so that the phone knows the time
// before it judges a certificate.
phonefile::Manifest build_manifest(const family::Family& family, const registry::Catalogue& catalogue,
                                   const Installation& installation, const Viewpoint& viewpoint);

// [FW] alone, as the boot loader reads it.
phonefile::Manifest build_boot_manifest(const family::Family& family, const registry::Catalogue& catalogue,
                                        const Viewpoint& viewpoint);

// [FW] alone, FORCED and over TFTP: the UNIStim load can do nothing else.
phonefile::Manifest build_conversion_manifest(const family::Family& family, const registry::Catalogue& catalogue,
                                              const Viewpoint& viewpoint);

// The models whose manifests announce `file`, at its site or everywhere; none without a section.
std::vector<std::string> announced_models(const family::Family& family, const registry::FileRecord& file);

// As FILENAME carries it: of a device's own file the pattern, since sets put their MAC in the place of each '*'.
std::string announced_name(const registry::FileRecord& file);

// Whether any section would carry the site's login if it were allowed to.
bool wants_site_login(const phonefile::Manifest& manifest);

// The most specific record of that path for a phone of this model at this site: model and site, site, model, neither.
// An empty model matches model-bound records too, since the request does not tell; null when nothing matches.
const registry::FileRecord* find_file(const registry::Catalogue& catalogue, std::string_view path,
                                      std::string_view model, std::string_view site);

}  // namespace ringfence::delivery
