// radius cache: the process beside a RADIUS server that answers while our server does not.
#include <fmt/format.h>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "base/text.h"
#include "base/url.h"
#include "network/radius_files.h"
#include "server/cache_service.h"
#include "server/lookup_door.h"
#include "server/sandbox.h"

namespace ringfence::app {

namespace {

using network::FeedServer;
using network::FeedTls;

constexpr std::string_view default_listen = "127.0.0.1:18121";
constexpr std::size_t max_radius_file = crypto::Certificate::max_bundle_size;

// A night and the morning after it, until somebody has looked.
constexpr Duration default_max_age = std::chrono::hours(24);
// A month's answers say nothing about who may use a network.
constexpr Duration longest_max_age = std::chrono::hours(24 * 31);
// Longer than holidays: a phone on a port that never asks again was let in when it was plugged in.
constexpr Duration default_let_in_within = std::chrono::hours(24 * 60);

Checked<Duration> read_duration(const Arguments& arguments, const std::string& name, Duration otherwise,
                                Duration most) {
    const auto text = arguments.find_text(name);
    if (!text) return otherwise;
    const auto duration = parse_duration(*text);
    const Duration least = std::chrono::seconds(1);
    if (!duration || *duration < least || *duration > most)
        return misuse(
            fmt::format("{} must be as in 90s, 30m, 24h or 30d, and at most {}d", name, most / std::chrono::hours(24)));
    return *duration;
}

Result<std::string> read_file(Context& context, const std::string& folder, std::string_view name) {
    return context.disk().read(folder + "/" + std::string(name), max_radius_file);
}

Result<Secret> read_password(Context& context, const std::string& folder) {
    auto text = read_file(context, folder, network::radius_password_file);
    if (!text) return fail(std::move(text.error()).within("--radius must be what 'radius config' wrote"));
    return Secret(std::move(*text));
}

// With the certificate that FreeRADIUS shows, too.
Result<FeedTls> read_tls(Context& context, const std::string& folder, const std::string& host) {
    const auto chain_text = read_file(context, folder, network::radius_chain_file);
    if (!chain_text) return fail(chain_text.error());
    auto key_text = read_file(context, folder, network::radius_key_file);
    if (!key_text) return fail(std::move(key_text.error()));
    const auto authorities = read_file(context, folder, network::radius_authorities_file);
    if (!authorities) return fail(authorities.error());
    auto chain = crypto::Certificate::parse_bundle(*chain_text);
    if (!chain) return fail(std::move(chain.error()).within(network::radius_chain_file));
    const auto key = crypto::PrivateKey::parse_pem(Secret(std::move(*key_text)));
    if (!key) return fail(Fault(key.error()).within(network::radius_key_file));
    auto anchors = crypto::Certificate::parse_bundle(*authorities);
    if (!anchors) return fail(std::move(anchors.error()).within(network::radius_authorities_file));
    FeedTls out{.host = host, .trust = {}, .identity = {chain->front(), {chain->begin() + 1, chain->end()}, *key}};
    out.trust.anchors = std::move(*anchors);
    return out;
}

struct Asked {
    Url url;
    Endpoint endpoint;
};

// A name is not looked up: it might not be answered when it matters most.
Checked<Asked> read_server(const Arguments& arguments) {
    auto url = Url::parse(arguments.text("--server"));
    const bool is_http = url && (url->protocol == Protocol::http || url->protocol == Protocol::https);
    if (!is_http || !url->path.empty() || !url->user.empty())
        return misuse("--server must be as in http://127.0.0.1:18120 or https://prov.example.net:18122");
    const std::string told = arguments.find_text("--address").value_or(url->host);
    const auto address = IpAddress::parse(told);
    if (!address) return misuse("--server names no address: say where it is with --address");
    if (url->protocol == Protocol::http && !server::is_loopback(*address))
        return misuse("--server must be https: passwords would pass in clear between machines");
    const auto wire = url->protocol == Protocol::http ? trust::Wire::radius : trust::Wire::radius_tls;
    return Asked{*url, {*address, url->port.value_or(server::standard_port(wire))}};
}

Checked<Endpoint> read_listen(const Arguments& arguments) {
    const auto endpoint = Endpoint::parse(arguments.find_text("--listen").value_or(std::string(default_listen)));
    if (endpoint && server::is_loopback(endpoint->address)) return *endpoint;
    return misuse("--listen must be a loopback address and port, as in 127.0.0.1:18121");
}

Result<FeedServer> prepare_server(Context& context, const std::string& folder, const Asked& asked,
                                  const Secret& authorization) {
    FeedServer out{.endpoint = asked.endpoint};
    if (asked.url.protocol == Protocol::http) {
        out.authorization = authorization;
        return out;
    }
    auto tls = read_tls(context, folder, asked.url.host);
    if (!tls) return fail(std::move(tls.error()));
    out.tls = std::move(*tls);
    return out;
}

Done run_radius_cache(const Arguments& arguments, Context& context) {
    const auto asked = read_server(arguments);
    if (!asked) return tl::unexpected<Stop>(asked.error());
    const auto listen = read_listen(arguments);
    if (!listen) return tl::unexpected<Stop>(listen.error());
    const auto max_age = read_duration(arguments, "--max-age", default_max_age, longest_max_age);
    if (!max_age) return tl::unexpected<Stop>(max_age.error());
    const auto within = read_duration(arguments, "--let-in-within", default_let_in_within, network::max_let_in_within);
    if (!within) return tl::unexpected<Stop>(within.error());
    if (auto forbidden = server::forbid_core_files(); !forbidden) return fail(std::move(forbidden.error()));
    const std::string& folder = arguments.text("--radius");
    const auto password = read_password(context, folder);
    if (!password) return fail(password.error());
    server::CacheSettings settings{.folder = arguments.text("--folder"), .listen = *listen};
    settings.lookup_authorization = server::lookup_authorization(*password);
    settings.limits = {*max_age, *within};
    auto server = prepare_server(context, folder, *asked, settings.lookup_authorization);
    if (!server) return fail(std::move(server.error()));
    settings.server = std::move(*server);
    auto ended = server::run_cache(std::move(settings), {context.clock(), context.disk(), context.random(), say_ready});
    if (!ended) return fail(std::move(ended.error()));
    return {};
}

}  // namespace

Command radius_cache_command() {
    return {
        .words = {"radius", "cache"},
        .purpose = "Runs beside FreeRADIUS and answers it while this server does not, until SIGTERM; prints 'ready'.",
        .parameters = {{.name = "--folder",
                        .placeholder = "DIR",
                        .meaning = "what it keeps, sealed; made where it is missing",
                        .required = true},
                       {.name = "--radius",
                        .placeholder = "DIR",
                        .meaning = "the files of 'radius config': its password and certificate are the cache's, too",
                        .required = true},
                       {.name = "--server",
                        .placeholder = "URL",
                        .meaning = "whom it follows: http://127.0.0.1:18120 on the server's own machine, else "
                                   "https://HOST:18122",
                        .required = true},
                       {.name = "--address", .placeholder = "A", .meaning = "where that is, if HOST is a name"},
                       {.name = "--listen",
                        .placeholder = "ADDR:PORT",
                        .meaning = "where FreeRADIUS asks it; default: 127.0.0.1:18121"},
                       {.name = "--max-age",
                        .placeholder = "TIME",
                        .meaning = "how long it answers after it last heard the server; default: 24h, at most 31d"},
                       {.name = "--let-in-within",
                        .placeholder = "TIME",
                        .meaning = "which devices it keeps: those that were let in so lately; default: 60d"}},
        .notes =
            "Only devices that were in are let in, by the rules of the last moment that the server was heard.\n"
            "A TIME is as in 90s, 30m, 24h or 30d.",
        .needs_installation = false,
        .run = run_radius_cache};
}

}  // namespace ringfence::app
