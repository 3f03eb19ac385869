#include "delivery/import_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "crypto/certificate.h"
#include "delivery/installation.h"
#include "delivery/path.h"
#include "delivery/secret_lines.h"
#include "phonefile/manifest.h"
#include "phonefile/settings_file.h"
#include "registry/records.h"

namespace ringfence::delivery {

namespace {

using family::Family;
using family::Role;
using phonefile::ManifestReading;
using phonefile::Section;
using phonefile::SectionKind;
using trust::ContentClass;

constexpr std::size_t max_named_problems = 12;  // per file, so that a wrong file does not fill the screen

// What the manifests of the folder say of one file.
struct Reference {
    SectionKind kind = SectionKind::device_config;
    std::set<std::string> models;
    bool by_generic = false;  // a manifest without a model names it
    std::string version;      // of the section, as last stated
};

std::string_view drop_slash(std::string_view path) {
    if (path.starts_with('/')) path.remove_prefix(1);
    return path;
}

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool ends_ignoring_case(std::string_view text, std::string_view ending) {
    return text.size() >= ending.size() && equals_ignoring_case(text.substr(text.size() - ending.size()), ending);
}

bool is_manifest(Role role) { return role != Role::device_settings; }

OldFileKind kind_of(Role role) {
    switch (role) {
        case Role::manifest: return OldFileKind::manifest;
        case Role::boot_manifest: return OldFileKind::boot_manifest;
        case Role::conversion_manifest: return OldFileKind::conversion_manifest;
        case Role::device_settings: return OldFileKind::device_settings;
    }
    return OldFileKind::unknown;
}

OldFileKind kind_of(SectionKind section) {
    switch (section) {
        case SectionKind::device_config: return OldFileKind::shared_settings;
        case SectionKind::fw: return OldFileKind::firmware;
        case SectionKind::language: return OldFileKind::language;
        case SectionKind::tones: return OldFileKind::tones;
        case SectionKind::user_keys: return OldFileKind::root_certificate;
        default: return OldFileKind::other_section;
    }
}

bool has_login(const Section& section) { return !section.user_name.empty() || !section.password.empty(); }

class Planner {
public:
    Planner(const Family& family, const std::vector<OldFile>& files, const ImportOptions& options)
        : family_(family), files_(files), options_(options) {}

    ImportPlan plan() {
        read_manifests();
        choose_device_model();
        for (const OldFile& file : files_) plan_.items.push_back(judge(file));
        note_double_settings();
        note_too_many(OldFileKind::language, family_.limits().language_files);
        note_too_many(OldFileKind::tones, family_.limits().tone_files);
        set_version_floor();
        return std::move(plan_);
    }

private:
    void read_manifests() {
        for (const OldFile& file : files_) {
            const auto asked = family_.recognise(file.path);
            if (!asked || !is_manifest(asked->role) || !file.text) continue;
            auto reading = phonefile::parse_manifest_as_phone(*file.text);
            if (!reading) continue;
            for (const Section& section : reading->manifest.sections) note_section(section, *asked);
            if (asked->role == Role::manifest && !asked->model.empty()) manifest_models_.insert(asked->model);
            manifests_.emplace(file.path, std::move(*reading));
        }
    }

    void note_section(const Section& section, const family::RequestedFile& asked) {
        if (section.kind != SectionKind::fw) note_version(section.version);
        for (const auto& name : section.filenames) {
            if (name.find('*') != std::string::npos) continue;
            Reference& reference = references_[std::string(drop_slash(name))];
            reference.kind = section.kind;
            reference.version = section.version;
            // The boot loader's manifests announce firmware for conversions, not for daily use.
            if (asked.model.empty())
                reference.by_generic = true;
            else
                reference.models.insert(asked.model);
        }
    }

    void note_version(const std::string& text) {
        const auto version = parse_number(text);
        if (!version) return;
        highest_version_ = std::max(highest_version_, *version);
    }

    void choose_device_model() {
        device_model_ = options_.model;
        if (device_model_.empty() && manifest_models_.size() == 1) device_model_ = *manifest_models_.begin();
    }

    ImportItem judge(const OldFile& file) {
        ImportItem item = judge_alone(file);
        const bool opens_bytes = item.action == ImportAction::keep && item.content_class != ContentClass::secret;
        if (!opens_bytes || !file.text) return item;
        const auto secret = find_secret_line(family_, *file.text);
        if (!secret) return item;
        ImportItem left;
        left.old_path = std::move(item.old_path);
        left.kind = item.kind;
        return leave(std::move(left),
                     fmt::format("line {}: {} is a secret, which others would read", secret->line, secret->name));
    }

