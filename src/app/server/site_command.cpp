#include <fmt/format.h>

#include <algorithm>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/login.h"
#include "app/server/server_names.h"
#include "base/text.h"
#include "phonefile/manifest.h"

namespace ringfence::app {

namespace {

using registry::Site;

constexpr std::size_t max_site_name = 32;  // it stands in file names that manifests carry

bool is_site_name(std::string_view name) {
    const auto allowed = [](char c) {
        return is_ascii_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '_' || c == '-';
    };
    return !name.empty() && name.size() <= max_site_name && std::all_of(name.begin(), name.end(), allowed);
}

std::optional<std::string> find_bad_name(const Arguments& arguments) {
    if (is_site_name(arguments.text("NAME"))) return std::nullopt;
    return fmt::format("a site's name has 1 to {} letters, digits, '_' and '-'", max_site_name);
}

std::vector<std::string> show_networks(const Site& site) {
    std::vector<std::string> out;
    for (const auto& network : site.networks) out.push_back(network.to_string());
    return out;
}

json::object to_json(const Site& site) {
    json::object out;
    out["name"] = site.name;
    out["networks"] = to_array(show_networks(site));
    out["server"] = text_or_null(site.server);
    out["legacy_server"] = text_or_null(site.legacy_server);
    out["login_user"] = text_or_null(site.login_user);
    return out;
}

// What the writer of a manifest refuses would leave the site's sets without one.
Status check_servers(const Site& site) {
    auto fits = phonefile::check_server(site.server);
    return fits ? phonefile::check_server(site.legacy_server) : fits;
}

// Phones of the site will look for these names in the server's certificate.
Status cover_by_certificate(Context& context, const Site& site) {
    const auto authority = context.authority();
    if (!authority) return fail(authority.error());
    authority::ServerNames names = (*authority)->server_names();
    bool is_covered = true;
    for (const auto& server : {site.server, site.legacy_server}) {
        if (server.empty() || is_named(names, server)) continue;
        add_name(names, server);
        is_covered = false;
    }
    return is_covered ? Status() : issue_server_certificates(context, names);
}

Done give_login(Context& context, Site& site, json::object& object, std::string& text) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto made =
        make_site_login(site.name, (*context.settings())->installation.realm, **registry, context.random());
    if (!made) return fail(made.error());
    const auto stored = (*registry)->store_login(made->login, made->password);
    if (!stored) return fail(stored.error());
    context.note({.outcome = "site-login-made", .detail = "a shared login for internal files", .site = site.name});
    object["login_user"] = made->login.user;
    object["login_password"] = made->password.reveal();
    text += format_facts({{"user", made->login.user}, {"password", std::string(made->password.reveal())}}) +
            "The password is shown this once.\n";
    return {};
}

Done add(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    Site site;
    site.name = arguments.text("NAME");
    site.networks = arguments.networks("--net");
    site.server = arguments.text_or_empty("--server");
    site.legacy_server = arguments.text_or_empty("--legacy-server");
    if (const auto fits = check_servers(site); !fits) return fail(fits.error());
    const auto added = (*registry)->together([&]() -> Status {
        auto status = (*registry)->add_site(site);
        return status ? cover_by_certificate(context, site) : status;
    });
    if (!added) return fail(added.error());
    context.note({.outcome = "site-added",
                  .detail = fmt::format("networks {}", fmt::join(show_networks(site), ", ")),
                  .site = site.name});
    json::object object = to_json(site);
    std::string text = "Added site " + site.name + ".\n";
    if (arguments.has("--login")) {
        const auto given = give_login(context, site, object, text);
        if (!given) return given;
    }
    context.output().answer(object, text);
    return {};
}

Done set(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto catalogue = (*registry)->catalogue();
    if (!catalogue) return fail(catalogue.error());
    const auto* known = registry::find_site(**catalogue, std::string_view(arguments.text("NAME")));
    if (known == nullptr) return fail(FaultCode::not_found, "there is no site " + arguments.text("NAME"));
    Site site = *known;
    if (arguments.has("--net")) site.networks = arguments.networks("--net");
    if (const auto server = arguments.find_text("--server")) site.server = *server == "-" ? "" : *server;
    if (const auto server = arguments.find_text("--legacy-server")) site.legacy_server = *server == "-" ? "" : *server;
    if (const auto fits = check_servers(site); !fits) return fail(fits.error());
    const auto updated = (*registry)->together([&]() -> Status {
        auto status = (*registry)->update_site(site);
        return status ? cover_by_certificate(context, site) : status;
    });
    if (!updated) return fail(updated.error());
    context.note({.outcome = "site-changed",
                  .detail = fmt::format("networks {}", fmt::join(show_networks(site), ", ")),
                  .site = site.name});
    json::object object = to_json(site);
    std::string text = "Changed site " + site.name + ".\n";
    if (arguments.has("--login")) {
        const auto given = give_login(context, site, object, text);
        if (!given) return given;
    }
    context.output().answer(object, text);
    return {};
}

Done list(const Arguments&, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto catalogue = (*registry)->catalogue();
    if (!catalogue) return fail(catalogue.error());
    Rows rows(context.output(), {"SITE", "NETWORKS", "SERVER", "LEGACY SERVER", "LOGIN"});
    for (const auto& site : (*catalogue)->sites)
        rows.add(to_json(site), {site.name, fmt::format("{}", fmt::join(show_networks(site), " ")), site.server,
                                 site.legacy_server, site.login_user});
    rows.finish("No sites yet: ringfence site add.");
    return {};
}

Done remove(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const std::string& name = arguments.text("NAME");
    const auto removed = (*registry)->remove_site(name);
    if (!removed) return fail(removed.error());
    context.note({.outcome = "site-removed", .detail = "site " + name, .site = name});
    context.output().answer({{"name", name}, {"removed", true}}, "Removed site " + name + ".");
    return {};
}

}  // namespace

