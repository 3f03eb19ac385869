#include "app/server/device_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ringfence::app {

Result<DeviceSurroundings> survey(registry::Registry& registry, WallTime now) {
    DeviceSurroundings out;
    const auto listed = registry.list_certificates([&](const registry::CertificateRecord& certificate) {
        if (!certificate.device || certificate.revoked || certificate.not_after <= now) return true;
        ++out.good_certificates[*certificate.device];
        if (certificate.not_after <= now + ending_soon) ++out.ending_soon[*certificate.device];
        return true;
    });
    if (!listed) return fail(listed.error());
    const auto catalogue = registry.catalogue();
    if (!catalogue) return fail(catalogue.error());
    for (const auto& site : (*catalogue)->sites)
        if (!site.login_user.empty()) out.sites_with_login.insert(site.name);
    for (const auto& file : (*catalogue)->files)
        if (file.is_manifest_with_login) out.manifests_with_login.push_back(file.path);
    return out;
}

Result<registry::Device> get_device(registry::Registry& registry, const MacAddress& mac) {
    auto device = registry.find_device(mac);
    if (!device) return fail(std::move(device).error());
    if (!*device) return fail(FaultCode::not_found, "no device " + mac.colons() + " is in the inventory");
    return std::move(**device);
}

DeviceReport report_on(const registry::Device& device, const DeviceSurroundings& surroundings,
                       const family::Family& family) {
    DeviceReport out;
    if (!device.is_in_service()) return out;
    const auto reads_one_of = [&](const std::vector<std::string>& manifests) {
        return std::any_of(manifests.begin(), manifests.end(), [&](const auto& path) {
            const auto asked = family.recognise(path);
            return asked && (asked->model.empty() || asked->model == device.model);
        });
    };
    const auto good = surroundings.good_certificates.find(device.mac);
    const bool has_certificate = good != surroundings.good_certificates.end();
    const bool may_use_password = !device.requires_certificate && !device.user.empty();
    if (may_use_password) out.login_by.emplace_back("typed");
    if (surroundings.sites_with_login.contains(device.site) || reads_one_of(surroundings.manifests_with_login))
        out.login_by.emplace_back("manifest, inside a window");
    if (has_certificate) out.login_by.emplace_back("certificate");

    if (!family.has_model(device.model)) out.missing.push_back("the phone family has no model " + device.model);
    if (device.requires_certificate && !has_certificate)
        out.missing.emplace_back("it must show a certificate and has none: cert issue");
    if (!device.requires_certificate && device.user.empty() && !has_certificate)
        out.missing.emplace_back("neither login nor certificate: device login or cert issue");
    const auto ending = surroundings.ending_soon.find(device.mac);
    if (has_certificate && ending != surroundings.ending_soon.end() && ending->second == good->second)
        out.missing.emplace_back("its certificate ends within 30 days: cert issue");
    return out;
}

bool needs_legacy_lane(const registry::Device& device, WallTime now) {
    return device.last_proved_legacy && now - *device.last_proved_legacy < lane_use_counts;
}

json::object to_json(const registry::Device& device) {
    json::object out;
    out["mac"] = device.mac.colons();
    out["model"] = device.model;
    out["site"] = text_or_null(device.site);
    out["user"] = text_or_null(device.user);
    out["login"] = text_or_null(device.user.empty() ? "" : registry::to_string(device.login_kind));
    out["requires_certificate"] = device.requires_certificate;
    out["state"] = registry::to_string(device.state);
    out["disabled"] = device.is_disabled;
    out["serial"] = text_or_null(device.serial);
    out["names"] = to_array(device.names);
    out["added"] = format_time(device.added);
    out["last_proved"] = text_or_null(time_or_empty(device.last_proved));
    out["last_proved_legacy"] = text_or_null(time_or_empty(device.last_proved_legacy));
    return out;
}

json::value to_json(const std::optional<registry::DevicePort>& port) {
    if (!port) return nullptr;
    return json::object{{"switch", port->switch_address.to_string()},
                        {"switch_name", text_or_null(printable(port->switch_name))},
                        {"port", text_or_null(printable(port->port))},
                        {"segment", trust::to_string(port->segment)},
                        {"proof", trust::to_string(port->proof)},
                        {"since", format_time(port->since)},
                        {"last", format_time(port->last)}};
}

std::string describe_port(const std::optional<registry::DevicePort>& port) {
    if (!port) return {};
    return fmt::format("{} {}",
                       printable(port->switch_name.empty() ? port->switch_address.to_string() : port->switch_name),
                       printable(port->port));
}

Result<std::optional<registry::DevicePort>> find_port(registry::Registry& registry, const MacAddress& mac) {
    auto ports = registry.ports_of(mac);
    if (!ports) return fail(std::move(ports).error());
    if (ports->empty()) return std::optional<registry::DevicePort>();
    return std::optional(std::move(ports->front()));
}

json::object to_json(const registry::CertificateRecord& certificate) {
    json::object out;
    out["serial"] = certificate.serial;
    out["fingerprint"] = certificate.fingerprint;
    out["subject"] = certificate.subject;
    out["purpose"] = registry::to_string(certificate.purpose);
    out["mac"] = text_or_null(certificate.device ? certificate.device->colons() : "");
    out["lane"] = certificate.legacy_lane ? "https-legacy" : "https";
    out["not_before"] = format_time(certificate.not_before);
    out["not_after"] = format_time(certificate.not_after);
    out["revoked"] = text_or_null(time_or_empty(certificate.revoked));
    out["reason"] = text_or_null(certificate.revoked ? crypto::to_string(certificate.reason) : "");
    return out;
}

std::string time_or_empty(const std::optional<WallTime>& time) { return time ? format_time(*time) : std::string(); }

json::object to_json(const registry::OneTimeFile& file) {
    return {{"path", file.path},
            {"certificate", text_or_null(file.certificate)},
            {"expires", format_time(file.expires)},
            {"fetched_by", text_or_null(file.fetched_by)},
            {"handed_over", text_or_null(time_or_empty(file.handed_over))},
            {"burned", text_or_null(time_or_empty(file.burned))}};
}

std::string describe_file(const registry::OneTimeFile& file, WallTime now) {
    if (file.handed_over) return fmt::format("fetched by {} at {}", file.fetched_by, format_time(*file.handed_over));
    if (!file.fetched_by.empty()) return fmt::format("begun by {}, and not fetched whole", file.fetched_by);
    if (file.burned || now >= file.expires) return "withdrawn or expired, and never fetched";
    return "waits to be fetched once, until " + format_time(file.expires);
}

}  // namespace ringfence::app
