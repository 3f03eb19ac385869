#include "phone/boot_stage.h"

namespace ringfence::phone {

namespace {

constexpr std::array<std::string_view, stage_count> names = {
    "idle",     "fetching-manifest", "reading-manifest", "deciding",   "consulting",
    "fetching", "accepting",         "asking",           "installing", "reporting"};

}  // namespace

std::string_view to_string(Stage stage) { return names[static_cast<std::size_t>(stage)]; }

std::optional<Stage> parse_stage(std::string_view name) {
    for (std::size_t i = 0; i < names.size(); ++i)
        if (names[i] == name) return static_cast<Stage>(i);
    return std::nullopt;
}

}  // namespace ringfence::phone
