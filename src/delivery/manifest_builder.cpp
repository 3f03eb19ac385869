#include "delivery/manifest_builder.h"

#include <algorithm>

#include "base/text.h"
#include "delivery/one_time_path.h"
#include "delivery/settings.h"

namespace ringfence::delivery {

namespace {

using phonefile::DownloadMode;
using phonefile::Manifest;
using phonefile::Section;
using phonefile::SectionKind;
using registry::Catalogue;
using registry::FileRecord;
using trust::ContentClass;

constexpr std::string_view common_prefix = "common/";
constexpr std::string_view common_suffix = ".cfg";
constexpr std::string_view any_model = "any";

std::string site_name(const Viewpoint& viewpoint) { return viewpoint.site ? viewpoint.site->name : std::string(); }

bool suits(const FileRecord& file, std::string_view model, std::string_view site) {
    return (file.model.empty() || model.empty() || file.model == model) && (file.site.empty() || file.site == site);
}

int specificity(const FileRecord& file) { return (file.site.empty() ? 0 : 2) + (file.model.empty() ? 0 : 1); }

// A manifest cannot tell a phone of unknown model about files that belong to one model, nor any about another's
// firmware, which it would load.
bool is_announced(const family::Family& family, const FileRecord& file, std::string_view model) {
    if (!file.model.empty() && file.model != model) return false;
    return file.section != registry::firmware_section || family.is_firmware_for(file.version, model);
}

// One record per path, the most specific, in path order.
std::vector<const FileRecord*> section_files(const family::Family& family, const Catalogue& catalogue, SectionKind kind,
                                             const Viewpoint& viewpoint) {
    std::vector<const FileRecord*> out;
    for (const FileRecord& file : catalogue.files) {
        if (file.section != phonefile::to_string(kind) || !is_announced(family, file, viewpoint.model)) continue;
        if (!file.site.empty() && file.site != site_name(viewpoint)) continue;
        if (!out.empty() && out.back()->path == file.path) {
            if (specificity(file) > specificity(*out.back())) out.back() = &file;
            continue;
        }
        out.push_back(&file);
    }
    return out;
}

// Where a section holds one file, the most specific wins, and among equals the one put last.
const FileRecord* section_file(const family::Family& family, const Catalogue& catalogue, SectionKind kind,
                               const Viewpoint& viewpoint) {
    const auto files = section_files(family, catalogue, kind, viewpoint);
    const auto best = std::max_element(files.begin(), files.end(), [](const FileRecord* a, const FileRecord* b) {
        return std::pair(specificity(*a), a->put_at) < std::pair(specificity(*b), b->put_at);
    });
    return best == files.end() ? nullptr : *best;
}

std::string section_version(const Catalogue& catalogue, SectionKind kind) {
    const auto found = catalogue.section_versions.find(std::string(phonefile::to_string(kind)));
    const std::uint32_t risen = found == catalogue.section_versions.end() ? 1U : found->second;
    return registry::format_version(std::max({risen, catalogue.version_floor, 1U}));
}

// What a phone holds may come from another site, with a higher number: AUTO would keep it for good.
bool varies_by_site(const Catalogue& catalogue, SectionKind kind) {
    const auto of_one_site = [&](const FileRecord& file) {
        return file.section == phonefile::to_string(kind) && !file.site.empty();
    };
    if (std::any_of(catalogue.files.begin(), catalogue.files.end(), of_one_site)) return true;
    if (kind != SectionKind::device_config) return false;
    return std::any_of(catalogue.settings.begin(), catalogue.settings.end(),
                       [](const auto& layer) { return layer.first.layer == registry::Layer::site; });
}

class Builder {
public:
    Builder(const family::Family& family, const Catalogue& catalogue, const Installation* installation,
            const Viewpoint& viewpoint)
        : family_(family), catalogue_(catalogue), installation_(installation), viewpoint_(viewpoint) {}

    Manifest full() {
        for (const SectionKind kind : family_.section_order()) add(kind);
        place_common_settings();
        return std::move(manifest_);
    }