std::vector<Command> site_commands() {
    const Parameter name{.name = "NAME", .meaning = "letters, digits, '_' and '-'", .required = true};
    const Parameter net{.name = "--net",
                        .shape = Shape::network,
                        .placeholder = "CIDR",
                        .meaning = "a network of the site, such as 192.0.2.0/24; may be repeated",
                        .required = true,
                        .repeated = true};
    const Parameter server{.name = "--server",
                           .placeholder = "HOST",
                           .meaning = "name or address of this server as that site's sets reach it"};
    const Parameter legacy_server{
        .name = "--legacy-server", .placeholder = "HOST", .meaning = "the same for its sets on the https-legacy door"};
    const Parameter login{
        .name = "--login", .shape = Shape::flag, .meaning = "make a shared login, which opens internal files only"};
    Parameter new_net = net;
    new_net.required = false;
    new_net.meaning = "its networks from now on; may be repeated";
    Parameter new_server = server;
    new_server.meaning += "; '-' for none";
    Parameter new_legacy_server = legacy_server;
    new_legacy_server.meaning += "; '-' for none";
    return {
        {.words = {"site", "add"},
         .purpose = "Adds a site, which is known by its networks: a set's first request carries no other name.",
         .parameters = {name, net, server, legacy_server, login},
         .notes = "A server name that the server's certificate lacks is put into a new certificate.",
         .find_misuse = find_bad_name,
         .run = add},
        {.words = {"site", "set"},
         .purpose = "Changes a site's networks, servers or shared login.",
         .parameters = {name, new_net, new_server, new_legacy_server, login},
         .run = set},
        {.words = {"site", "list"}, .purpose = "Lists the sites.", .run = list},
        {.words = {"site", "remove"},
         .purpose = "Removes a site that no device, file or setting belongs to.",
         .parameters = {name},
         .run = remove},
    };
}

}  // namespace ringfence::app
