#include "delivery/shared_path.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringfence::delivery {

namespace {

bool share_a_site(const std::string& a, const std::string& b) { return a.empty() || b.empty() || a == b; }

bool are_same(const registry::FileRecord& a, const registry::FileRecord& b) {
    return a.sha256 == b.sha256 && a.content_class == b.content_class;
}

}  // namespace

std::optional<std::string> find_clash(const registry::Catalogue& catalogue, const registry::FileRecord& file,
                                      const std::vector<std::string>& models) {
    for (const auto& other : catalogue.files) {
        if (other.path != file.path || !share_a_site(other.site, file.site) || are_same(other, file)) continue;
        const bool is_replaced =
            other.site == file.site && std::find(models.begin(), models.end(), other.model) != models.end();
        const bool is_same_model = models.size() == 1 && models.front() == other.model;
        if (is_replaced || is_same_model) continue;
        return fmt::format(
            "{} is there for {} with another content; use another path, since a request does not tell "
            "the model",
            file.path, other.model.empty() ? "every model" : "model " + other.model);
    }
    return std::nullopt;
}

}  // namespace ringfence::delivery