    Manifest firmware_only() {
        add_firmware();
        return std::move(manifest_);
    }

private:
    void add(SectionKind kind) {
        switch (kind) {
            case SectionKind::fw: return add_firmware();
            case SectionKind::user_config: return add_user_config();
            case SectionKind::language:
            case SectionKind::tones: return add_several(kind);
            case SectionKind::dev_cert:
                if (viewpoint_.offers_certificate) return add_certificate();
                return add_single(kind);
            default: return add_single(kind);
        }
    }

    Section section(SectionKind kind, ContentClass content_class) const {
        Section out;
        out.kind = kind;
        out.version = section_version(catalogue_, kind);
        if (kind != SectionKind::fw && varies_by_site(catalogue_, kind)) out.download_mode = DownloadMode::forced;
        if (content_class == ContentClass::public_) {
            out.protocol = viewpoint_.protocol;
            if (out.protocol == Protocol::https) out.server = https_server();
            return out;
        }
        out.protocol = Protocol::https;
        out.server = https_server();
        if (content_class == ContentClass::internal && viewpoint_.with_site_login && viewpoint_.site != nullptr) {
            out.user_name = viewpoint_.site->login_user;
            out.password = viewpoint_.site->login_password;
        }
        return out;
    }

    std::string https_server() const {
        if (installation_ == nullptr) return {};
        if (viewpoint_.on_legacy_lane) {
            if (viewpoint_.site != nullptr && !viewpoint_.site->legacy_server.empty())
                return viewpoint_.site->legacy_server;
            if (!installation_->legacy_lane->server.empty()) return installation_->legacy_lane->server;
        }
        if (viewpoint_.site != nullptr && !viewpoint_.site->server.empty()) return viewpoint_.site->server;
        return installation_->address.empty() ? installation_->host : installation_->address;
    }

    void add_firmware() {
        const FileRecord* file = section_file(family_, catalogue_, SectionKind::fw, viewpoint_);
        if (file == nullptr) return;
        Section out = section(SectionKind::fw, file->content_class);
        out.version = file->version;
        out.filenames = {file->path};
        manifest_.sections.push_back(std::move(out));
    }

    // FORCED, because one VERSION would have to rise whenever any phone's own file changes.
    void add_user_config() {
        Section out = section(SectionKind::user_config, ContentClass::secret);
        out.download_mode = DownloadMode::forced;
        manifest_.sections.push_back(std::move(out));
    }

    void add_several(SectionKind kind) {
        auto files = section_files(family_, catalogue_, kind, viewpoint_);
        const auto& limits = family_.limits();
        const std::size_t most = kind == SectionKind::language ? limits.language_files : limits.tone_files;
        if (files.size() > most) files.resize(most);
        if (files.empty()) return;
        const auto least_open = [](const FileRecord* a, const FileRecord* b) {
            return a->content_class < b->content_class;
        };
        Section out = section(kind, (*std::max_element(files.begin(), files.end(), least_open))->content_class);
        // The phone holds a few only, so those that left the list must go.
        out.delete_files = true;
        for (const FileRecord* file : files) out.filenames.push_back(file->path);
        manifest_.sections.push_back(std::move(out));
    }

    void add_single(SectionKind kind) {
        const FileRecord* file = section_file(family_, catalogue_, kind, viewpoint_);
        if (file == nullptr) return;
        Section out = section(kind, file->content_class);
        out.filenames = {announced_name(*file)};
        manifest_.sections.push_back(std::move(out));
    }

    // In place of files put there by hand, since a section holds one. AUTO, because a set that came back for what it
    // has would burn it and raise an alarm.
    void add_certificate() {
        Section out =
            section(SectionKind::dev_cert, viewpoint_.inside_window ? ContentClass::public_ : ContentClass::secret);
        out.download_mode = DownloadMode::automatic;
        out.filenames = {std::string(certificate_pattern)};
        manifest_.sections.push_back(std::move(out));
    }

