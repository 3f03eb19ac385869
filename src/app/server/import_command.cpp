#include <fmt/format.h>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/login.h"
#include "app/server/old_folder.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "delivery/secret_lines.h"
#include "delivery/shared_path.h"

namespace ringfence::app {

namespace {

using delivery::ImportAction;
using delivery::ImportItem;
using delivery::ImportPlan;
using delivery::OldFileKind;
using registry::Layer;
using registry::SettingScope;

json::object to_json(const ImportItem& item) {
    json::object out;
    out["kind"] = "file";
    out["path"] = item.old_path;
    out["is"] = to_string(item.kind);
    out["action"] = to_string(item.action);
    out["mac"] = text_or_null(item.mac ? item.mac->colons() : "");
    out["model"] = text_or_null(item.model);
    out["models"] = to_array(item.models);
    out["announced_to"] = to_array(item.announced_to);
    out["section"] = text_or_null(item.section);
    out["class"] =
        item.action == ImportAction::leave ? json::value(nullptr) : json::value(trust::to_string(item.content_class));
    out["version"] = text_or_null(item.version);
    json::array names;
    for (const auto& setting : item.settings) names.emplace_back(setting.name);
    out["settings"] = names;
    out["differences"] = to_array(item.differences);
    out["problems"] = to_array(item.problems);
    return out;
}

std::string describe(const ImportItem& item) {
    std::string out = fmt::format("{}: {}", item.old_path, to_string(item.kind));
    if (!item.model.empty()) out += " of model " + item.model;
    if (item.mac) out += " of " + item.mac->colons();
    if (!item.version.empty()) out += ", " + item.version;
    if (!item.settings.empty()) out += fmt::format(", {} settings", item.settings.size());
    if (!item.section.empty()) out += ", announced in " + item.section;
    if (!item.announced_to.empty()) out += fmt::format(" to models {}", fmt::join(item.announced_to, ", "));
    out += "\n";
    for (const auto& sentence : item.differences) out += "    " + sentence + "\n";
    for (const auto& sentence : item.problems) out += "  ! " + sentence + "\n";
    return out;
}

void show_plan(Context& context, const ImportPlan& plan, const std::vector<std::string>& passed_over) {
    Output& output = context.output();
    for (const auto& item : plan.items) output.answer(to_json(item), output.as_json() ? std::string() : describe(item));
    json::object whole;
    whole["kind"] = "plan";
    whole["files"] = plan.items.size();
    whole["version_floor"] = plan.version_floor;
    whole["passed_over"] = to_array(passed_over);
    whole["notes"] = to_array(plan.notes);
    whole["obstacles"] = to_array(plan.obstacles);
    std::string text = "\n";
    for (const auto& sentence : passed_over) text += "Passed over: " + sentence + "\n";
    for (const auto& sentence : plan.notes) text += "Note: " + sentence + "\n";
    text += plan.version_floor == 0
                ? "No manifest states a VERSION: the floor stays as it is.\n"
                : fmt::format("VERSION floor: {}, one above the highest that sets may hold.\n", plan.version_floor);
    for (const auto& sentence : plan.obstacles) text += "Obstacle: " + sentence + "\n";
    output.answer(whole, text);
}

// The record of a file that is kept, and for which models.
struct Kept {
    registry::FileRecord record;
    std::vector<std::string> models;
};

Kept describe_kept(const family::Family& family, const ImportItem& item, const std::string& path) {
    Kept out;
    out.record.path = item.mac ? family.device_settings_name(*item.mac) : path;
    out.record.section = item.section;
    out.record.content_class = item.content_class;
    out.record.owner = item.mac;
    out.record.is_manifest_with_login = item.is_manifest_with_login;
    out.record.version = item.section.empty() ? std::string() : item.version;
    // A manifest's name tells its model already.
    const bool for_all = item.models.empty() || item.kind == OldFileKind::manifest;
    out.models = for_all ? std::vector<std::string>{""} : item.models;
    return out;
}

// Files that would stand beside another content of the same path become obstacles.
Status find_clashes(Context& context, const family::Family& family, const std::string& folder,
                    const std::vector<delivery::OldFile>& files, ImportPlan& plan) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto catalogue = (*registry)->catalogue();
    if (!catalogue) return fail(catalogue.error());
    for (std::size_t i = 0; i < plan.items.size(); ++i) {
        if (plan.items[i].action != ImportAction::keep) continue;
        Kept kept = describe_kept(family, plan.items[i], files[i].path);
        if (!delivery::find_clash(**catalogue, kept.record, kept.models)) continue;
        // Only the content can still say that the two are the same.
        const auto bytes = read_old_file(folder, files[i].path);
        if (!bytes) return fail(bytes.error());
        kept.record.sha256 = to_hex(crypto::sha256(*bytes));
        if (auto clash = delivery::find_clash(**catalogue, kept.record, kept.models))
            plan.obstacles.push_back(std::move(*clash));
    }
    return {};
}

// Carries a plan out, file by file, so that it can be repeated after a fault.
class Takeover {
public:
    Takeover(Context& context, registry::Registry& registry, const std::string& folder,
             std::optional<registry::LoginKind> login_kind)
        : context_(context),
          registry_(registry),
          folder_(folder),
          login_kind_(login_kind),
          rows_(context.output(), {"DEVICE", "MODEL", "RESULT", "USER", "PASSWORD"}) {}

