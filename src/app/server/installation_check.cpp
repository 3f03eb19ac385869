#include "app/server/installation_check.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "app/server/context.h"
#include "app/server/device_report.h"
#include "app/server/server_names.h"
#include "base/text.h"
#include "crypto/version.h"
#include "delivery/installation.h"
#include "delivery/resource.h"
#include "delivery/secret_lines.h"
#include "delivery/settings.h"

namespace ringfence::app {

namespace {

using registry::Device;

constexpr mode_t anybody_else = S_IRWXG | S_IRWXO;

enum class Level { ok, note, warning, wrong };

std::string_view to_string(Level level) {
    switch (level) {
        case Level::ok: return "ok";
        case Level::note: return "note";
        case Level::warning: return "warning";
        case Level::wrong: return "wrong";
    }
    return "wrong";
}

class Check {
public:
    explicit Check(Context& context) : context_(context) {}

    Done run() {
        check_library();
        if (!check_settings()) return finish();
        check_modes();
        check_family();
        check_registry();
        check_authority();
        check_announcements();
        check_time();
        check_devices();
        return finish();
    }

private:
    void say(Level level, std::string_view subject, std::string sentence) {
        if (level == Level::wrong) ++wrong_;
        if (level == Level::warning) ++warnings_;
        json::object object;
        object["kind"] = "finding";
        object["level"] = to_string(level);
        object["subject"] = subject;
        object["sentence"] = sentence;
        context_.output().answer(object, context_.output().as_json()
                                             ? std::string()
                                             : fmt::format("{:<8} {:<13} {}", to_string(level), subject, sentence));
    }

    Done finish() {
        if (!context_.output().as_json())
            context_.output().raw(fmt::format("\n{} wrong, {}\n", wrong_, count_of(warnings_, "warning")));
        if (wrong_ == 0) return {};
        return fail(FaultCode::conflict, fmt::format("{} {} wrong", wrong_, wrong_ == 1 ? "thing is" : "things are"));
    }

    void check_library() {
        if (const auto warning = crypto::library_warning()) return say(Level::warning, "openssl", *warning);
        say(Level::ok, "openssl", crypto::library_version());
    }

    bool check_settings() {
        const auto settings = context_.settings();
        if (!settings) {
            say(Level::wrong, "settings", settings.error().message);
            return false;
        }
        say(Level::ok, "settings", settings_path(context_.directory()));
        return true;
    }

    void check_modes() {
        const std::string& directory = context_.directory();
        bool sound = check_mode(directory);
        for (const std::string_view name : {"ringfence.toml", "registry.db", "events.db", "keys"}) {
            const std::string path = directory + "/" + std::string(name);
            if (context_.disk().exists(path)) sound = check_mode(path) && sound;
        }
        const std::string keys = directory + "/keys";
        const auto names = context_.disk().list(keys);
        if (!names) return say(Level::wrong, "keys", names.error().message);
        for (const auto& name : *names) sound = check_mode(keys + "/" + name) && sound;
        if (sound) say(Level::ok, "keys", "only the owner can read them");
    }

    bool check_mode(const std::string& path) {
        struct stat facts {};
        if (::stat(path.c_str(), &facts) != 0) {
            say(Level::wrong, "keys", path + " cannot be looked at");
            return false;
        }
        if ((facts.st_mode & anybody_else) == 0) return true;
        say(Level::wrong, "keys", fmt::format("others than the owner can reach {}: chmod go= {}", path, path));
        return false;
    }

    void check_family() {
        const auto family = context_.family();
        if (!family) return say(Level::wrong, "family", family.error().message);
        say(Level::ok, "family",
            fmt::format("{}, {} models, {} settings", (*family)->name(), (*family)->models().size(),
                        (*family)->settings().size()));
    }

    void check_registry() {
        const auto registry = context_.registry();
        if (!registry) return say(Level::wrong, "database", registry.error().message);
        if (const auto verified = (*registry)->verify_database(); !verified)
            return say(Level::wrong, "database", verified.error().message);
        const auto counts = (*registry)->counts();
        if (!counts) return say(Level::wrong, "database", counts.error().message);
        say(Level::ok, "database",
            fmt::format("{}, {}, {}, {}", count_of(counts->devices, "device"), count_of(counts->sites, "site"),
                        count_of(counts->files, "file"), count_of(counts->certificates, "certificate")));
        if (const auto bound = (*registry)->bind_realm((*context_.settings())->installation.realm); !bound)
            say(Level::wrong, "realm", bound.error().message);
        check_versions(**registry);
        check_contents(**registry);
        check_windows(**registry);
    }

    void check_versions(registry::Registry& registry) {
        const auto counter = registry.versions();
        if (!counter) return say(Level::wrong, "versions", counter.error().message);
        const std::uint32_t left = registry::highest_version - std::max(counter->last, counter->floor);
        if (left <= registry::version_reserve)
            say(Level::warning, "versions",
                fmt::format("{} are left of the {} in reserve; at the end sets take nothing new until their user data "
                            "are erased",
                            count_of(left, "version number"), registry::version_reserve));
    }