    ImportItem judge_alone(const OldFile& file) {
        ImportItem item;
        item.old_path = printable(file.path);
        const auto path = parse_path(file.path);
        if (!path) return leave(std::move(item), "phones cannot ask for this name: " + path.error().message);
        if (file.size > max_import_file) return leave(std::move(item), "it is larger than any file of a phone");
        if (file.text && file.text->find("PRIVATE KEY-----") != std::string::npos)
            return leave(std::move(item), "it holds a private key, which must not be served");
        if (file.path == root_file_path)
            return leave(std::move(item), "Ringfence serves its own root certificate under this name");
        if (const auto asked = family_.recognise(file.path)) return judge_known(file, *asked, std::move(item));

        const auto reference = references_.find(file.path);
        if (reference != references_.end()) return judge_referenced(file, reference->second, std::move(item));
        return judge_by_content(file, std::move(item));
    }

    static ImportItem leave(ImportItem item, std::string why) {
        item.action = ImportAction::leave;
        item.differences.push_back("left behind: " + std::move(why));
        return item;
    }

    // ---- Names that the family knows

    ImportItem judge_known(const OldFile& file, const family::RequestedFile& asked, ImportItem item) {
        item.kind = kind_of(asked.role);
        item.model = asked.model;
        item.mac = asked.mac;
        if (asked.role == Role::device_settings) return judge_device(file, std::move(item));
        const auto reading = manifests_.find(file.path);
        if (reading == manifests_.end()) return leave(std::move(item), "it is too large for a manifest");
        add_dropped(item, reading->second.dropped);
        if (asked.role == Role::manifest && options_.keep_manifests)
            return keep_manifest(*file.text, reading->second.manifest, std::move(item));
        item.action = ImportAction::generate;
        item.content_class = ContentClass::public_;
        item.differences.push_back("generated from now on, from the files put and the settings made here");
        for (const Section& section : reading->second.manifest.sections) {
            if (asked.role == Role::manifest) {
                compare_wire(section, "will be fetched over HTTPS", item);
                compare_login(section, item);
            } else if (section.kind != SectionKind::fw) {
                continue;  // the load that reads it obeys no other section
            }
            compare_server(section, item);
            compare_mode(section, asked.role, item);
            compare_load_name(section, item);
        }
        return item;
    }

    static void compare_login(const Section& section, ImportItem& item) {
        if (!has_login(section)) return;
        item.differences.push_back(fmt::format("the login of [{}] is not taken over: every phone gets its own",
                                               phonefile::to_string(section.kind)));
    }

    static void compare_server(const Section& section, ImportItem& item) {
        if (section.server.empty()) return;
        item.differences.push_back(fmt::format("[{}] names SERVER_IP {}: it will come from this server",
                                               phonefile::to_string(section.kind), printable(section.server)));
    }

    static void compare_mode(const Section& section, Role role, ImportItem& item) {
        using phonefile::DownloadMode;
        const bool forced = section.kind == SectionKind::user_config || role == Role::conversion_manifest;
        if (forced == (section.download_mode == DownloadMode::forced)) return;
        item.differences.push_back(
            fmt::format("[{}] was {}: it will be {}", phonefile::to_string(section.kind),
                        phonefile::to_string(section.download_mode),
                        forced ? "FORCED, fetched at every start" : "AUTO, fetched when its VERSION is higher"));
    }

    // Sets compare the two spellings as texts (reference 2.5).
    void compare_load_name(const Section& section, ImportItem& item) const {
        if (section.kind != SectionKind::fw || section.filenames.empty()) return;
        const auto load_name = family_.find_load_name(section.filenames.front());
        if (!load_name || *load_name == section.version) return;
        item.differences.push_back(
            fmt::format("[FW] stated VERSION {}: it will be {}, which sets that hold the other spelling may load again "
                        "or never",
                        printable(section.version), *load_name));
    }

    void compare_wire(const Section& section, std::string_view what_follows, ImportItem& item) const {
        if (section.protocol == Protocol::https || family_.is_public_by_default(section.kind)) return;
        item.differences.push_back(fmt::format("[{}] was fetched over {}: it {}", phonefile::to_string(section.kind),
                                               to_upper(to_string(section.protocol)), what_follows));
    }

