// A phone family as data: what families/<name>/family.toml and settings.toml say of request paths, models, User-Agent,
// limits, section order and settings. Immutable once loaded and thread-safe; views and pointers that it hands out live
// as long as it does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mac_address.h"
#include "base/result.h"
#include "phonefile/manifest.h"

namespace ringfence::family {

// What a request path asks for.
enum class Role {
    manifest,             // 1230SIP.cfg and its aliases
    boot_manifest,        // 12xxBoot.cfg: read by the boot loader, which obeys [FW] only
    conversion_manifest,  // 1230.cfg: read by the UNIStim load; [FW], FORCED, over TFTP
    device_settings,      // SIP<MAC>.cfg
};
std::string_view to_string(Role role);  // "manifest", "boot-manifest", "conversion-manifest", "device-settings"

struct RequestedFile {
    Role role = Role::manifest;
    std::string model;              // empty: the name does not tell
    std::optional<MacAddress> mac;  // set exactly for device_settings. A name, never a proof
};

struct Model {
    std::string name;           // "1230", "1140e"
    std::string manifest_name;  // "1230SIP.cfg"
    std::string load_prefix;    // how its firmware's load names begin: "SIP12x0"
    bool verifies_rsa_only = false;
    bool needs_legacy_tls = false;  // speaks nothing that the main HTTPS door accepts
};

enum class SettingType {
    boolean,   // YES or NO
    choice,    // one of `allowed`
    integer,   // min..max
    port,      // min..max, within 0..65535
    host,      // IPv4 or IPv6 address or DNS name
    text,      // min..max characters; may be empty if min is 0
    list,      // some of `allowed`, parted by ',', none twice
    timezone,  // seconds east of Greenwich in quarter hours, min..max
};
std::string_view to_string(SettingType type);

struct SettingSpec {
    std::string name;   // "SERVER_IP1_2"; numbered names are listed one by one
    std::string group;  // "network", "time" ...
    SettingType type = SettingType::text;
    std::vector<std::string> allowed;  // choice and list
    std::vector<std::string> refused;  // values that the type allows and the phone does not take
    std::int64_t min = 0;
    std::int64_t max = 0;
    std::optional<std::string> default_value;  // what undoes it; empty: no value is known to
    std::optional<std::string> safe_value;     // set exactly if it needs a licence: what an unlicensed phone bears
    bool is_secret = false;
    bool is_public = false;  // may travel in clear before HTTPS
    bool needs_restart = false;
    std::string purpose;  // a short line for administrators

    bool needs_licence() const { return safe_value.has_value(); }
};

struct Limits {
    std::size_t line_length = 0;  // of what we write
    std::size_t language_files = 0;
    std::size_t tone_files = 0;
    std::uint64_t version_max = 0;
    std::size_t version_digits_min = 0;
    std::size_t version_digits_max = 0;
    std::size_t firmware_version_length = 0;
    std::size_t pkcs12_password_length = 0;
    std::string pkcs12_password_alphabet;
    std::size_t trust_list_bytes = 0;
    std::size_t trust_list_certificates = 0;
    std::size_t revocation_entries = 0;
};

// The family of the 1100 and 1200 sets.
inline constexpr std::string_view avaya_1200 = "avaya-1200";

// The folder of the families: beside the installed program that runs, else where it was built.
std::string find_families(const std::string& built);

class Family {
public:
    // Faults: not_found or unavailable for the two files, malformed with file and line for what they say.
    static Result<Family> load(const std::string& directory);
    // The same from the texts of family.toml and settings.toml.
    static Result<Family> parse(std::string_view family_toml, std::string_view settings_toml);

    const std::string& name() const { return name_; }  // "avaya-1200"

    const std::vector<Model>& models() const { return models_; }
    const Model* find_model(std::string_view name) const;  // exact case; null when absent
    bool has_model(std::string_view name) const { return find_model(name) != nullptr; }

    // What a path of this family asks for; nothing when it is an ordinary file. Exact case, but the MAC's digits may be
    // in either. A path with a folder is an ordinary file.
    std::optional<RequestedFile> recognise(std::string_view path) const;
    std::string manifest_name(std::string_view model) const;        // the model must exist
    std::string device_settings_name(const MacAddress& mac) const;  // MAC in upper case

    // Takes raw bytes: a 12x0 sends one byte that is no text (0x14, 0x16, 0x17 or 0xFF).
    bool matches_user_agent(std::string_view bytes) const;

    // Whether `version` is the load name of a firmware for `model` (empty: of any), as [FW] carries it.
    bool is_load_name(std::string_view version, std::string_view model) const;
    // Whether a manifest may tell of that firmware: it suits the model, or, without a model, every set that the names
    // without one stand for.
    bool is_firmware_for(std::string_view load_name, std::string_view model) const;
    // The load name in a firmware's file name: "fw/SIP12x004.04.09.00.bin" -> "SIP12x004.04.09.00".
    std::optional<std::string> find_load_name(std::string_view path) const;

    const SettingSpec* find_setting(std::string_view name) const;  // exact case; null when absent
    const std::map<std::string, SettingSpec, std::less<>>& settings() const { return settings_; }
    // Name and safe value of each setting that needs a licence.
    const std::vector<std::pair<std::string, std::string>>& licence_defaults() const { return licence_defaults_; }

    const std::vector<phonefile::SectionKind>& section_order() const { return section_order_; }  // every kind once
    bool is_public_by_default(phonefile::SectionKind section) const;
    const Limits& limits() const { return limits_; }

private:
    friend class FamilyReader;
    Family() = default;

    struct KnownPath {
        Role role = Role::manifest;
        std::string model;
    };

    std::string name_;
    std::vector<Model> models_;
    std::vector<std::string> generic_models_;  // that the names without a model stand for
    std::map<std::string, KnownPath, std::less<>> paths_;
    std::string device_settings_prefix_;
    std::string device_settings_suffix_;
    std::vector<std::string> user_agents_;
    std::map<std::string, SettingSpec, std::less<>> settings_;
    std::vector<std::pair<std::string, std::string>> licence_defaults_;  // kept apart: asked for with every file
    std::vector<phonefile::SectionKind> section_order_;
    std::vector<phonefile::SectionKind> public_sections_;
    Limits limits_;
};

// Refuses a value that the phone would misread or not take, with the reason: malformed, or too_large for the line. The
// message never holds the value of a secret setting.
Status check_value(const SettingSpec& spec, std::string_view value);

}  // namespace ringfence::family