    void check_contents(registry::Registry& registry) {
        const auto report = registry.verify_contents();
        if (!report) return say(Level::wrong, "contents", report.error().message);
        for (const auto& path : report->missing)
            say(Level::wrong, "contents", path + " has lost its bytes: put it again");
        for (const auto& path : report->corrupt)
            say(Level::wrong, "contents", path + " does not hold what was put: put it again");
        if (!report->orphans.empty())
            say(Level::note, "contents", count_of(report->orphans.size(), "stored file") + " in no use");
        if (report->sound()) say(Level::ok, "contents", "every file holds what was put");
        check_secrets(registry);
    }

    // Files that an earlier Ringfence took without looking at every line.
    void check_secrets(registry::Registry& registry) {
        const auto family = context_.family();
        const auto catalogue = registry.catalogue();
        if (!family || !catalogue) return;
        for (const auto& file : (*catalogue)->files) {
            if (file.content_class == trust::ContentClass::secret) continue;
            const auto body = registry.open_content(file.sha256);
            if (!body) continue;
            const auto secret = delivery::find_secret_line(**family, body->view());
            if (!secret) continue;
            say(Level::wrong, "secrets",
                fmt::format("{} is {} and carries {} in line {}: remove it or put it again", file.path,
                            trust::to_string(file.content_class), secret->name, secret->line));
        }
    }

    void check_windows(registry::Registry& registry) {
        const auto catalogue = registry.catalogue();
        if (!catalogue) return say(Level::wrong, "windows", catalogue.error().message);
        for (const auto& window : (*catalogue)->windows)
            say(Level::note, "window",
                fmt::format("window {} is open until {}", window.id, format_time(window.closes)));
    }

    void check_authority() {
        const auto authority = context_.authority();
        if (!authority) return say(Level::wrong, "certificates", authority.error().message);
        bool sound = true;
        for (const auto& certificate : (*authority)->own_certificates()) sound = check_expiry(certificate) && sound;
        if (sound) say(Level::ok, "certificates", "our own are good for more than 30 days");
        if ((*authority)->announces_next())
            say(Level::note, "rollover", "the next root is announced and not used yet: ringfence ca rollover plan");
        check_names(**authority);
        check_root_file(**authority);
        check_lane();
    }

    bool check_expiry(const crypto::Certificate& certificate) {
        const WallTime now = context_.clock().wall_now();
        if (certificate.not_after() > now + ending_soon) return true;
        const bool over = certificate.not_after() <= now;
        say(over ? Level::wrong : Level::warning, "certificates",
            fmt::format("{} {} on {}", certificate.subject(), over ? "ended" : "ends",
                        format_time(certificate.not_after())));
        return false;
    }

    void check_names(const authority::Authority& authority) {
        const auto& installation = (*context_.settings())->installation;
        std::vector<std::string> wanted = {installation.host, installation.address};
        if (installation.legacy_lane) wanted.push_back(installation.legacy_lane->server);
        if (const auto registry = context_.registry())
            if (const auto catalogue = (*registry)->catalogue())
                for (const auto& site : (*catalogue)->sites)
                    wanted.insert(wanted.end(), {site.server, site.legacy_server});
        const auto& names = authority.server_names();
        for (const auto& name : wanted) {
            if (name.empty()) continue;
            if (!is_named(names, name))
                say(Level::wrong, "certificates",
                    fmt::format("manifests name {0}, which the server's certificate lacks: cert server --add {0}",
                                name));
        }
    }

    void check_root_file(const authority::Authority& authority) {
        constexpr std::string_view path = delivery::root_file_path;
        const auto registry = context_.registry();
        if (!registry) return;
        const auto catalogue = (*registry)->catalogue();
        if (!catalogue) return;
        const auto& files = (*catalogue)->files;
        const auto found =
            std::find_if(files.begin(), files.end(), [&](const auto& file) { return file.path == path; });
        if (found == files.end()) return say(Level::wrong, "root", fmt::format("{} is not served", path));
        if (!equals_ignoring_case(found->sha256, authority.root_file().sha256))
            say(Level::wrong, "root", fmt::format("{} is not what the authority made", path));
    }

    void check_lane() {
        const auto& settings = **context_.settings();
        const bool has_door = std::any_of(settings.listeners.begin(), settings.listeners.end(),
                                          [](const auto& each) { return each.wire == trust::Wire::https_legacy; });
        if (has_door && settings.installation.legacy_lane &&
            settings.installation.legacy_lane->closes <= context_.clock().wall_now())
            say(Level::warning, "https-legacy", "its closing date is past: it serves nobody");
        legacy_door_ = has_door;
    }

    // ---- Manifests

    // What cannot be rendered is answered with "try again later" for ever.
    void check_announcements() {
        const auto registry = context_.registry();
        const auto family = context_.family();
        if (!registry || !family) return;
        const auto catalogue = (*registry)->catalogue();
        if (!catalogue) return;
        std::vector<std::string> models{""};
        for (const auto& model : (*family)->models()) models.push_back(model.name);
        std::vector<const registry::Site*> sites{nullptr};
        for (const auto& site : (*catalogue)->sites) sites.push_back(&site);
        const delivery::Delivery delivery{**family, (*context_.settings())->installation, **catalogue, **registry};
        bool sound = true;
        for (const auto* site : sites)
            for (const auto& model : models) sound = check_announcement(delivery, model, site) && sound;
        if (sound) say(Level::ok, "manifests", fmt::format("{} rendered", sites.size() * models.size()));
    }

