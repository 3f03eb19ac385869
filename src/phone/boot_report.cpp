#include "phone/boot_report.h"

#include <algorithm>
#include <array>

namespace ringfence::phone {

std::string_view to_string(Action action) {
    static constexpr std::array<std::string_view, 4> names = {"fetched", "kept", "refused", "failed"};
    return names[static_cast<std::size_t>(action)];
}

bool BootReport::is_clean() const {
    const auto is_well = [](const FileReport& file) {
        return file.action == Action::fetched || file.action == Action::kept;
    };
    return flash_fault.empty() && is_well(manifest) && std::all_of(sections.begin(), sections.end(), is_well);
}

}  // namespace ringfence::phone
