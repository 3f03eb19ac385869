#include "phone/restart_rule.h"

#include <algorithm>

namespace ringfence::phone {

namespace {

bool is_same(const EffectiveSettings& settings, std::string_view name, std::string_view value) {
    const auto found = settings.find(name);
    return found != settings.end() && found->second.value == value;
}

}  // namespace

bool asks_for_restart(const EffectiveSettings& before, const EffectiveSettings& after, const family::Family& family) {
    const bool is_forced = is_same(after, "FORCE_REBOOT", "YES");
    return std::any_of(after.begin(), after.end(), [&](const auto& entry) {
        const auto& [name, setting] = entry;
        if (is_same(before, name, setting.value)) return false;
        if (is_forced) return true;
        const auto* spec = family.find_setting(name);
        return spec != nullptr && spec->needs_restart && before.find(name) != before.end();
    });
}

}  // namespace ringfence::phone