    Done run(const delivery::ImportPlan& plan, const std::vector<delivery::OldFile>& files) {
        if (const auto raised = raise_floor(plan.version_floor); !raised) return fail(raised.error());
        for (std::size_t i = 0; i < plan.items.size(); ++i) {
            const auto taken = take(plan.items[i], files[i].path);
            if (!taken) return fail(taken.error().within("taking over " + plan.items[i].old_path));
        }
        rows_.finish("No devices were added.");
        json::object object;
        object["kind"] = "done";
        object["devices"] = devices_;
        object["settings"] = settings_;
        object["files"] = files_;
        context_.note({.outcome = "imported", .detail = count_done() + " from an old server"});
        context_.output().answer(object, "\nTook over " + count_done() + ". Passwords are shown this once.\n");
        return {};
    }

private:
    std::string count_done() const {
        return fmt::format("{}, {}, {}", count_of(devices_, "device"), count_of(settings_, "setting"),
                           count_of(files_, "file"));
    }

    Status raise_floor(std::uint32_t floor) {
        if (floor == 0) return {};
        return registry_.raise_version_floor(floor);
    }

    Status take(const ImportItem& item, const std::string& path) {
        if (item.kind == OldFileKind::device_settings && item.action != ImportAction::leave)
            return take_device(item, path);
        switch (item.action) {
            case ImportAction::settings: return take_shared(item);
            case ImportAction::keep: return keep(item, path);
            case ImportAction::generate:
            case ImportAction::leave: return {};
        }
        return {};
    }

    Status take_device(const ImportItem& item, const std::string& path) {
        const auto known = registry_.find_device(*item.mac);
        if (!known) return fail(known.error());
        if (*known) return take_known_device(item, path);
        auto made = make_device_login(*item.mac, {.kind = login_kind_}, (*context_.settings())->installation.realm,
                                      registry_, context_.random());
        if (!made) return fail(made.error());
        registry::Device device{.mac = *item.mac};
        device.model = item.model;
        device.added = context_.clock().wall_now();
        const auto added = registry_.together([&]() -> Status {
            auto status = registry_.add_device(device, made->login);
            return status ? store_device_content(item, path) : status;
        });
        if (!added) return added;
        ++devices_;
        json::object object;
        object["kind"] = "device";
        object["mac"] = item.mac->colons();
        object["model"] = item.model;
        object["result"] = "added";
        object["user"] = made->login.user;
        object["password"] = made->password.reveal();
        rows_.add(object,
                  {item.mac->colons(), item.model, "added", made->login.user, std::string(made->password.reveal())});
        return {};
    }

    Status take_known_device(const ImportItem& item, const std::string& path) {
        auto stored = registry_.together([&] { return store_device_content(item, path); });
        if (!stored) return stored;
        rows_.add({{"kind", "device"}, {"mac", item.mac->colons()}, {"model", item.model}, {"result", "known"}},
                  {item.mac->colons(), item.model, "known, keeps its login", "", ""});
        return {};
    }

    Status store_device_content(const ImportItem& item, const std::string& path) {
        if (item.action == ImportAction::keep) return keep(item, path);
        return store(item, {Layer::device, item.mac->bare_upper()});
    }

    Status take_shared(const ImportItem& item) {
        if (item.models.empty()) return registry_.together([&] { return store(item, {}); });
        return registry_.together([&]() -> Status {
            for (const auto& model : item.models)
                if (auto status = store(item, {Layer::model, model}); !status) return status;
            return {};
        });
    }

