#include "delivery/installation.h"

#include <algorithm>

namespace ringfence::delivery {

bool is_served(const LanePolicy& lane, std::string_view model, std::string_view site, WallTime now) {
    const auto names = [](const std::vector<std::string>& list, std::string_view name) {
        return list.empty() || std::find(list.begin(), list.end(), name) != list.end();
    };
    if (lane.closes && now >= *lane.closes) return false;
    return (model.empty() || names(lane.models, model)) && names(lane.sites, site);
}

}  // namespace ringfence::delivery
