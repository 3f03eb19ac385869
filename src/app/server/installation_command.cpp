#include <fmt/format.h>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/installation_check.h"
#include "app/server/root_file.h"
#include "app/server/secret_input.h"
#include "app/server/whole_folder.h"
#include "base/text.h"
#include "registry/backup.h"

namespace ringfence::app {

namespace {

constexpr std::size_t max_passphrase = 1024;
constexpr std::size_t min_passphrase = 12;  // an archive can be tried offline

// ---- init

struct Wish {
    std::string name;
    IpAddress address;
    bool is_root_offline;
};

// All of it, or, when the root's key is elsewhere, what can be made without it.
Status make_authority(Context& context, const std::string& folder, const Wish& wish, registry::Registry& registry) {
    const authority::ServerNames names{.hosts = {wish.name}, .addresses = {wish.address}};
    if (wish.is_root_offline) {
        const auto prepared = authority::Authority::prepare(folder, names, context.disk(), context.random());
        if (!prepared) return fail(prepared.error());
        return {};
    }
    const auto authority =
        authority::Authority::create(folder, names, context.disk(), context.random(), context.clock());
    if (!authority) return fail(authority.error());
    if (auto recorded = (*authority)->record_own(registry); !recorded) return recorded;
    return put_root_file(registry, (*authority)->root_file());
}

// The settings file comes last: its presence marks a finished installation.
Status build(Context& context, const std::string& folder, const Wish& wish) {
    const auto family = load_family({});
    if (!family) return fail(family.error());
    std::vector<std::string> legacy_models;
    for (const auto& model : family->models())
        if (model.needs_legacy_tls) legacy_models.push_back(model.name);
    const std::string settings =
        server::format_default_settings(wish.name, wish.address.to_string(), legacy_models, context.clock().wall_now());
    const auto sound = server::parse_settings(settings);
    if (!sound) return fail(sound.error());

    const auto registry = registry::Registry::create(folder, context.clock(), context.disk(), context.random());
    if (!registry) return fail(registry.error());
    if (auto made = make_authority(context, folder, wish, **registry); !made) return made;
    return context.disk().write_new(folder + "/" + std::string(server::settings_file_name), settings, private_file);
}

Done tell_of_requests(Context& context) {
    const std::string& directory = context.directory();
    const std::string requests = authority::Authority::requests_path(directory, context.disk());
    const auto asked = read_requests(context, requests);
    if (!asked) return fail(asked.error());
    context.output().answer(
        {{"data", printable(directory)},
         {"settings", printable(settings_path(directory))},
         {"requests", printable(requests)},
         {"asked_for", asked->requests}},
        fmt::format("Made {0}: settings, keys, database. Its certificate authority waits for the root:\n{2}\n"
                    "Next:\n"
                    "  take            {1} to the machine that keeps the root\n"
                    "  there, once     ringfence root create --out ROOT --name NAME\n"
                    "  there           ringfence root sign --root ROOT --requests FILE --out certs.pem\n"
                    "  back here       ringfence ca install certs.pem --data {0}\n",
                    directory, requests, asked->text));
    return {};
}

Done init(const Arguments& arguments, Context& context) {
    const std::string& directory = context.directory();
    if (context.disk().exists(settings_path(directory)))
        return fail(FaultCode::conflict, directory + " is a Ringfence installation already; nothing was changed");
    if (const auto owned = context.check_owner(); !owned) return fail(owned.error());
    const auto address = IpAddress::parse(arguments.text("--address"));
    const Wish wish{arguments.text("--name"), *address, arguments.has("--offline-root")};
    const auto built = write_whole_folder(directory, context.disk(),
                                          [&](const std::string& folder) { return build(context, folder, wish); });
    if (!built) return fail(built.error());
    context.note({.outcome = "installation-made", .detail = fmt::format("{} at {}", wish.name, address->to_string())});
    if (wish.is_root_offline) return tell_of_requests(context);
    const auto authority = context.authority();
    if (!authority) return fail(authority.error());
    const auto& root = (*authority)->root_file();
    json::object object;
    object["data"] = printable(directory);
    object["name"] = wish.name;
    object["address"] = address->to_string();
    object["settings"] = printable(settings_path(directory));
    object["root"] = printable(root.path);
    object["root_sha1"] = root.sha1;
    object["root_sha256"] = root.sha256;
    context.output().answer(
        object, fmt::format("Made {0}: settings, keys, database and root.pem.\n\n"
                            "Next:\n"
                            "  look at         {0}/ringfence.toml\n"
                            "  add a set       ringfence device add MAC --model 1230 --data {0}\n"
                            "  serve           ringfence serve --data {0}\n"
                            "  before a set accepts the root, compare with: ringfence root show --data {0}\n"
                            "Keep a copy elsewhere: ringfence backup --to FILE --data {0}\n",
                            directory));
    return {};
}

// ---- backup, restore

Result<std::optional<Secret>> read_passphrase(const Arguments& arguments, Disk& disk) {
    const auto file = arguments.find_text("--passphrase-file");
    if (!file) return std::optional<Secret>();
    auto passphrase = read_secret(*file, max_passphrase, disk);
    if (!passphrase) return fail(std::move(passphrase).error().within("reading the passphrase"));
    return std::optional<Secret>(std::move(*passphrase));
}

Done make_backup(const Arguments& arguments, Context& context) {
    if (const auto known = context.settings(); !known) return fail(known.error());
    const auto passphrase = read_passphrase(arguments, context.disk());
    if (!passphrase) return fail(passphrase.error());
    if (*passphrase && (*passphrase)->reveal().size() < min_passphrase)
        return fail(FaultCode::malformed,
                    fmt::format("the passphrase must have at least {} characters", min_passphrase));
    const std::string& archive = arguments.text("--to");
    const auto made =
        registry::backup(context.directory(), archive, *passphrase, context.clock(), context.disk(), context.random());
    if (!made) return fail(made.error());
    context.note({.outcome = "backup-made", .detail = fmt::format("{} files, {} bytes", made->files, made->bytes)});
    json::object object;
    object["archive"] = printable(archive);
    object["files"] = made->files;
    object["bytes"] = made->bytes;
    object["sealed"] = made->sealed;
    std::string text =
        fmt::format("Wrote {}: {}, {}.\n", archive, count_of(made->files, "file"), count_of(made->bytes, "byte"));
    if (!made->sealed)
        text +=
            "It holds the sealing key and the CA's keys in clear: keep it as safe as the server, or give "
            "--passphrase-file.\n";
    context.output().answer(object, text);
    return {};
}

std::string what_became_of_changes(const registry::Restored& restored) {
    if (!restored.carried)
        return fmt::format(
            "What was revoked, removed or changed after {} is as it was then: certificates, devices and "
            "logins must be revoked, removed and changed again.",
            format_time(restored.made));
    return fmt::format("As in the installation before: {} revoked, {} removed, {} changed or removed.",
                       count_of(restored.carried->revoked, "certificate"),
                       count_of(restored.carried->devices, "device"), count_of(restored.carried->logins, "login"));
}

Done restore(const Arguments& arguments, Context& context) {
    if (const auto owned = context.check_owner(); !owned) return fail(owned.error());
    registry::RestoreOptions options;
    auto passphrase = read_passphrase(arguments, context.disk());
    if (!passphrase) return fail(std::move(passphrase).error());
    options.passphrase = std::move(*passphrase);
    options.previous = arguments.text_or_empty("--previous");
    const std::string& archive = arguments.text("--from");
    const auto restored = registry::restore(archive, context.directory(), options, context.clock(), context.disk());
    if (!restored) return fail(restored.error());
    context.note(
        {.outcome = "restored",
         .detail = "from a backup of " + format_time(restored->made) + ". " + what_became_of_changes(*restored)});
    json::object object;
    object["data"] = printable(context.directory());
    object["made"] = format_time(restored->made);
    object["files"] = restored->files;
    object["last_version"] = restored->last_version;
    object["windows_closed"] = restored->windows_closed;
    object["withdrawn_tokens"] = restored->withdrawn.tokens;
    object["withdrawn_enrolments"] = restored->withdrawn.enrolments;
    object["withdrawn_files"] = restored->withdrawn.files;
    if (restored->carried) {
        object["revoked"] = restored->carried->revoked;
        object["removed_devices"] = restored->carried->devices;
        object["changed_logins"] = restored->carried->logins;
    }
    std::string text = fmt::format(
        "Restored {} from a backup of {}. All windows are closed.\nWithdrawn, since they may have been used: {}, {}, "
        "{}.\n{}\n",
        count_of(restored->files, "file"), format_time(restored->made),
        count_of(restored->withdrawn.tokens, "enrolment token"),
        count_of(restored->withdrawn.enrolments, "open enrolment"),
        count_of(restored->withdrawn.files, "one-time file"), what_became_of_changes(*restored));
    text +=
        fmt::format("Versions go on above {}.{}\n", restored->last_version,
                    restored->carried ? ""
                                      : " If a higher one was set by hand after the backup, sets that hold it fetch "
                                        "nothing new: raise the numbers with ringfence version floor N.");
    context.output().answer(object, text);
    return {};
}

}  // namespace

std::vector<Command> installation_commands() {
    const Parameter passphrase{.name = "--passphrase-file",
                               .placeholder = "F",
                               .meaning = "the archive's passphrase, in this file ('-': standard input)"};
    return {
        {.words = {"init"},
         .purpose = "Makes an installation, whole or not at all: settings, keys, database, certificate authority.",
         .parameters = {{.name = "--name",
                         .placeholder = "HOST",
                         .meaning = "the server's DNS name, as its certificate says it",
                         .required = true},
                        {.name = "--address",
                         .shape = Shape::address,
                         .placeholder = "IP",
                         .meaning = "the server's address as sets reach it; its certificate names it too",
                         .required = true},
                        {.name = "--offline-root",
                         .shape = Shape::flag,
                         .meaning = "the root's key is kept on another machine: ask for its signatures by a file"}},
         .run = init},
        {.words = {"check"},
         .purpose =
             "Looks whether all is sound: settings, keys, database, contents, certificates, and each set's login.",
         .notes = "Ends with 1 when something is wrong; warnings alone end with 0.",
         .run = check_installation},
        {.words = {"backup"},
         .purpose = "Writes the whole installation into one file, while the server runs.",
         .parameters = {{.name = "--to", .placeholder = "FILE", .meaning = "a new file", .required = true}, passphrase},
         .notes = "Without a passphrase the file opens every secret of the installation.",
         .run = make_backup},
        {.words = {"restore"},
         .purpose = "Makes an installation from a backup; versions that sets may hold are not given out again.",
         .parameters = {{.name = "--from", .placeholder = "FILE", .meaning = "the backup", .required = true},
                        passphrase,
                        {.name = "--previous",
                         .placeholder = "DIR",
                         .meaning = "the installation that this one replaces, if it can still be read: its versions, "
                                    "and what it revoked, removed or changed since the backup, are kept"}},
         .notes =
             "All windows are closed, and enrolment tokens and one-time files that were not used yet are withdrawn: "
             "make new ones. Without --previous the version counter jumps a million ahead, and what was revoked, "
             "removed or changed since the backup must be done again.",
         .run = restore},
    };
}

}  // namespace ringfence::app
