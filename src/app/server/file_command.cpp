#include <fmt/format.h>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/file_judgement.h"
#include "app/server/file_signing.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "delivery/manifest_builder.h"
#include "delivery/shared_path.h"
#include "phonefile/signed_file.h"

namespace ringfence::app {

namespace {

using registry::FileRecord;
using trust::ContentClass;

json::object to_json(const FileRecord& file) {
    json::object out;
    out["path"] = file.path;
    out["section"] = text_or_null(file.section);
    out["model"] = text_or_null(file.model);
    out["site"] = text_or_null(file.site);
    out["class"] = trust::to_string(file.content_class);
    out["owner"] = text_or_null(file.owner ? file.owner->colons() : "");
    out["carries_login"] = file.is_manifest_with_login;
    out["version"] = text_or_null(file.version);
    out["size"] = file.size;
    out["sha256"] = file.sha256;
    out["put_at"] = format_time(file.put_at);
    return out;
}

std::string describe(const FileRecord& file) {
    std::string out = fmt::format("{}, {}", to_string(file.content_class), count_of(file.size, "byte"));
    if (!file.section.empty()) out += fmt::format(", section {} version {}", file.section, file.version);
    if (!file.model.empty()) out += ", model " + file.model;
    if (!file.site.empty()) out += ", site " + file.site;
    return out;
}

FileWish read_wish(const Arguments& arguments) {
    FileWish wish;
    wish.path = arguments.text("PATH");
    wish.file_name = arguments.text("--from");
    wish.section = arguments.text_or_empty("--section");
    wish.model = arguments.text_or_empty("--model");
    wish.site = arguments.text_or_empty("--site");
    wish.version = arguments.text_or_empty("--version");
    if (const auto name = arguments.find_text("--class")) wish.content_class = trust::parse_content_class(*name);
    wish.device = arguments.find_mac("--device");
    return wish;
}

Done check_wish(const family::Family& family, const FileWish& wish) {
    if (!wish.section.empty() && !phonefile::parse_section_kind(wish.section))
        return misuse("there is no manifest section " + printable(wish.section));
    if (wish.model.empty()) return {};
    const auto known = require_model(family, wish.model);
    if (!known) return fail(known.error());
    return {};
}

// What a manifest announces beside the file that was just put: some sections hold one, others five.
std::vector<std::string> judge_neighbours(const family::Family& family, const registry::Catalogue& catalogue,
                                          const FileRecord& put) {
    const auto section = phonefile::parse_section_kind(put.section);
    if (!section) return {};
    const auto models = delivery::announced_models(family, put);
    std::vector<std::string> others;
    for (const auto& file : catalogue.files)
        if (file.section == put.section && file.model == put.model && file.site == put.site &&
            delivery::announced_name(file) != delivery::announced_name(put) &&
            delivery::announced_models(family, file) == models)
            others.push_back(file.path);
    const auto& limits = family.limits();
    const bool is_language = *section == phonefile::SectionKind::language;
    if (is_language || *section == phonefile::SectionKind::tones) {
        const std::size_t limit = is_language ? limits.language_files : limits.tone_files;
        if (others.size() < limit) return {};
        return {fmt::format("a set holds {} such files: only the first by path are announced", limit)};
    }
    if (others.empty()) return {};
    return {fmt::format("[{}] holds one file: {} is no longer announced there", put.section, fmt::join(others, ", "))};
}

Status check_path_is_free(registry::Registry& registry, FileRecord file, std::string_view bytes) {
    const auto catalogue = registry.catalogue();
    if (!catalogue) return fail(catalogue.error());
    file.sha256 = to_hex(crypto::sha256(bytes));
    const auto clash = delivery::find_clash(**catalogue, file, {file.model});
    if (!clash) return {};
    return fail(FaultCode::conflict, *clash);
}

Result<std::string> sign(const family::Family& family, const FileRecord& file, std::string_view bytes,
                         Context& context) {
    const auto label = find_label(family, file);
    if (!label) return fail(label.error());
    const auto authority = context.authority();
    if (!authority) return fail(authority.error());
    return FileSigner(**authority, family.limits(), context.clock()).sign(*label, bytes);
}

std::string describe_missing_signature(const family::Family& family, const FileRecord& file, std::string_view bytes) {
    const auto label = find_label(family, file);
    if (!label || !needs_signature(label->kind) || !phonefile::split_signed(bytes).signature.empty()) return {};
    return fmt::format("sets that hold a root take [{}] only if it is signed: --sign", file.section);
}

Done put(const Arguments& arguments, Context& context) {
    const auto family = context.family();
    if (!family) return fail(family.error());
    FileWish wish = read_wish(arguments);
    if (const auto fits = check_wish(**family, wish); !fits) return fits;
    if (wish.section == phonefile::to_string(phonefile::SectionKind::user_keys)) {
        const auto authority = context.authority();
        if (!authority) return fail(authority.error());
        wish.own_root = phonefile::split_signed((*authority)->root_file().bytes).content;
    }
    auto bytes = context.disk().read(wish.file_name, registry::max_file_size);
    if (!bytes) return fail(bytes.error());
    auto judgement = judge_file(**family, wish, *bytes);
    if (!judgement) return fail(judgement.error());
    if (!judgement->warnings.empty() && !arguments.has("--accept-warnings")) {
        for (const auto& warning : judgement->warnings) remark(warning);
        return fail(FaultCode::malformed, fmt::format("sets would misread {}; --accept-warnings puts it all the same",
                                                      judgement->record.path));
    }
    if (arguments.has("--sign")) bytes = sign(**family, judgement->record, *bytes, context);
    if (!bytes) return fail(bytes.error());
    if (auto sentence = describe_missing_signature(**family, judgement->record, *bytes); !sentence.empty())
        judgement->remarks.push_back(std::move(sentence));
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    if (const auto free = check_path_is_free(**registry, judgement->record, *bytes); !free) return fail(free.error());
    const auto stored = (*registry)->put_file(judgement->record, *bytes);
    if (!stored) return fail(stored.error());
    const auto catalogue = (*registry)->catalogue();
    if (!catalogue) return fail(catalogue.error());
    const auto models = delivery::announced_models(**family, *stored);
    if (stored->section == registry::firmware_section)
        judgement->remarks.push_back(fmt::format("announced to models {}", fmt::join(models, ", ")));
    for (auto& sentence : judge_neighbours(**family, **catalogue, *stored))
        judgement->remarks.push_back(std::move(sentence));
    context.note({.outcome = "file-put",
                  .detail = describe(*stored),
                  .device = stored->owner,
                  .site = stored->site,
                  .path = stored->path});
    json::object object = to_json(*stored);
    object["announced_to"] = to_array(models);
    object["warnings"] = to_array(judgement->warnings);
    object["remarks"] = to_array(judgement->remarks);
    std::string text = fmt::format("Put {}: {}.\n", stored->path, describe(*stored));
    for (const auto& sentence : judgement->warnings) text += "Warning: " + sentence + ".\n";
    for (const auto& sentence : judgement->remarks) text += "Note: " + sentence + ".\n";
    context.output().answer(object, text);
    return {};
}

Done list(const Arguments&, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto catalogue = (*registry)->catalogue();
    if (!catalogue) return fail(catalogue.error());
    Rows rows(context.output(), {"PATH", "SECTION", "VERSION", "MODEL", "SITE", "CLASS", "OWNER", "BYTES"});
    for (const auto& file : (*catalogue)->files) {
        json::object object = to_json(file);
        std::string version = file.version;
        // Every section but FW shows one number for all its files.
        const auto shown = (*catalogue)->section_versions.find(file.section);
        if (file.section != registry::firmware_section && shown != (*catalogue)->section_versions.end())
            version = registry::format_version(shown->second);
        object["version"] = text_or_null(version);
        rows.add(object,
                 {file.path, file.section, version, file.model, file.site, std::string(to_string(file.content_class)),
                  file.owner ? file.owner->colons() : "", std::to_string(file.size)});
    }
    rows.finish("No files yet: ringfence file put.");
    return {};
}

Done remove(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto family = context.family();
    if (!family) return fail(family.error());
    std::string path = arguments.text("PATH");
    if (path == delivery::root_file_path)
        return fail(FaultCode::forbidden, path + " is Ringfence's own root certificate: without it no set trusts us");
    const auto asked = (*family)->recognise(path);
    if (asked && asked->mac) path = (*family)->device_settings_name(*asked->mac);
    const std::string model = arguments.text_or_empty("--model");
    const std::string site = arguments.text_or_empty("--site");
    const auto removed = (*registry)->remove_file(path, model, site);
    if (!removed) return fail(removed.error());
    context.note(
        {.outcome = "file-removed",
         .detail = fmt::format("model {}, site {}", model.empty() ? "any" : model, site.empty() ? "any" : site),
         .site = site,
         .path = path});
    context.output().answer({{"path", path}, {"removed", true}}, "Removed " + path + ".");
    return {};
}

}  // namespace

std::vector<Command> file_commands() {
    const Parameter path{.name = "PATH", .meaning = "as sets ask for it, without a leading '/'", .required = true};
    const Parameter model{.name = "--model", .placeholder = "MODEL", .meaning = "only for sets of this model"};
    const Parameter site{.name = "--site", .placeholder = "SITE", .meaning = "only for sets of this site"};
    return {
        {.words = {"file", "put"},
         .purpose = "Puts a file for sets to fetch; again under the same path, model and site replaces it.",
         .parameters =
             {path,
              {.name = "--from", .placeholder = "LOCAL", .meaning = "the file to copy", .required = true},
              {.name = "--section",
               .placeholder = "NAME",
               .meaning = "manifest section that announces it: FW, LANGUAGE, TONES, DEVICE_CONFIG ..."},
              model,
              site,
              {.name = "--version",
               .placeholder = "V",
               .meaning = "FW: its load name; else a number above the section's. Default: follows"},
              {.name = "--class",
               .shape = Shape::choice,
               .meaning = "who may read it; default: public for FW, LANGUAGE, TONES and USER_KEYS, else "
                          "internal",
               .choices = {"public", "internal", "secret"}},
              {.name = "--device", .shape = Shape::mac, .placeholder = "MAC", .meaning = "owner of a secret file"},
              {.name = "--sign",
               .shape = Shape::flag,
               .meaning = "check it more closely and put our signature behind it, as file sign does"},
              {.name = "--accept-warnings",
               .shape = Shape::flag,
               .meaning = "put it although sets skip or misread a part"}},
         .notes =
             "SIP<MAC>.cfg is always secret and its set's own. A manifest such as 1230SIP.cfg stands in the place of "
             "the generated one; with a login in it, it is secret too. A set's own certificate, "
             "cert/phone-<MAC>.p12 --section DEV_CERT --class secret --device MAC, is announced to all as "
             "cert/phone-*.p12, over HTTPS.",
         .run = put},
        file_sign_command(),
        {.words = {"file", "list"}, .purpose = "Lists the files that were put.", .run = list},
        {.words = {"file", "remove"},
         .purpose = "Removes a file; a generated one of that name comes back.",
         .parameters = {path, model, site},
         .run = remove},
    };
}

}  // namespace ringfence::app
