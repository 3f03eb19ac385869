// The settings that a phone lives by. They are sticky: a new value overwrites, an absent one stays until it is
// overwritten or the phone is reset (reference 1.6, 3.1).
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace ringfence::phone {

struct EffectiveSetting {
    std::string value;
    std::string section;  // the section whose file set it last: "DEVICE_CONFIG" or "USER_CONFIG"
    bool came_by_https = false;
};

using EffectiveSettings = std::map<std::string, EffectiveSetting, std::less<>>;

// Judged by the name alone, and rather once too often: the phone shows nothing that might be a password.
bool may_hold_secret(std::string_view setting_name);

}  // namespace ringfence::phone
