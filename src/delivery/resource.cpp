#include "delivery/resource.h"

#include "base/text.h"
#include "crypto/hash.h"
#include "delivery/one_time_path.h"
#include "delivery/path.h"
#include "delivery/secret_lines.h"

namespace ringfence::delivery {

namespace {

using family::Role;
using trust::ContentClass;

constexpr std::string_view settings_title = "Written by Ringfence from the settings that apply here.";
// A full manifest has [USER_CONFIG] at least. An empty file looks like a fault of the server.
constexpr std::string_view no_firmware_note =
    "# Written by Ringfence: no firmware is put that suits every set asking this.\n";
constexpr std::size_t etag_digits = 32;  // 128 bits of SHA-256: enough to tell contents apart

std::string etag_of(std::string_view sha256_hex) { return '"' + std::string(sha256_hex.substr(0, etag_digits)) + '"'; }

trust::Wanted wanted_of(const registry::FileRecord& file) {
    return {.content_class = file.content_class,
            .owner = file.owner,
            .is_manifest_with_login = file.is_manifest_with_login};
}

Resource stored(const registry::FileRecord& file) {
    Resource out;
    out.kind = ResourceKind::stored;
    out.wanted = wanted_of(file);
    out.file = &file;
    return out;
}

bool is_on_legacy_lane(const Installation& installation, const Viewpoint& viewpoint, WallTime now) {
    if (!installation.legacy_lane || viewpoint.model.empty()) return false;
    const std::string site = viewpoint.site ? viewpoint.site->name : "";
    return is_served(*installation.legacy_lane, viewpoint.model, site, now);
}

ResourceKind kind_of(Role role) {
    switch (role) {
        case Role::manifest: return ResourceKind::manifest;
        case Role::boot_manifest: return ResourceKind::boot_manifest;
        case Role::conversion_manifest: return ResourceKind::conversion_manifest;
        case Role::device_settings: return ResourceKind::device_settings;
    }
    return ResourceKind::stored;
}

phonefile::Manifest manifest_of(const Delivery& delivery, const Resource& resource) {
    switch (resource.kind) {
        case ResourceKind::boot_manifest:
            return build_boot_manifest(delivery.family, delivery.catalogue, resource.viewpoint);
        case ResourceKind::conversion_manifest:
            return build_conversion_manifest(delivery.family, delivery.catalogue, resource.viewpoint);
        default: return build_manifest(delivery.family, delivery.catalogue, delivery.installation, resource.viewpoint);
    }
}

Resource generated_manifest(const Delivery& delivery, Role role, const std::string& model,
                            const Perspective& perspective) {
    Resource out;
    out.kind = kind_of(role);
    out.wanted.content_class = ContentClass::public_;
    out.viewpoint.model = model;
    out.viewpoint.site = perspective.site;
    out.viewpoint.protocol = perspective.protocol;
    out.viewpoint.inside_window = perspective.inside_window;
    const auto offered = delivery.catalogue.one_time_until.find(certificate_section);
    out.viewpoint.offers_certificate =
        offered != delivery.catalogue.one_time_until.end() && perspective.now < offered->second;
    out.viewpoint.on_legacy_lane = is_on_legacy_lane(delivery.installation, out.viewpoint, perspective.now);
    const bool may_carry_login = role == Role::manifest && perspective.window_hands_out_login &&
                                 perspective.site != nullptr && !perspective.site->login_user.empty();
    if (!may_carry_login) return out;
    out.viewpoint.with_site_login = true;
    if (wants_site_login(manifest_of(delivery, out)))
        out.wanted = {.content_class = ContentClass::secret, .owner = {}, .is_manifest_with_login = true};
    return out;
}

std::optional<Resource> common_settings(const Delivery& delivery, std::string_view path) {
    const auto asked = parse_common_settings_path(delivery.family, path);
    if (!asked) return std::nullopt;
    Resource out;
    out.kind = ResourceKind::common_settings;
    out.wanted.content_class = ContentClass::public_;
    out.viewpoint.model = asked->model;
    if (asked->site.empty()) return out;
    out.viewpoint.site = registry::find_site(delivery.catalogue, std::string_view(asked->site));
    if (out.viewpoint.site == nullptr) return std::nullopt;
    return out;
}

Resource fetched_once(registry::OneTimeFile file) {
    Resource out;
    out.kind = ResourceKind::one_time;
    out.wanted = {.content_class = ContentClass::secret, .owner = file.device, .is_one_time = true};
    out.once = std::move(file);
    return out;
}

Result<std::string> render_device_settings(const Delivery& delivery, const registry::Device& device, Reveal reveal) {
    auto own = delivery.lookup.device_settings(device.mac);
    if (!own) return fail(std::move(own).error());
    const auto settings = effective_settings(delivery.family, delivery.catalogue, device.site, device.model, *own);
    return render_settings(std::string(settings_title), settings, reveal);
}

Result<std::string> render_common_settings(const Delivery& delivery, const Viewpoint& viewpoint, Reveal reveal) {
    const std::string site = viewpoint.site ? viewpoint.site->name : "";
    const auto settings = effective_settings(delivery.family, delivery.catalogue, site, viewpoint.model, {});
    return render_settings(std::string(settings_title), public_settings(settings), reveal);
}

Result<std::string> render_text(const Delivery& delivery, const Resource& resource, Reveal reveal) {
    if (resource.kind == ResourceKind::device_settings) {
        RINGFENCE_ASSERT(resource.device.has_value());
        return render_device_settings(delivery, *resource.device, reveal);
    }
    if (resource.kind == ResourceKind::common_settings)
        return render_common_settings(delivery, resource.viewpoint, reveal);
    auto manifest = manifest_of(delivery, resource);
    if (manifest.sections.empty()) return std::string(no_firmware_note);
    if (reveal == Reveal::masked)
        for (auto& section : manifest.sections)
            if (!section.password.empty()) section.password = Secret(std::string(masked_secret));
    return phonefile::format_manifest(manifest);
}

Result<std::string> preview_stored(const Delivery& delivery, const registry::FileRecord& file, Reveal reveal) {
    if (file.size > phonefile::max_file_size)
        return fail(FaultCode::too_large, file.path + " is larger than a text file of a phone; it is not shown");
    auto body = delivery.lookup.open_content(file.sha256);
    if (!body) return fail(std::move(body).error());
    if (reveal == Reveal::clear) return std::string(body->view());
    return mask_secrets(delivery.family, body->view());
}

}  // namespace

Result<Resolved> resolve(const Delivery& delivery, const std::string& path, const Perspective& perspective) {
    Resolved out;
    const auto requested = delivery.family.recognise(path);
    const std::string site = perspective.site ? perspective.site->name : "";
    const auto certificate_of = parse_certificate_path(path);
    if (requested) out.model = requested->model;
    out.named = certificate_of ? certificate_of : requested ? requested->mac : std::nullopt;
    const std::string& model = out.model.empty() ? perspective.model : out.model;
    if (out.named) {
        auto found = delivery.lookup.find_device(*out.named);
        if (!found) return fail(std::move(found).error());
        // A device that is out of service has no files.
        if (*found && (*found)->is_in_service()) out.device = std::move(*found);
    }
    if (certificate_of) {
        auto once = delivery.lookup.find_one_time_file(certificate_path(*certificate_of));
        if (!once) return fail(std::move(once).error());
        if (*once && out.device) {
            out.resource = fetched_once(std::move(**once));
            return out;
        }
    }
    // A raw file is kept under the upper-case name, however the phone spells it.
    const bool is_own_settings = requested && requested->mac;
    const std::string stored_path = is_own_settings ? delivery.family.device_settings_name(*out.named) : path;
    if (const auto* file = find_file(delivery.catalogue, stored_path, model, site)) {
        out.resource = stored(*file);
    } else if (is_own_settings && out.device) {
        Resource resource;
        resource.kind = ResourceKind::device_settings;
        resource.wanted = {
            .content_class = ContentClass::secret, .owner = out.device->mac, .is_manifest_with_login = false};
        resource.device = out.device;
        out.resource = std::move(resource);
    } else if (requested && !is_own_settings) {
        out.resource = generated_manifest(delivery, requested->role, model, perspective);
    } else {
        out.resource = common_settings(delivery, path);
    }
    return out;
}

Result<Rendered> render(const Delivery& delivery, const Resource& resource, const trust::Grant& grant, WallTime now) {
    RINGFENCE_ASSERT(grant.content_class() == resource.wanted.content_class);
    if (resource.kind == ResourceKind::stored) {
        auto body = delivery.lookup.open_content(resource.file->sha256);
        if (!body) return fail(std::move(body).error().within(resource.file->path));
        return Rendered{std::move(*body), etag_of(resource.file->sha256), resource.file->put_at};
    }
    if (resource.kind == ResourceKind::one_time) {
        auto body = delivery.lookup.open_one_time_file(resource.once->path);
        if (!body) return fail(std::move(body).error());
        std::string etag = etag_of(to_hex(crypto::sha256(body->view())));
        return Rendered{std::move(*body), std::move(etag), resource.once->created};
    }
    auto text = render_text(delivery, resource, Reveal::clear);
    if (!text) return fail(std::move(text).error());
    std::string etag = etag_of(to_hex(crypto::sha256(*text)));
    return Rendered{{std::make_shared<const std::string>(std::move(*text))}, std::move(etag), now};
}

Status check_announcements(const Delivery& delivery, const std::string& model, const registry::Site* site,
                           WallTime now) {
    Perspective perspective;
    perspective.site = site;
    perspective.window_hands_out_login = true;
    perspective.now = now;
    for (const Role role : {Role::manifest, Role::boot_manifest, Role::conversion_manifest}) {
        auto text = render_text(delivery, generated_manifest(delivery, role, model, perspective), Reveal::clear);
        if (!text) return fail(std::move(text).error().within(family::to_string(role)));
    }
    auto common = render_common_settings(delivery, {.model = model, .site = site}, Reveal::clear);
    if (!common) return fail(std::move(common).error().within("common settings"));
    return {};
}

Result<std::string> preview(const Delivery& delivery, const MacAddress& mac, const std::string& file, Reveal reveal) {
    auto device = delivery.lookup.find_device(mac);
    if (!device) return fail(std::move(device).error());
    if (!*device) return fail(FaultCode::not_found, "no device " + mac.colons() + " is in the inventory");
    auto path = parse_path(file.empty() ? delivery.family.device_settings_name(mac) : file);
    if (!path) return fail(std::move(path).error());

    Perspective perspective;
    perspective.model = (*device)->model;
    perspective.site = registry::find_site(delivery.catalogue, std::string_view((*device)->site));
    auto resolved = resolve(delivery, *path, perspective);
    if (!resolved) return fail(std::move(resolved).error());
    const auto absent = [&] { return fail(FaultCode::not_found, "this device would not get a file " + *path); };
    if (!resolved->resource) return absent();
    const Resource& resource = *resolved->resource;
    if (resource.wanted.owner && *resource.wanted.owner != mac) return absent();
    if (resource.kind == ResourceKind::one_time)
        return fail(FaultCode::not_found, *path + " is fetched once, by the device itself; it is not shown");
    if (resource.kind == ResourceKind::stored) return preview_stored(delivery, *resource.file, reveal);
    return render_text(delivery, resource, reveal);
}

}  // namespace ringfence::delivery