    bool check_announcement(const delivery::Delivery& delivery, const std::string& model, const registry::Site* site) {
        const auto rendered = delivery::check_announcements(delivery, model, site, context_.clock().wall_now());
        if (rendered) return true;
        say(Level::wrong, "manifests",
            fmt::format("{}, {}: {}", site == nullptr ? "no site" : "site " + site->name,
                        model.empty() ? "no model" : "model " + model, rendered.error().message));
        return false;
    }

    // A set's clock is lost with its power, and by a lost clock no certificate is good but the legacy lane's. Told
    // once, of the first viewpoint that lacks something.
    void check_time() {
        const auto registry = context_.registry();
        const auto family = context_.family();
        if (!registry || !family) return;
        const auto catalogue = (*registry)->catalogue();
        if (!catalogue) return;
        std::vector<std::string> sites{""};
        for (const auto& site : (*catalogue)->sites) sites.push_back(site.name);
        for (const auto& site : sites)
            for (const auto& model : (*family)->models())
                if (!check_time_of(delivery::effective_settings(**family, **catalogue, site, model.name, {}), site,
                                   model.name))
                    return;
        say(Level::ok, "time", "sets are told whom to ask for it");
    }

    bool check_time_of(const std::vector<delivery::EffectiveSetting>& settings, const std::string& site,
                       const std::string& model) {
        const auto value = [&](std::string_view name) {
            const auto found =
                std::find_if(settings.begin(), settings.end(), [&](const auto& each) { return each.name == name; });
            return found == settings.end() ? std::string_view() : found->value.reveal();
        };
        constexpr std::string_view unset_address = "0.0.0.0";
        const std::string_view server = value("SNTP_SERVER");
        const bool has_server = !server.empty() && server != unset_address;
        if (has_server && value("SNTP_ENABLE") == "YES") return true;
        const std::string whose = site.empty() ? model + " sets" : fmt::format("{} sets at {}", model, site);
        say(Level::warning, "time",
            has_server
                ? fmt::format("{} do not ask SNTP_SERVER for the time unless SNTP_ENABLE is YES", whose)
                : fmt::format("{} are told no SNTP_SERVER, and by a lost clock they trust no certificate", whose));
        return false;
    }

    // ---- Devices

    void check_devices() {
        const auto registry = context_.registry();
        const auto family = context_.family();
        if (!registry || !family) return;
        const auto surroundings = survey(**registry, context_.clock().wall_now());
        if (!surroundings) return say(Level::wrong, "devices", surroundings.error().message);
        Rows rows(context_.output(), {"DEVICE", "MODEL", "SITE", "PROVES ITSELF BY", "MISSING"});
        const WallTime now = context_.clock().wall_now();
        std::size_t old_sets = 0;
        std::size_t on_lane = 0;
        const auto listed = (*registry)->list_devices([&](const Device& device) {
            const auto report = report_on(device, *surroundings, **family);
            add_row(rows, device, report);
            const auto* model = (*family)->find_model(device.model);
            if (model != nullptr && model->needs_legacy_tls) ++old_sets;
            if (needs_legacy_lane(device, now)) ++on_lane;
            return true;
        });
        if (!listed) return say(Level::wrong, "devices", listed.error().message);
        if (old_sets > 0 && !legacy_door_)
            say(Level::warning, "https-legacy",
                fmt::format("{} may know TLS 1.0 only, and there is no https-legacy door", count_of(old_sets, "set")));
        if (on_lane > 0 || legacy_door_)
            say(Level::note, "https-legacy",
                count_of(on_lane, "set") + " used it within 90 days: device list --lane https-legacy");
        if (incomplete_ > 0)
            say(Level::warning, "devices", count_of(incomplete_, "set") + " with something missing, see below");
        if (!context_.output().as_json()) context_.output().raw("\n");
        rows.finish("No devices yet: ringfence device add.");
    }

    void add_row(Rows& rows, const Device& device, const DeviceReport& report) {
        if (!report.missing.empty()) ++incomplete_;
        json::object object;
        object["kind"] = "device";
        object["mac"] = device.mac.colons();
        object["model"] = device.model;
        object["site"] = text_or_null(device.site);
        object["login_by"] = to_array(report.login_by);
        object["missing"] = to_array(report.missing);
        rows.add(object,
                 {device.mac.colons(), device.model, device.site, fmt::format("{}", fmt::join(report.login_by, "; ")),
                  fmt::format("{}", fmt::join(report.missing, "; "))});
    }

    Context& context_;
    std::size_t wrong_ = 0;
    std::size_t warnings_ = 0;
    std::size_t incomplete_ = 0;
    bool legacy_door_ = false;
};

}  // namespace

Done check_installation(const Arguments&, Context& context) { return Check(context).run(); }

}  // namespace ringfence::app