    // Two DEVICE_CONFIG sections share one stored version on the phone, so AUTO would skip the second.
    void place_common_settings() {
        const auto settings = effective_settings(family_, catalogue_, site_name(viewpoint_), viewpoint_.model, {});
        if (public_settings(settings).empty()) return;
        Section common = section(SectionKind::device_config, ContentClass::public_);
        common.filenames = {common_settings_path(viewpoint_)};
        auto& sections = manifest_.sections;
        for (Section& other : sections) {
            if (other.kind != SectionKind::device_config) continue;
            other.download_mode = DownloadMode::forced;
            common.download_mode = DownloadMode::forced;
        }
        const auto& order = family_.section_order();
        const auto rank = [&](SectionKind kind) { return std::find(order.begin(), order.end(), kind); };
        const auto comes_later = [&](const Section& other) {
            return other.protocol == Protocol::https || rank(other.kind) >= rank(SectionKind::device_config);
        };
        sections.insert(std::find_if(sections.begin(), sections.end(), comes_later), std::move(common));
    }

    const family::Family& family_;
    const Catalogue& catalogue_;
    const Installation* installation_;
    const Viewpoint& viewpoint_;
    Manifest manifest_;
};

}  // namespace

std::string common_settings_path(const Viewpoint& viewpoint) {
    std::string path(common_prefix);
    path += viewpoint.model.empty() ? std::string(any_model) : viewpoint.model;
    if (viewpoint.site != nullptr) path += "-" + viewpoint.site->name;
    return path.append(common_suffix);
}

std::optional<CommonSettingsRequest> parse_common_settings_path(const family::Family& family, std::string_view path) {
    if (!path.starts_with(common_prefix) || !path.ends_with(common_suffix)) return std::nullopt;
    path.remove_prefix(common_prefix.size());
    path.remove_suffix(common_suffix.size());
    const auto dash = path.find('-');
    CommonSettingsRequest out{std::string(path.substr(0, dash)), {}};
    if (dash != std::string_view::npos) out.site = path.substr(dash + 1);
    if (out.model == any_model)
        out.model.clear();
    else if (!family.has_model(out.model))
        return std::nullopt;
    if (dash != std::string_view::npos && out.site.empty()) return std::nullopt;
    return out;
}

Manifest build_manifest(const family::Family& family, const Catalogue& catalogue, const Installation& installation,
                        const Viewpoint& viewpoint) {
    return Builder(family, catalogue, &installation, viewpoint).full();
}

Manifest build_boot_manifest(const family::Family& family, const Catalogue& catalogue, const Viewpoint& viewpoint) {
    return Builder(family, catalogue, nullptr, viewpoint).firmware_only();
}

Manifest build_conversion_manifest(const family::Family& family, const Catalogue& catalogue,
                                   const Viewpoint& viewpoint) {
    Manifest manifest = Builder(family, catalogue, nullptr, viewpoint).firmware_only();
    for (Section& section : manifest.sections) {
        section.download_mode = DownloadMode::forced;
        section.protocol = Protocol::tftp;
        section.server.clear();
    }
    return manifest;
}

std::vector<std::string> announced_models(const family::Family& family, const FileRecord& file) {
    std::vector<std::string> out;
    if (file.section.empty()) return out;
    for (const auto& model : family.models())
        if (is_announced(family, file, model.name)) out.push_back(model.name);
    return out;
}

std::string announced_name(const FileRecord& file) {
    return file.owner ? replace_all(file.path, file.owner->bare_upper(), "*") : file.path;
}

bool wants_site_login(const Manifest& manifest) {
    return std::any_of(manifest.sections.begin(), manifest.sections.end(),
                       [](const Section& section) { return !section.user_name.empty(); });
}

const FileRecord* find_file(const Catalogue& catalogue, std::string_view path, std::string_view model,
                            std::string_view site) {
    const auto by_path = [](const FileRecord& file, std::string_view wanted) { return file.path < wanted; };
    const FileRecord* best = nullptr;
    for (auto it = std::lower_bound(catalogue.files.begin(), catalogue.files.end(), path, by_path);
         it != catalogue.files.end() && it->path == path; ++it)
        if (suits(*it, model, site) && (best == nullptr || specificity(*it) > specificity(*best))) best = &*it;
    return best;
}

}  // namespace ringfence::delivery