    ImportItem keep_manifest(std::string_view text, const phonefile::Manifest& manifest, ImportItem item) const {
        item.action = ImportAction::keep;
        item.content_class = ContentClass::public_;
        // The bytes are served, not what phones make of them.
        const auto secret = find_secret_line(family_, text);
        item.is_manifest_with_login = secret.has_value();
        if (!item.model.empty()) item.models = {item.model};
        for (const Section& section : manifest.sections) {
            compare_wire(section, "will not be served that way, only over HTTPS", item);
            item.is_manifest_with_login = item.is_manifest_with_login || has_login(section);
        }
        if (item.is_manifest_with_login) {
            item.content_class = ContentClass::secret;
            item.differences.push_back(fmt::format(
                "{}: served only over HTTPS to devices of ours and inside a staging window",
                secret ? fmt::format("line {} carries {}", secret->line, secret->name) : "it carries a login"));
        }
        return item;
    }

    ImportItem judge_device(const OldFile& file, ImportItem item) {
        if (!file.text) return leave(std::move(item), "it is too large for a settings file");
        if (!seen_devices_.insert(*item.mac).second)
            return leave(std::move(item), "another file stands for the same set");
        auto reading = phonefile::parse_settings_as_phone(*file.text);
        if (!reading) return leave(std::move(item), reading.error().message);
        item.model = device_model_;
        item.content_class = ContentClass::secret;
        add_dropped(item, reading->dropped);
        const bool secret = take_settings(*reading, item, options_.raw);
        item.differences.push_back(
            fmt::format("{}will be served only over HTTPS to that device", secret ? "it carries a password: " : ""));
        item.action = options_.raw ? ImportAction::keep : ImportAction::settings;
        if (options_.raw) item.settings.clear();
        if (device_model_.empty()) need_model();
        return item;
    }

    void need_model() {
        if (!plan_.obstacles.empty()) return;
        plan_.obstacles.push_back("the folder does not tell the model of its SIP<MAC>.cfg sets: name it with --model");
    }

    // ---- Files that a manifest names

    ImportItem judge_referenced(const OldFile& file, const Reference& reference, ImportItem item) {
        item.kind = kind_of(reference.kind);
        switch (item.kind) {
            case OldFileKind::shared_settings: return judge_shared(file, &reference, std::move(item));
            case OldFileKind::root_certificate: return judge_root(file, std::move(item));
            case OldFileKind::firmware: return judge_firmware(file, &reference, std::move(item));
            default: break;
        }
        if (reference.kind == SectionKind::dev_cert)
            return leave(std::move(item), "device certificates come from Ringfence's own authority: cert issue");
        keep_for(reference, item);
        announce(file, phonefile::to_string(reference.kind), item);
        item.content_class =
            family_.is_public_by_default(reference.kind) ? ContentClass::public_ : ContentClass::internal;
        if (item.content_class == ContentClass::internal)
            item.differences.push_back("served only over HTTPS, to devices of ours or with the site's login");
        return item;
    }

    void keep_for(const Reference& reference, ImportItem& item) const {
        item.action = ImportAction::keep;
        const bool for_all = reference.by_generic || reference.models == manifest_models_;
        if (!for_all) item.models.assign(reference.models.begin(), reference.models.end());
    }

    void announce(const OldFile& file, std::string_view section, ImportItem& item) const {
        const auto fits = phonefile::check_written_value("FILENAME", file.path);
        if (fits && file.path.find(' ') == std::string::npos) {
            item.section = section;
            return;
        }
        item.problems.push_back("a manifest cannot carry this name, so no phone will be told of it");
    }

    ImportItem judge_shared(const OldFile& file, const Reference* reference, ImportItem item) {
        item.kind = OldFileKind::shared_settings;
        if (!file.text) return leave(std::move(item), "it is too large for a settings file");
        auto reading = phonefile::parse_settings_as_phone(*file.text);
        if (!reading) return leave(std::move(item), reading.error().message);
        if (reference != nullptr) keep_for(*reference, item);
        item.action = ImportAction::settings;
        add_dropped(item, reading->dropped);
        const bool secret = take_settings(*reading, item, false);
        item.content_class = secret ? ContentClass::secret : ContentClass::internal;
        item.differences.push_back(fmt::format(
            "{}its lines become {} settings, part of each device's own file over HTTPS; the time server stays public",
            secret ? "it carries a password: " : "", item.models.empty() ? "global" : "model"));
        return item;
    }

