// The typed settings of one viewpoint, merged over their layers: global, site, model, device; later wins. Every value
// knows where it came from.
#pragma once

#include <string>
#include <vector>

#include "base/secret.h"
#include "family/family.h"
#include "phonefile/settings_file.h"
#include "registry/records.h"

namespace ringfence::delivery {

enum class Origin {
    set,      // an administrator set it, in `scope`
    undone,   // it was set once; phones keep old values, so the default is sent
    licence,  // a licensed feature that nobody set: its safe value is sent, or an unlicensed phone locks its user out
};

struct EffectiveSetting {
    std::string name;
    Secret value;
    bool is_secret = false;
    bool is_public = false;  // may travel in clear before HTTPS
    Origin origin = Origin::set;
    registry::SettingScope scope;  // of the layer that decided; global for `licence`
};

// Sorted by name. `site`, `model` may be empty; `device` is that layer's settings, empty for a shared viewpoint.
std::vector<EffectiveSetting> effective_settings(const family::Family& family, const registry::Catalogue& catalogue,
                                                 const std::string& site, const std::string& model,
                                                 const std::vector<registry::Setting>& device);

// What may stand in the common file that phones load in clear: the public ones that somebody set or unset.
std::vector<EffectiveSetting> public_settings(const std::vector<EffectiveSetting>& settings);

enum class Reveal { masked, clear };

// The settings file as a phone loads it, below `title` as a comment. Faults name the setting, never its value.
Result<std::string> render_settings(const std::string& title, const std::vector<EffectiveSetting>& settings,
                                    Reveal reveal);

}  // namespace ringfence::delivery
