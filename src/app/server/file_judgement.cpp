#include "app/server/file_judgement.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "crypto/certificate.h"
#include "delivery/import_plan.h"
#include "delivery/installation.h"
#include "delivery/manifest_builder.h"
#include "delivery/path.h"
#include "delivery/secret_lines.h"
#include "phonefile/manifest.h"
#include "phonefile/settings_file.h"
#include "phonefile/signed_file.h"

namespace ringfence::app {

namespace {

using family::Role;
using phonefile::SectionKind;
using registry::FileRecord;
using trust::ContentClass;

tl::unexpected<Fault> refuse(std::string sentence) { return fail(FaultCode::forbidden, std::move(sentence)); }

void add_dropped(const std::vector<phonefile::Dropped>& dropped, std::vector<std::string>& warnings) {
    for (const auto& drop : dropped)
        warnings.push_back(fmt::format("line {}: a set skips it: {}", drop.line, drop.reason));
}

bool has_login(const phonefile::Manifest& manifest) {
    for (const auto& section : manifest.sections)
        if (!section.user_name.empty() || !section.password.empty()) return true;
    return false;
}

class Judge {
public:
    Judge(const family::Family& family, const FileWish& wish, std::string_view bytes)
        : family_(family), wish_(wish), bytes_(bytes), content_(phonefile::split_signed(bytes).content) {}

    Result<FileJudgement> judge() {
        auto path = delivery::parse_path(wish_.path);
        if (!path) return fail(std::move(path).error());
        record().path = std::move(*path);
        record().model = wish_.model;
        record().site = wish_.site;
        record().owner = wish_.device;
        if (!wish_.model.empty() && !family_.has_model(wish_.model))
            return fail(FaultCode::malformed, "there is no model " + printable(wish_.model));
        if (const auto status = refuse_own_names(); !status) return fail(status.error());
        if (const auto status = judge_content(); !status) return fail(status.error());
        return std::move(out_);
    }

private:
    FileRecord& record() { return out_.record; }

    Status refuse_own_names() {
        const std::string& path = record().path;
        if (path.find('*') != std::string::npos)
            return refuse(
                "sets put their MAC in the place of '*', so nothing is asked for under this name: put each set's file "
                "under its own, with --class secret and --device");
        if (path == delivery::root_file_path) return refuse(path + " is Ringfence's own root certificate");
        if (delivery::parse_common_settings_path(family_, path))
            return refuse(path + " is written by Ringfence from the public settings");
        if (bytes_.find("PRIVATE KEY-----") != std::string_view::npos)
            return refuse("it holds a private key; cert issue hands out keys, file put does not");
        return {};
    }

    Status judge_content() {
        const auto asked = family_.recognise(record().path);
        if (asked && asked->role == Role::device_settings) return judge_device_file(*asked->mac);
        if (asked) return judge_manifest(asked->model);
        return judge_ordinary();
    }

    // ---- SIP<MAC>.cfg

    Status judge_device_file(const MacAddress& mac) {
        if (!wish_.section.empty() || !wish_.model.empty() || !wish_.site.empty() || !wish_.version.empty())
            return refuse("a SIP<MAC>.cfg file takes no section, model, site or version: it belongs to one set");
        if (wish_.content_class && *wish_.content_class != ContentClass::secret)
            return refuse("a SIP<MAC>.cfg file is always secret: only its own set may read it");
        if (wish_.device && *wish_.device != mac) return refuse("its name says that it belongs to " + mac.colons());
        record().path = family_.device_settings_name(mac);
        record().owner = mac;
        record().content_class = ContentClass::secret;
        out_.remarks.push_back("typed settings no longer reach this set while the file stands");
        return judge_settings();
    }

    Status judge_settings() {
        const auto reading = phonefile::parse_settings_as_phone(content_);
        if (!reading) return fail(reading.error());
        add_dropped(reading->dropped, out_.warnings);
        for (const auto& [line, reason] : delivery::find_unfit_settings(family_, *reading))
            out_.warnings.push_back(fmt::format("line {}: {}", line, reason));
        return {};
    }

    // ---- 1230SIP.cfg and the like