    ImportItem judge_root(const OldFile& file, ImportItem item) {
        item.kind = OldFileKind::root_certificate;
        const bool is_certificates = file.text && crypto::Certificate::parse_bundle(*file.text);
        if (!is_certificates) return leave(std::move(item), "it holds no certificate in PEM form");
        item.action = ImportAction::keep;
        item.content_class = ContentClass::public_;
        item.differences.push_back("served by its name, but no longer announced: [USER_KEYS] names Ringfence's root");
        item.differences.push_back("sets that hold this root take another one only if it is signed below it");
        return item;
    }

    ImportItem judge_firmware(const OldFile& file, const Reference* reference, ImportItem item) {
        item.kind = OldFileKind::firmware;
        item.action = ImportAction::keep;
        item.content_class = ContentClass::public_;
        item.version = family_.find_load_name(file.path).value_or("");
        if (item.version.empty() && reference != nullptr && family_.is_load_name(reference->version, ""))
            item.version = reference->version;
        if (reference == nullptr) {
            item.differences.push_back("no manifest names it: served by its name, but not announced");
            return item;
        }
        if (item.version.empty()) {
            item.problems.push_back("its load name is not known, so no phone will be told of it");
            return item;
        }
        for (const auto& model : family_.models())
            if ((reference->by_generic || reference->models.contains(model.name)) &&
                family_.is_load_name(item.version, model.name))
                item.announced_to.push_back(model.name);
        // By a manifest without a model it is told to all that it suits, and by that manifest again.
        if (!reference->by_generic) item.models = item.announced_to;
        if (item.announced_to.empty())
            item.problems.push_back(item.version + " suits no model whose manifest names it");
        else
            announce(file, registry::firmware_section, item);
        return item;
    }

    // ---- Files that nothing names

    ImportItem judge_by_content(const OldFile& file, ImportItem item) {
        if (file.text && file.text->find(crypto::Certificate::pem_begin) != std::string::npos)
            return judge_root(file, std::move(item));
        if (family_.find_load_name(file.path)) return judge_firmware(file, nullptr, std::move(item));
        if (ends_ignoring_case(file.path, ".lng")) return judge_unannounced(OldFileKind::language, std::move(item));
        if (ends_ignoring_case(file.path, ".wav")) return judge_unannounced(OldFileKind::tones, std::move(item));
        if (file.text && ends_ignoring_case(file_name(file.path), ".cfg") && looks_like_settings(family_, *file.text)) {
            item.kind = OldFileKind::shared_settings;
            return leave(std::move(item), "it looks like shared settings, but no manifest names it");
        }
        return leave(std::move(item), "what it is for is not known");
    }

    static ImportItem judge_unannounced(OldFileKind kind, ImportItem item) {
        item.kind = kind;
        item.action = ImportAction::keep;
        item.content_class = ContentClass::public_;
        item.differences.push_back("no manifest names it: served by its name, but not announced");
        return item;
    }

    // ---- Parts

    // True when one of the values is a secret.
    bool take_settings(const phonefile::SettingsReading& reading, ImportItem& item, bool kept_whole) const {
        const auto unfit = find_unfit_settings(family_, reading);
        bool secret = false;
        for (const auto& line : reading.file.lines) {
            const auto* spec = family_.find_setting(line.name);
            const bool is_secret = spec == nullptr ? sounds_secret(line.name) : spec->is_secret;
            secret = secret || (is_secret && !line.value.empty());
            if (!unfit.contains(line.line)) item.settings.push_back({line.name, line.value});
        }
        std::vector<std::string> problems;
        for (const auto& [line, reason] : unfit)
            problems.push_back(fmt::format("line {}: {}{}", line, reason, kept_whole ? "" : "; it is left out"));
        add_problems(item, std::move(problems));
        return secret;
    }

    static void add_dropped(ImportItem& item, const std::vector<phonefile::Dropped>& dropped) {
        std::vector<std::string> problems;
        for (const auto& drop : dropped) {
            const std::string lines = drop.last_line > drop.line
                                          ? fmt::format("lines {} to {}", drop.line, drop.last_line)
                                          : fmt::format("line {}", drop.line);
            problems.push_back(fmt::format("{}: phones skip it: {}", lines, drop.reason));
        }
        add_problems(item, std::move(problems));
    }

