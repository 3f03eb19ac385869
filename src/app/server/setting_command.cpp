#include <fmt/format.h>

#include <algorithm>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/secret_input.h"
#include "base/text.h"

namespace ringfence::app {

namespace {

using family::SettingSpec;
using registry::Layer;
using registry::Setting;
using registry::SettingScope;

constexpr std::size_t max_suggestions = 3;
constexpr std::size_t max_slips = 3;  // edits between what was typed and what is suggested

std::vector<Parameter> scope_parameters() {
    return {{.name = "--global", .shape = Shape::flag, .meaning = "for every device"},
            {.name = "--site", .placeholder = "SITE", .meaning = "for the devices of a site"},
            {.name = "--model", .placeholder = "MODEL", .meaning = "for the devices of a model"},
            {.name = "--device", .shape = Shape::mac, .placeholder = "MAC", .meaning = "for one device"}};
}

std::size_t count_scopes(const Arguments& arguments) {
    std::size_t count = 0;
    for (const auto& parameter : scope_parameters()) count += arguments.has(parameter.name) ? 1 : 0;
    return count;
}

std::optional<std::string> need_one_scope(const Arguments& arguments) {
    if (count_scopes(arguments) == 1) return std::nullopt;
    return "say for whom: one of --global, --site, --model and --device";
}

std::optional<std::string> allow_one_scope(const Arguments& arguments) {
    if (count_scopes(arguments) <= 1) return std::nullopt;
    return "--global, --site, --model and --device exclude each other";
}

std::optional<std::string> need_scope_and_value(const Arguments& arguments) {
    if (arguments.has("VALUE") == arguments.has("--value-file")) return "give either VALUE or --value-file";
    return need_one_scope(arguments);
}

Checked<SettingScope> read_scope(const Arguments& arguments, Context& context) {
    if (const auto mac = arguments.find_mac("--device")) return SettingScope{Layer::device, mac->bare_upper()};
    if (const auto site = arguments.find_text("--site")) return SettingScope{Layer::site, *site};
    const auto model = arguments.find_text("--model");
    if (!model) return SettingScope{};
    const auto family = context.family();
    if (!family) return fail(family.error());
    const auto known = require_model(**family, *model);
    if (!known) return fail(known.error());
    return SettingScope{Layer::model, *model};
}

std::string describe(const SettingScope& scope) {
    if (scope.layer == Layer::global) return "global";
    return fmt::format("{} {}", to_string(scope.layer), scope.key);
}

// Levenshtein's distance.
std::size_t count_slips(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row[b.size()];
}

std::string suggest(const family::Family& family, std::string_view name) {
    const std::string wanted = to_upper(name);
    std::vector<std::pair<std::size_t, std::string>> near;
    for (const auto& [known, spec] : family.settings()) {
        const std::string upper = to_upper(known);
        const bool part = wanted.size() >= 4 && upper.find(wanted) != std::string::npos;
        const std::size_t slips = part ? 1 : count_slips(wanted, upper);
        if (slips <= max_slips) near.emplace_back(slips, known);
    }
    std::sort(near.begin(), near.end());
    if (near.size() > max_suggestions) near.resize(max_suggestions);
    std::string out;
    for (const auto& each : near) out += (out.empty() ? "; did you mean " : " or ") + each.second;
    return out.empty() ? out : out + "?";
}

Result<const SettingSpec*> get_spec(Context& context, const std::string& name) {
    const auto family = context.family();
    if (!family) return fail(family.error());
    const auto* spec = (*family)->find_setting(name);
    if (spec != nullptr) return spec;
    return fail(FaultCode::not_found,
                fmt::format("there is no setting {}{}", printable(name), suggest(**family, printable(name))));
}

Checked<Secret> read_value(const Arguments& arguments, Context& context, const SettingSpec& spec) {
    if (const auto value = arguments.find_text("VALUE")) {
        if (spec.is_secret)
            return misuse(spec.name +
                          " is a secret: everyone on this machine can read a command's arguments, so its value comes "
                          "by --value-file F, or '-' for standard input");
        return Secret(*value);
    }
    auto value = read_secret(arguments.text("--value-file"), registry::max_value_length, context.disk());
    if (!value) return fail(std::move(value).error().within("reading the value"));
    return std::move(*value);
}

std::vector<std::string> find_remarks(const SettingSpec& spec, const Secret& value) {
    std::vector<std::string> out;
    if (spec.needs_licence() && value.reveal() != *spec.safe_value)
        out.push_back(spec.name + " needs a licence on the set; without one " + *spec.safe_value + " is safe");
    if (spec.needs_restart) out.push_back("a set obeys " + spec.name + " only after a restart");
    return out;
}

json::object describe_scope(const std::string& name, const SettingScope& scope) {
    json::object out;
    out["name"] = name;
    out["scope"] = to_string(scope.layer);
    out["key"] = text_or_null(scope.key);
    return out;
}

Change change_of(const std::string& outcome, const std::string& name, const SettingScope& scope) {
    Change change{.outcome = outcome, .detail = fmt::format("{}, {}", name, describe(scope))};
    if (scope.layer == Layer::site) change.site = scope.key;
    if (scope.layer == Layer::device) {
        if (const auto mac = MacAddress::parse(scope.key)) change.device = *mac;
    }
    return change;
}

Done set(const Arguments& arguments, Context& context) {
    const auto spec = get_spec(context, arguments.text("NAME"));
    if (!spec) return fail(spec.error());
    const auto scope = read_scope(arguments, context);
    if (!scope) return tl::unexpected<Stop>(scope.error());
    const auto value = read_value(arguments, context, **spec);
    if (!value) return tl::unexpected<Stop>(value.error());
    const auto fits = family::check_value(**spec, value->reveal());
    if (!fits) return fail(fits.error());
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto stored = (*registry)->set_setting(*scope, (*spec)->name, *value);
    if (!stored) return fail(stored.error());
    context.note(change_of("setting-set", (*spec)->name, *scope));

    const auto remarks = find_remarks(**spec, *value);
    json::object object = describe_scope((*spec)->name, *scope);
    object["set"] = true;
    object["needs_licence"] = (*spec)->needs_licence();
    object["needs_restart"] = (*spec)->needs_restart;
    object["remarks"] = to_array(remarks);
    std::string text = fmt::format("Set {} ({}).\n", (*spec)->name, describe(*scope));
    for (const auto& sentence : remarks) text += "Note: " + sentence + ".\n";
    context.output().answer(object, text);
    return {};
}

// A name that the catalogue no longer knows can be unset and shown all the same.
Done unset(const Arguments& arguments, Context& context) {
    const auto scope = read_scope(arguments, context);
    if (!scope) return tl::unexpected<Stop>(scope.error());
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const std::string& name = arguments.text("NAME");
    const auto removed = (*registry)->unset_setting(*scope, name);
    if (!removed) return fail(removed.error());
    context.note(change_of("setting-unset", name, *scope));
    json::object object = describe_scope(name, *scope);
    object["set"] = false;
    context.output().answer(
        object, fmt::format("Unset {} ({}); sets that hold a value are told the default.", name, describe(*scope)));
    return {};
}

bool is_secret(const family::Family& family, const std::string& name) {
    const auto* spec = family.find_setting(name);
    return spec == nullptr || spec->is_secret;
}

std::string show_value(const family::Family& family, const Setting& setting, bool revealed) {
    if (!setting.value) return "(unset)";
    if (is_secret(family, setting.name) && !revealed) return std::string(masked_secret);
    return std::string(setting.value->reveal());
}

json::object to_json(const family::Family& family, const Setting& setting, const SettingScope& scope, bool revealed) {
    json::object out = describe_scope(setting.name, scope);
    out["set"] = setting.value.has_value();
    out["value"] = setting.value ? json::value(show_value(family, setting, revealed)) : json::value(nullptr);
    out["masked"] = setting.value && is_secret(family, setting.name) && !revealed;
    return out;
}

void describe_spec(const SettingSpec& spec, json::object& object, std::string& text) {
    object["type"] = to_string(spec.type);
    object["purpose"] = spec.purpose;
    object["default"] = spec.default_value ? json::value(*spec.default_value) : json::value(nullptr);
    object["secret"] = spec.is_secret;
    object["needs_licence"] = spec.needs_licence();
    object["needs_restart"] = spec.needs_restart;
    text += format_facts({{"purpose", spec.purpose},
                          {"type", std::string(to_string(spec.type))},
                          {"default", spec.default_value.value_or("none known")}});
}

Done show(const Arguments& arguments, Context& context) {
    const std::string& name = arguments.text("NAME");
    const auto scope = read_scope(arguments, context);
    if (!scope) return tl::unexpected<Stop>(scope.error());
    const auto family = context.family();
    if (!family) return fail(family.error());
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto listed = (*registry)->list_settings(*scope);
    if (!listed) return fail(listed.error());
    const auto found =
        std::find_if(listed->begin(), listed->end(), [&](const Setting& each) { return each.name == name; });
    const auto* spec = (*family)->find_setting(name);
    if (found == listed->end() && spec == nullptr)
        return fail(FaultCode::not_found,
                    fmt::format("there is no setting {}{}", printable(name), suggest(**family, printable(name))));
    const Setting setting = found == listed->end() ? Setting{name, std::nullopt} : *found;
    const bool revealed = arguments.has("--reveal") && setting.value && is_secret(**family, name);
    if (revealed) {
        const auto told = context.note_reveal(change_of("setting-shown", name, *scope));
        if (!told) return fail(told.error());
    }
    json::object object = to_json(**family, setting, *scope, revealed);
    std::string text = format_facts(
        {{"setting", name}, {"set for", describe(*scope)}, {"value", show_value(**family, setting, revealed)}});
    if (spec != nullptr) describe_spec(*spec, object, text);
    context.output().answer(object, text);
    return {};
}

Done list(const Arguments& arguments, Context& context) {
    const auto family = context.family();
    if (!family) return fail(family.error());
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    Rows rows(context.output(), {"SETTING", "VALUE", "FOR"});
    const auto add = [&](const std::vector<Setting>& settings, const SettingScope& scope) {
        for (const auto& setting : settings)
            rows.add(to_json(**family, setting, scope, false),
                     {setting.name, show_value(**family, setting, false), describe(scope)});
    };
    if (count_scopes(arguments) == 1) {
        const auto scope = read_scope(arguments, context);
        if (!scope) return tl::unexpected<Stop>(scope.error());
        const auto settings = (*registry)->list_settings(*scope);
        if (!settings) return fail(settings.error());
        add(*settings, *scope);
    } else {
        const auto catalogue = (*registry)->catalogue();
        if (!catalogue) return fail(catalogue.error());
        for (const auto& [scope, settings] : (*catalogue)->settings) add(settings, scope);
    }
    rows.finish("No settings here.");
    return {};
}

std::vector<Parameter> with_scope(std::vector<Parameter> parameters) {
    for (auto& parameter : scope_parameters()) parameters.push_back(std::move(parameter));
    return parameters;
}

}  // namespace

std::vector<Command> setting_commands() {
    const Parameter name{.name = "NAME", .meaning = "a setting of the phones, such as SNTP_SERVER", .required = true};
    return {
        {.words = {"setting", "set"},
         .purpose = "Sets a setting in one layer; later layers win: global, site, model, device.",
         .parameters = with_scope({name,
                                   {.name = "VALUE", .meaning = "the value; never a secret"},
                                   {.name = "--value-file",
                                    .placeholder = "F",
                                    .meaning = "take the value from this file ('-': standard input)"}}),
         .notes = "A value that a set would misread is refused.",
         .find_misuse = need_scope_and_value,
         .run = set},
        {.words = {"setting", "unset"},
         .purpose = "Takes a setting out of one layer; sets keep old values, so they are told the default.",
         .parameters = with_scope({name}),
         .find_misuse = need_one_scope,
         .run = unset},
        {.words = {"setting", "show"},
         .purpose = "Shows a setting in one layer, and what it is for.",
         .parameters = with_scope(
             {name, {.name = "--reveal", .shape = Shape::flag, .meaning = "show a secret; the event log tells of it"}}),
         .find_misuse = need_one_scope,
         .run = show},
        {.words = {"setting", "list"},
         .purpose = "Lists the settings of one layer, or of all shared ones.",
         .parameters = scope_parameters(),
         .find_misuse = allow_one_scope,
         .run = list},
    };
}

}  // namespace ringfence::app
