#include "phone/port_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/host_name.h"
#include "base/text.h"

namespace ringfence::phone {

namespace {

constexpr std::array<std::string_view, 4> mode_names = {"disabled", "md5", "peap", "tls"};
constexpr std::array<std::string_view, 2> tunnel_names = {"md5", "mschapv2"};
constexpr std::array<std::string_view, 6> field_names = {"eap-mode",     "eap-id1",   "eap-id2",
                                                         "eap-password", "eap-inner", "eap-server-name"};

template <typename T, std::size_t count>
Result<T> read_choice(const std::array<std::string_view, count>& names, PortField field, std::string_view text) {
    if (text.empty()) return T{};
    const auto found = std::find(names.begin(), names.end(), to_lower(text));
    if (found != names.end()) return static_cast<T>(found - names.begin());
    std::string known;
    for (const auto name : names) known.append(known.empty() ? "" : ", ").append(name);
    return fail(FaultCode::malformed, fmt::format("{} is one of {}", to_string(field), known));
}

Status check_text(PortField field, std::string_view text, std::size_t limit) {
    if (text.size() > limit)
        return fail(FaultCode::too_large, fmt::format("{} holds {} bytes at most", to_string(field), limit));
    const bool has_control = std::any_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < ' ' || byte == 0x7f;
    });
    if (has_control) return fail(FaultCode::malformed, fmt::format("{} holds no control characters", to_string(field)));
    return {};
}

Status set_text(std::string& value, PortField field, std::string_view text) {
    auto checked = check_text(field, text, max_identity_size);
    if (checked) value = text;
    return checked;
}

Status set_server_name(std::string& value, std::string_view text) {
    if (!text.empty() && !is_host_name(text))
        return fail(FaultCode::malformed, fmt::format("{} is a host name", to_string(PortField::server_name)));
    value = to_lower(text);
    return {};
}

auto missing(const PortSettings& settings, std::string_view what) {
    return fail(FaultCode::conflict,
                fmt::format("{} must be {} before {} is {}", what, what.starts_with("eap-") ? "typed in" : "installed",
                            to_string(PortField::mode), to_string(settings.mode)));
}

}  // namespace

std::string_view to_string(PortMode mode) { return mode_names[static_cast<std::size_t>(mode)]; }
std::string_view to_string(TunnelMethod method) { return tunnel_names[static_cast<std::size_t>(method)]; }
std::string_view to_string(PortField field) { return field_names[static_cast<std::size_t>(field)]; }

std::optional<PortField> parse_port_field(std::string_view name) {
    const auto found = std::find(field_names.begin(), field_names.end(), name);
    if (found == field_names.end()) return std::nullopt;
    return static_cast<PortField>(found - field_names.begin());
}

std::vector<PortField> all_port_fields() {
    std::vector<PortField> out;
    for (std::size_t i = 0; i < field_names.size(); ++i) out.push_back(static_cast<PortField>(i));
    return out;
}

Status set_port_field(PortSettings& settings, PortField field, std::string_view text) {
    switch (field) {
        case PortField::mode: {
            const auto mode = read_choice<PortMode>(mode_names, field, text);
            if (!mode) return fail(mode.error());
            if (*mode == PortMode::disabled) settings = {};
            settings.mode = *mode;
            return {};
        }
        case PortField::tunnel: {
            const auto method = read_choice<TunnelMethod>(tunnel_names, field, text);
            if (!method) return fail(method.error());
            settings.tunnel = *method;
            return {};
        }
        case PortField::id1: return set_text(settings.id1, field, text);
        case PortField::id2: return set_text(settings.id2, field, text);
        case PortField::server_name: return set_server_name(settings.server_name, text);
        case PortField::password: {
            auto checked = check_text(field, text, max_port_password_size);
            if (checked) settings.password = Secret(std::string(text));
            return checked;
        }
    }
    return {};
}

Status check_port_material(const PortSettings& settings, const PortMaterial& material) {
    if (settings.mode == PortMode::disabled) return {};
    if (settings.id1.empty()) return missing(settings, to_string(PortField::id1));
    if (settings.mode != PortMode::tls && settings.password.empty())
        return missing(settings, to_string(PortField::password));
    if (settings.mode == PortMode::md5) return {};
    if (!material.has_root) return missing(settings, "a root certificate");
    if (settings.mode == PortMode::tls && !material.has_device_certificate)
        return missing(settings, "a device certificate");
    return {};
}

}  // namespace ringfence::phone