    Status judge_manifest(const std::string& model) {
        if (!wish_.section.empty() || !wish_.version.empty())
            return refuse("a manifest is in no section and has no version of its own");
        if (!wish_.model.empty() && wish_.model != model)
            return refuse(fmt::format("{} is the manifest of model {}", record().path, model.empty() ? "none" : model));
        if (wish_.device) return refuse("a manifest is read by all sets of its model: it belongs to none");
        record().model.clear();
        const auto reading = phonefile::parse_manifest_as_phone(content_);
        if (!reading) return fail(reading.error());
        add_dropped(reading->dropped, out_.warnings);
        if (reading->dropped.empty()) {
            const auto strict = phonefile::parse_manifest_strict(content_);
            if (!strict) out_.warnings.push_back(strict.error().message);
        }
        // The bytes are served, not what phones make of them.
        const auto secret = delivery::find_secret_line(family_, bytes_);
        record().is_manifest_with_login = secret || has_login(reading->manifest);
        record().content_class = record().is_manifest_with_login ? ContentClass::secret : ContentClass::public_;
        if (wish_.content_class && *wish_.content_class != record().content_class)
            return refuse(record().is_manifest_with_login
                              ? carried(secret) + ", which makes it secret"
                              : "a manifest without a login is public: a set has no proof yet when it asks for it");
        if (record().is_manifest_with_login)
            out_.remarks.push_back(carried(secret) +
                                   ": handed out only over HTTPS to devices of ours, and in a staging window");
        out_.remarks.emplace_back("it stands in the place of the generated manifest");
        warn_of_closed_wires(reading->manifest);
        return {};
    }

    static std::string carried(const std::optional<delivery::SecretLine>& secret) {
        return secret ? fmt::format("line {} carries {}", secret->line, secret->name) : "it carries a login";
    }

    void warn_of_closed_wires(const phonefile::Manifest& manifest) {
        for (const auto& section : manifest.sections) {
            if (section.kind != SectionKind::user_config || section.protocol == Protocol::https) continue;
            out_.warnings.push_back(
                fmt::format("line {}: [USER_CONFIG] names {}, but SIP<MAC>.cfg is served over HTTPS only", section.line,
                            to_upper(to_string(section.protocol))));
        }
    }

    // ---- All others

    Status judge_ordinary() {
        std::optional<SectionKind> section;
        if (!wish_.section.empty()) {
            section = phonefile::parse_section_kind(wish_.section);
            if (!section) return fail(FaultCode::malformed, "there is no section " + printable(wish_.section));
            if (section == SectionKind::user_config)
                return refuse("[USER_CONFIG] names no file; put SIP<MAC>.cfg itself, without a section");
            record().section = phonefile::to_string(*section);
        }
        const bool is_public = section && family_.is_public_by_default(*section);
        record().content_class =
            wish_.content_class.value_or(is_public ? ContentClass::public_ : ContentClass::internal);
        if (const auto status = judge_owner(); !status) return status;
        if (const auto status = judge_announcement(); !status) return status;
        if (const auto status = refuse_secrets(); !status) return status;
        if (!section && delivery::looks_like_settings(family_, bytes_))
            out_.remarks.emplace_back(
                "it looks like settings, but without a section no set is told of it: --section DEVICE_CONFIG");
        if (section == SectionKind::fw) return judge_firmware();
        if (section == SectionKind::user_keys) return judge_root();
        if (section == SectionKind::device_config) return judge_shared_settings();
        return judge_version();
    }

    Status judge_owner() const {
        const bool is_secret = out_.record.content_class == ContentClass::secret;
        if (is_secret && !wish_.device)
            return refuse("a secret belongs to one device: name it with --device, or put the values as settings");
        if (!is_secret && wish_.device) return refuse("only a secret file belongs to one device: add --class secret");
        if (is_secret && !wish_.section.empty()) return judge_pattern();
        return {};
    }

    // A manifest is read by all sets of a model: it can tell of one set's file only by a pattern that suits each.
    Status judge_pattern() const {
        if (out_.record.section != phonefile::to_string(SectionKind::dev_cert))
            return refuse("a manifest is read by all sets of a model, so it cannot announce one set's secret file");
        if (delivery::announced_name(out_.record) == out_.record.path)
            return refuse("a set asks for its own file by its MAC: the path must hold " + wish_.device->bare_upper());
        return {};
    }