    Status store(const ImportItem& item, const SettingScope& scope) {
        for (const auto& setting : item.settings) {
            auto stored = registry_.set_setting(scope, setting.name, setting.value);
            if (!stored) return stored;
            ++settings_;
        }
        return {};
    }

    Status keep(const ImportItem& item, const std::string& path) {
        const auto bytes = read_old_file(folder_, path);
        if (!bytes) return fail(bytes.error());
        const auto family = context_.family();
        if (!family) return fail(family.error());
        Kept kept = describe_kept(**family, item, path);
        // The file may have changed since the plan was made, and a large one was judged by its name.
        const bool is_secret = kept.record.content_class == trust::ContentClass::secret;
        if (const auto secret = delivery::find_secret_line(**family, *bytes); secret && !is_secret)
            return fail(FaultCode::forbidden,
                        fmt::format("line {}: {} is a secret, which others would read", secret->line, secret->name));
        for (const auto& model : kept.models) {
            kept.record.model = model;
            const auto stored = registry_.put_file(kept.record, *bytes);
            if (!stored) return fail(stored.error());
        }
        ++files_;
        return {};
    }

    Context& context_;
    registry::Registry& registry_;
    const std::string& folder_;
    std::optional<registry::LoginKind> login_kind_;
    Rows rows_;
    std::size_t devices_ = 0;
    std::size_t settings_ = 0;
    std::size_t files_ = 0;
};

std::optional<std::string> need_data_or_dry_run(const Arguments& arguments) {
    if (arguments.has("--data") || arguments.has("--dry-run")) return std::nullopt;
    return "--data is required, unless --dry-run is given";
}

// Before there is an installation, a dry run goes by the family that came with the program.
Result<family::Family> find_family(const Arguments& arguments, Context& context) {
    if (!arguments.has("--data")) return load_family({});
    const auto family = context.family();
    if (!family) return fail(family.error());
    return **family;
}

Done import(const Arguments& arguments, Context& context) {
    const auto family = find_family(arguments, context);
    if (!family) return fail(family.error());
    delivery::ImportOptions options;
    options.model = arguments.text_or_empty("--model");
    options.raw = arguments.has("--raw");
    options.keep_manifests = arguments.has("--keep-manifests");
    if (!options.model.empty()) {
        const auto known = require_model(*family, options.model);
        if (!known) return fail(known.error());
    }
    const std::string& folder = arguments.text("DIR");
    const auto old = read_old_folder(folder);
    if (!old) return fail(old.error());
    ImportPlan plan = delivery::plan_import(*family, old->files, options);
    if (arguments.has("--data"))
        if (const auto looked = find_clashes(context, *family, folder, old->files, plan); !looked)
            return fail(looked.error());
    const bool dry_run = arguments.has("--dry-run");
    if (dry_run || !plan.obstacles.empty()) {
        show_plan(context, plan, old->passed_over);
        if (dry_run) return {};
        return fail(FaultCode::conflict, plan.obstacles.front());
    }
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    show_plan(context, plan, old->passed_over);
    std::optional<registry::LoginKind> kind;
    if (const auto name = arguments.find_text("--login")) kind = registry::parse_login_kind(*name);
    return Takeover(context, **registry, folder, kind).run(plan, old->files);
}

}  // namespace

std::vector<Command> import_commands() {
    return {
        {.words = {"import", "tftpdir"},
         .purpose = "Takes over the folder of an old provisioning server, or says what that would mean.",
         .parameters = {{.name = "DIR", .meaning = "the old server's folder; read one level deep", .required = true},
                        {.name = "--dry-run", .shape = Shape::flag, .meaning = "only say what would be done"},
                        {.name = "--model",
                         .placeholder = "MODEL",
                         .meaning = "of the SIP<MAC>.cfg sets; default: the only model that has a manifest there"},
                        {.name = "--login",
                         .shape = Shape::choice,
                         .meaning = "of the devices that are added; default: random",
                         .choices = {"random", "keypad"}},
                        {.name = "--raw",
                         .shape = Shape::flag,
                         .meaning = "keep each SIP<MAC>.cfg as it is instead of taking its lines as settings"},
                        {.name = "--keep-manifests",
                         .shape = Shape::flag,
                         .meaning = "serve the old manifests as they are instead of generating them"}},
         .notes = "Links are not followed. It can be repeated: what is there already is replaced, and devices keep "
                  "their logins.",
         .needs_installation = false,
         .find_misuse = need_data_or_dry_run,
         .run = import}};
}

}  // namespace ringfence::app