    static void add_problems(ImportItem& item, std::vector<std::string> problems) {
        const std::size_t shown = std::min(problems.size(), max_named_problems);
        item.problems.insert(item.problems.end(), problems.begin(),
                             problems.begin() + static_cast<std::ptrdiff_t>(shown));
        if (problems.size() > shown)
            item.problems.push_back(fmt::format("and {} more of this sort", problems.size() - shown));
    }

    // ---- The whole

    void note_double_settings() {
        std::map<std::pair<std::string, std::string>, const ImportItem*> first;
        for (const ImportItem& item : plan_.items) {
            if (item.kind != OldFileKind::shared_settings || item.action != ImportAction::settings) continue;
            const auto models = item.models.empty() ? std::vector<std::string>{""} : item.models;
            for (const auto& model : models)
                for (const auto& setting : item.settings) {
                    const auto known = first.emplace(std::pair(model, setting.name), &item);
                    if (known.second) continue;
                    plan_.notes.push_back(fmt::format("{} stands in {} and in {}: the latter's value is taken",
                                                      setting.name, known.first->second->old_path, item.old_path));
                }
        }
    }

    void note_too_many(OldFileKind kind, std::size_t limit) {
        const auto count = std::count_if(plan_.items.begin(), plan_.items.end(), [&](const ImportItem& item) {
            return item.kind == kind && !item.section.empty();
        });
        if (static_cast<std::size_t>(count) <= limit) return;
        plan_.notes.push_back(
            fmt::format("a set holds at most {} {} files: only the first ones are announced", limit, to_string(kind)));
    }

    void set_version_floor() {
        if (highest_version_ == 0) return;
        if (highest_version_ >= registry::highest_version) {
            plan_.notes.push_back(fmt::format(
                "a manifest states VERSION {}: sets that hold it see nothing as newer until their user data are erased",
                highest_version_));
            return;
        }
        if (highest_version_ >= registry::highest_chosen_version) {
            plan_.obstacles.push_back(fmt::format(
                "a manifest states VERSION {}, and the numbers from {} on are kept for the changes to come: lower it "
                "there, and erase the user data of the sets that hold it",
                highest_version_, registry::highest_chosen_version));
            return;
        }
        plan_.version_floor = static_cast<std::uint32_t>(highest_version_ + 1);
    }

    const Family& family_;
    const std::vector<OldFile>& files_;
    const ImportOptions& options_;
    ImportPlan plan_;
    std::map<std::string, ManifestReading> manifests_;
    std::map<std::string, Reference> references_;
    std::set<std::string> manifest_models_;
    std::set<MacAddress> seen_devices_;
    std::string device_model_;
    std::uint64_t highest_version_ = 0;
};

}  // namespace

std::string_view to_string(OldFileKind kind) {
    switch (kind) {
        case OldFileKind::manifest: return "manifest";
        case OldFileKind::boot_manifest: return "boot-manifest";
        case OldFileKind::conversion_manifest: return "conversion-manifest";
        case OldFileKind::device_settings: return "device-settings";
        case OldFileKind::shared_settings: return "shared-settings";
        case OldFileKind::firmware: return "firmware";
        case OldFileKind::language: return "language";
        case OldFileKind::tones: return "tones";
        case OldFileKind::root_certificate: return "root-certificate";
        case OldFileKind::other_section: return "other-section";
        case OldFileKind::unknown: return "unknown";
    }
    return "unknown";
}

std::string_view to_string(ImportAction action) {
    switch (action) {
        case ImportAction::generate: return "generate";
        case ImportAction::settings: return "settings";
        case ImportAction::keep: return "keep";
        case ImportAction::leave: return "leave";
    }
    return "leave";
}

bool looks_like_settings(const Family& family, std::string_view text) {
    const auto reading = phonefile::parse_settings_as_phone(text);
    if (!reading || reading->file.lines.empty()) return false;
    const auto known = std::count_if(reading->file.lines.begin(), reading->file.lines.end(),
                                     [&](const auto& line) { return family.find_setting(line.name) != nullptr; });
    return static_cast<std::size_t>(known) * 2 >= reading->file.lines.size();
}

ImportPlan plan_import(const Family& family, const std::vector<OldFile>& files, const ImportOptions& options) {
    return Planner(family, files, options).plan();
}

}  // namespace ringfence::delivery