    Status refuse_secrets() const {
        const ContentClass content_class = out_.record.content_class;
        if (content_class == ContentClass::secret) return {};
        const auto secret = delivery::find_secret_line(family_, bytes_);
        if (!secret) return {};
        return refuse(fmt::format("line {}: {} is a secret, and {} would read it{}", secret->line, secret->name,
                                  content_class == ContentClass::public_ ? "everybody" : "every device",
                                  secret->is_login ? "" : "; use setting set"));
    }

    // The line of the manifest must be one that a set reads.
    Status judge_announcement() const {
        if (out_.record.section.empty()) return {};
        const std::string& path = out_.record.path;
        auto fits = phonefile::check_written_value("FILENAME", path);
        if (!fits) return fits;
        if (path.find(' ') != std::string::npos)
            return fail(FaultCode::malformed, "a path with a blank cannot stand in a manifest");
        return {};
    }

    Status judge_version() {
        record().version = wish_.version;
        if (wish_.version.empty()) return {};
        if (record().section.empty())
            return refuse("a version means nothing outside a manifest section: add --section");
        const auto version = parse_number(wish_.version);
        if (!version || *version == 0 || *version > registry::highest_chosen_version)
            return fail(FaultCode::malformed,
                        fmt::format("the version must be a number from 1 to {}; the {} numbers above are kept for the "
                                    "changes to come",
                                    registry::highest_chosen_version, registry::version_reserve));
        return {};
    }

    Status judge_firmware() {
        if (record().content_class != ContentClass::public_)
            out_.remarks.emplace_back("firmware that is not public cannot be fetched by the boot loader");
        record().version = wish_.version;
        if (record().version.empty()) record().version = family_.find_load_name(record().path).value_or("");
        if (record().version.empty()) record().version = family_.find_load_name(wish_.file_name).value_or("");
        if (record().version.empty())
            return fail(
                FaultCode::malformed,
                "[FW] needs the load name, such as SIP12x004.04.09.00: give it with --version, or name the file "
                "after it");
        if (!family_.is_load_name(record().version, wish_.model))
            return fail(FaultCode::malformed,
                        fmt::format("{} is no load name{}", printable(record().version),
                                    wish_.model.empty() ? std::string() : " of model " + wish_.model));
        return {};
    }

    // A set takes the first root only, so this one stands in the place of our own.
    Status judge_root() {
        const auto certificates = crypto::Certificate::parse_bundle(content_);
        if (!certificates) return fail(certificates.error().within("[USER_KEYS] takes certificates in PEM form"));
        const auto own = crypto::Certificate::parse_bundle(wish_.own_root);
        if (!own) return fail(own.error());
        const bool holds_own = std::all_of(own->begin(), own->end(), [&](const auto& certificate) {
            return std::find(certificates->begin(), certificates->end(), certificate) != certificates->end();
        });
        out_.remarks.push_back("announced in the place of " + std::string(delivery::root_file_path));
        if (!holds_own)
            out_.warnings.push_back("it lacks certificates of " + std::string(delivery::root_file_path) +
                                    ": sets that hold it alone cannot verify this server");
        return judge_version();
    }

    Status judge_shared_settings() {
        const auto reading = phonefile::parse_settings_as_phone(content_);
        if (!reading) return fail(reading.error());
        const bool in_clear = record().content_class == ContentClass::public_;
        for (const auto& line : reading->file.lines) {
            const auto* spec = family_.find_setting(line.name);
            if (spec == nullptr) continue;
            if (in_clear && !spec->is_public)
                out_.warnings.push_back(fmt::format("line {}: {} would travel in clear", line.line, spec->name));
        }
        if (const auto status = judge_settings(); !status) return status;
        return judge_version();
    }

    const family::Family& family_;
    const FileWish& wish_;
    std::string_view bytes_;    // what would leave the server
    std::string_view content_;  // what sets read of it: all before a signature
    FileJudgement out_;
};

}  // namespace

Result<FileJudgement> judge_file(const family::Family& family, const FileWish& wish, std::string_view bytes) {
    return Judge(family, wish, bytes).judge();
}

}  // namespace ringfence::app
