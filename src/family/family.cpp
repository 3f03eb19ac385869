#include "family/family.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"

namespace ringfence::family {

namespace {

constexpr std::string_view any_byte = "{byte}";
constexpr std::string_view any_version = "{version}";
constexpr std::string_view version_shape = "dd.dd.dd.dd";

bool begins_with_version(std::string_view bytes) {
    if (bytes.size() < version_shape.size()) return false;
    for (std::size_t i = 0; i < version_shape.size(); ++i)
        if (version_shape[i] == 'd' ? !is_ascii_digit(bytes[i]) : bytes[i] != '.') return false;
    return true;
}

bool is_version(std::string_view text) { return text.size() == version_shape.size() && begins_with_version(text); }

bool matches(std::string_view pattern, std::string_view bytes) {
    while (!pattern.empty()) {
        std::size_t used_pattern = 1;
        std::size_t used_bytes = 1;
        if (pattern.starts_with(any_version)) {
            if (!begins_with_version(bytes)) return false;
            used_pattern = any_version.size();
            used_bytes = version_shape.size();
        } else if (bytes.empty()) {
            return false;
        } else if (pattern.starts_with(any_byte)) {
            used_pattern = any_byte.size();
        } else if (pattern.front() != bytes.front()) {
            return false;
        }
        pattern.remove_prefix(used_pattern);
        bytes.remove_prefix(used_bytes);
    }
    return bytes.empty();
}

}  // namespace

std::string find_families(const std::string& built) {
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) return built;
    const auto installed = program.parent_path().parent_path() / "share" / "ringfence" / "families";
    return std::filesystem::is_directory(installed, error) ? installed.string() : built;
}

std::string_view to_string(Role role) {
    switch (role) {
        case Role::manifest: return "manifest";
        case Role::boot_manifest: return "boot-manifest";
        case Role::conversion_manifest: return "conversion-manifest";
        case Role::device_settings: return "device-settings";
    }
    return "";
}

std::string_view to_string(SettingType type) {
    switch (type) {
        case SettingType::boolean: return "boolean";
        case SettingType::choice: return "choice";
        case SettingType::integer: return "integer";
        case SettingType::port: return "port";
        case SettingType::host: return "host";
        case SettingType::text: return "text";
        case SettingType::list: return "list";
        case SettingType::timezone: return "timezone";
    }
    return "";
}

const Model* Family::find_model(std::string_view name) const {
    const auto at =
        std::find_if(models_.begin(), models_.end(), [&](const Model& model) { return model.name == name; });
    return at == models_.end() ? nullptr : &*at;
}

std::optional<RequestedFile> Family::recognise(std::string_view path) const {
    if (const auto at = paths_.find(path); at != paths_.end())
        return RequestedFile{at->second.role, at->second.model, std::nullopt};

    if (!path.starts_with(device_settings_prefix_) || !path.ends_with(device_settings_suffix_)) return std::nullopt;
    const std::size_t around = device_settings_prefix_.size() + device_settings_suffix_.size();
    constexpr std::size_t mac_digits = 12;
    if (path.size() != around + mac_digits) return std::nullopt;
    const auto mac = MacAddress::parse(path.substr(device_settings_prefix_.size(), mac_digits));
    if (!mac) return std::nullopt;
    return RequestedFile{Role::device_settings, {}, *mac};
}

std::string Family::manifest_name(std::string_view model) const {
    const Model* known = find_model(model);
    RINGFENCE_ASSERT(known != nullptr);
    return known->manifest_name;
}

std::string Family::device_settings_name(const MacAddress& mac) const {
    return device_settings_prefix_ + mac.bare_upper() + device_settings_suffix_;
}

bool Family::matches_user_agent(std::string_view bytes) const {
    return std::any_of(user_agents_.begin(), user_agents_.end(),
                       [&](const std::string& pattern) { return matches(pattern, bytes); });
}

bool Family::is_load_name(std::string_view version, std::string_view model) const {
    if (version.size() > limits_.firmware_version_length) return false;
    return std::any_of(models_.begin(), models_.end(), [&](const Model& known) {
        if (!model.empty() && known.name != model) return false;
        return version.starts_with(known.load_prefix) && is_version(version.substr(known.load_prefix.size()));
    });
}

bool Family::is_firmware_for(std::string_view load_name, std::string_view model) const {
    if (!model.empty()) return is_load_name(load_name, model);
    return !generic_models_.empty() && std::all_of(generic_models_.begin(), generic_models_.end(),
                                                   [&](const auto& each) { return is_load_name(load_name, each); });
}

std::optional<std::string> Family::find_load_name(std::string_view path) const {
    constexpr std::string_view firmware_suffix = ".bin";
    std::string_view name = path.substr(path.rfind('/') + 1);
    if (!name.ends_with(firmware_suffix)) return std::nullopt;
    name.remove_suffix(firmware_suffix.size());
    if (!is_load_name(name, {})) return std::nullopt;
    return std::string(name);
}

const SettingSpec* Family::find_setting(std::string_view name) const {
    const auto at = settings_.find(name);
    return at == settings_.end() ? nullptr : &at->second;
}

bool Family::is_public_by_default(phonefile::SectionKind section) const {
    return std::find(public_sections_.begin(), public_sections_.end(), section) != public_sections_.end();
}

}  // namespace ringfence::family
