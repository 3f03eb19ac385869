// What the folder of an old provisioning server holds, and what becomes of it here. Pure: the folder is read, and the
// plan carried out, by the caller. No sentence of a plan holds a value from a settings file or a login.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mac_address.h"
#include "base/secret.h"
#include "family/family.h"
#include "trust/access.h"

namespace ringfence::delivery {

// Phones' text files are far smaller (phonefile::max_file_size); what is larger is judged by its name alone.
inline constexpr std::size_t max_import_text = 256 * 1024;
inline constexpr std::size_t max_import_files = 20'000;        // a fleet of 10,000 with two files each
inline constexpr std::uint64_t max_import_file = 64ull << 20;  // as the registry takes it
inline constexpr std::uint64_t max_import_bytes = 4ull << 30;  // of the whole folder

struct OldFile {
    std::string path;  // below the folder, parted by '/'; raw bytes
    std::uint64_t size = 0;
    std::optional<std::string> text{};  // the content when it has at most max_import_text bytes
};

enum class OldFileKind {
    manifest,
    boot_manifest,
    conversion_manifest,
    device_settings,  // SIP<MAC>.cfg
    shared_settings,
    firmware,
    language,
    tones,
    root_certificate,
    other_section,  // named by a manifest in another section: dialling plan, licence, banner ...
    unknown,
};
std::string_view to_string(OldFileKind kind);  // "manifest", "device-settings" ...

enum class ImportAction {
    generate,  // not copied: Ringfence writes this file itself
    settings,  // its lines become typed settings
    keep,      // its bytes become a file here
    leave,     // not taken over
};
std::string_view to_string(ImportAction action);  // "generate", "settings", "keep", "leave"

struct ImportedSetting {
    std::string name;
    Secret value;
};

struct ImportItem {
    std::string old_path;  // printable
    OldFileKind kind = OldFileKind::unknown;
    ImportAction action = ImportAction::leave;
    std::string model;                // manifest and device_settings; empty: the name does not tell
    std::optional<MacAddress> mac{};  // device_settings
    std::string section;              // that it will be announced in; empty: none
    // For whom it is kept or set, one record each; empty: for every model. Not for device_settings.
    std::vector<std::string> models{};
    std::vector<std::string> announced_to{};  // firmware: the models whose manifests will name it
    trust::ContentClass content_class = trust::ContentClass::internal;
    bool is_manifest_with_login = false;
    std::string version;  // load name of a firmware
    std::vector<ImportedSetting> settings{};
    std::vector<std::string> differences{};  // what will be served differently, and why it is left
    std::vector<std::string> problems{};     // what phones drop, unknown names, values that are refused
};

struct ImportOptions {
    std::string model;            // of the devices; empty: the only model that has a manifest here
    bool raw = false;             // SIP<MAC>.cfg stays as it is instead of becoming settings
    bool keep_manifests = false;  // manifests stay as they are instead of being generated
};

struct ImportPlan {
    std::vector<ImportItem> items;  // in the order of the files
    // One above the highest VERSION that phones may hold; 0 when no manifest states one.
    std::uint32_t version_floor = 0;
    std::vector<std::string> notes;  // about the whole
    // Why this cannot be carried out as it stands; empty when it can.
    std::vector<std::string> obstacles;
};

// Whether at least half of the lines that phones would read name settings of the family.
bool looks_like_settings(const family::Family& family, std::string_view text);

ImportPlan plan_import(const family::Family& family, const std::vector<OldFile>& files, const ImportOptions& options);

}  // namespace ringfence::delivery
