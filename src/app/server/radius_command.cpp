// radius: the switches that ask, and the files that make FreeRADIUS ask us.
#include <fmt/format.h>

#include <filesystem>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/secret_input.h"
#include "app/server/server_names.h"
#include "app/server/whole_folder.h"
#include "base/text.h"
#include "base/url.h"
#include "network/radius_files.h"

namespace ringfence::app {

namespace {

using crypto::TlsLane;
using network::RadiusTls;
using registry::Switch;

constexpr std::size_t min_switch_secret = 16;   // RFC 2865 section 3
constexpr std::size_t max_switch_secret = 128;  // what switches take, generously
constexpr std::size_t made_secret_length = 26;  // 130 bits
constexpr std::string_view secret_letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::string_view default_logs = "/var/log/freeradius";
constexpr std::string_view default_cache = "http://127.0.0.1:18121";
constexpr std::size_t max_identity_file = 64 * 1024;
constexpr int life_parts = 3;  // a certificate is renewed when less than one of them is left

// ---- switches

Checked<Secret> read_switch_secret(const Arguments& arguments, Context& context) {
    const auto file = arguments.find_text("--secret-file");
    if (!file) return Secret(context.random().text(made_secret_length, secret_letters));
    auto secret = read_secret(*file, max_switch_secret, context.disk());
    if (!secret) return fail(std::move(secret).error().within("reading the secret"));
    if (secret->reveal().size() < min_switch_secret)
        return fail(FaultCode::malformed,
                    fmt::format("the secret must have at least {} characters", min_switch_secret));
    if (!network::is_plain_radius_text(secret->reveal()))
        return fail(FaultCode::malformed,
                    "the secret may hold printable ASCII only, and no blank, quote, backslash, '$' or '%'");
    return std::move(*secret);
}

json::object to_json(const Switch& each) {
    return {{"name", each.name},
            {"address", each.network.to_string()},
            {"change", registry::to_string(each.change)},
            {"port", each.port}};
}

Done add_switch(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const std::string& name = arguments.text("NAME");
    if (!network::is_plain_radius_text(name))
        return misuse("NAME may hold printable ASCII only, and no blank, quote, backslash, '$' or '%'");
    auto secret = read_switch_secret(arguments, context);
    if (!secret) return tl::unexpected<Stop>(secret.error());
    Switch added{.name = name, .network = arguments.networks("--address").front()};
    added.secret = std::move(*secret);
    if (const auto change = arguments.find_text("--change")) added.change = *registry::parse_port_change(*change);
    added.port = static_cast<std::uint16_t>(arguments.number("--port", registry::dynamic_authorization_port));
    if (const auto stored = (*registry)->add_switch(added); !stored) return fail(stored.error());
    context.note({.outcome = "switch-added", .detail = fmt::format("{} at {}", name, added.network.to_string())});
    json::object object = to_json(added);
    std::vector<std::pair<std::string, std::string>> facts{{"switch", name}, {"address", added.network.to_string()}};
    const bool is_made = !arguments.has("--secret-file");
    if (is_made) {
        object["secret"] = added.secret.reveal();
        facts.emplace_back("secret", added.secret.reveal());
    }
    context.output().answer(object, format_facts(facts) + (is_made ? "The secret is shown this once. " : "") +
                                        "FreeRADIUS learns of it by 'ringfence radius config' and a restart.\n");
    if (is_made) wipe(facts.back().second);
    return {};
}

Done list_switches(const Arguments&, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    Rows rows(context.output(), {"NAME", "ADDRESS", "CHANGE", "PORT"});
    const auto listed = (*registry)->list_switches([&](const Switch& each) {
        rows.add(to_json(each), {each.name, each.network.to_string(), std::string(registry::to_string(each.change)),
                                 std::to_string(each.port)});
        return true;
    });
    if (!listed) return fail(listed.error());
    rows.finish("No switches yet: ringfence radius switch add.");
    return {};
}

Done remove_switch(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const std::string& name = arguments.text("NAME");
    if (const auto removed = (*registry)->remove_switch(name); !removed) return fail(removed.error());
    context.note({.outcome = "switch-removed", .detail = name});
    context.output().answer({{"name", name}, {"removed", true}},
                            "Removed " + name + ". FreeRADIUS forgets it by 'ringfence radius config' and a restart.");
    return {};
}

// ---- config

// The certificate that the RADIUS server shows, on one lane.
struct Wish {
    std::string host;
    TlsLane lane = TlsLane::modern;
    std::string_view chain_file;
    std::string_view key_file;
};

std::string join_chain(const crypto::Certificate& leaf, const std::vector<crypto::Certificate>& chain) {
    std::vector<crypto::Certificate> all{leaf};
    all.insert(all.end(), chain.begin(), chain.end());
    return crypto::format_bundle(all);
}

bool is_lasting(const crypto::Certificate& certificate, WallTime now) {
    const auto life = certificate.not_after() - certificate.not_before();
    return certificate.not_after() - now > life / life_parts;
}

// What an earlier run made, if it can stay: for this host, by the present CA, and neither revoked nor in the last third
// of its life.
Result<std::optional<RadiusTls>> find_kept(Context& context, const Wish& wish, const std::string& folder,
                                           const crypto::Certificate& issuer) {
    const auto pem = context.disk().read(folder + "/" + std::string(wish.chain_file), max_identity_file);
    auto key_text = context.disk().read(folder + "/" + std::string(wish.key_file), max_identity_file);
    if (!pem || !key_text) return std::optional<RadiusTls>();
    Secret key_pem(std::move(*key_text));
    const auto chain = crypto::Certificate::parse_bundle(*pem);
    const auto key = crypto::PrivateKey::parse_pem(key_pem);
    if (!chain || !key || !key->matches(chain->front())) return std::optional<RadiusTls>();
    const crypto::Certificate& leaf = chain->front();
    authority::ServerNames names{leaf.dns_names(), leaf.addresses()};
    const bool is_ours = chain->size() == 2 && chain->back() == issuer && is_named(names, wish.host);
    if (!is_ours || !is_lasting(leaf, context.clock().wall_now())) return std::optional<RadiusTls>();
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    auto known = (*registry)->find_certificate(leaf.fingerprint_sha256());
    if (!known) return fail(std::move(known).error());
    if (!*known || (*known)->revoked) return std::optional<RadiusTls>();
    return std::optional<RadiusTls>({*pem, std::move(key_pem), {}});
}

// The certificates that were made in this run; without the files nobody has their keys.
struct Made {
    std::vector<crypto::Certificate> certificates;
};

Result<RadiusTls> prepare_tls(Context& context, const Wish& wish, const std::string& folder, Made& made) {
    const auto authority = context.authority();
    if (!authority) return fail(authority.error());
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto issuer = wish.lane == TlsLane::legacy ? authority::Issuer::legacy : authority::Issuer::rsa;
    auto kept = find_kept(context, wish, folder, (*authority)->issuing(issuer));
    if (!kept) return fail(std::move(kept).error());
    RadiusTls out;
    if (*kept) {
        out = std::move(**kept);
    } else {
        authority::ServerNames names;
        add_name(names, wish.host);
        authority::HostRequest request{names.hosts, names.addresses};
        request.lane = wish.lane;
        request.is_client = wish.lane == TlsLane::modern;
        const auto issued = (*authority)->issue_host(request, **registry);
        if (!issued) return fail(issued.error());
        made.certificates.push_back(issued->certificate);
        out.chain = join_chain(issued->certificate, issued->chain);
        out.key = issued->key.to_pem();
    }
    auto authorities = (*authority)->device_issuers(wish.lane);
    const auto roots = (*authority)->roots_ever();
    authorities.insert(authorities.end(), roots.begin(), roots.end());
    out.authorities = crypto::format_bundle(authorities);
    return out;
}

// Where the radius door is by the settings.
std::string find_own_door(const server::ServerSettings& settings) {
    for (const auto& listener : settings.listeners)
        if (listener.wire == trust::Wire::radius) return "http://" + listener.endpoint.to_string();
    remark("no radius door is in the settings: put a [[listen]] with door = \"radius\" there");
    return fmt::format("http://127.0.0.1:{}", server::standard_port(trust::Wire::radius));
}

// The password must not leave the machine.
Checked<std::string> read_server(const Arguments& arguments, const server::ServerSettings& settings) {
    const auto told = arguments.find_text("--server");
    if (!told) return find_own_door(settings);
    const auto url = Url::parse(*told);
    const bool is_plain = url && url->path.empty() && url->user.empty() && !told->ends_with('/');
    if (is_plain && url->protocol == Protocol::https) return *told;
    const auto address = is_plain ? IpAddress::parse(url->host) : Result<IpAddress>(IpAddress());
    if (is_plain && url->protocol == Protocol::http && address && server::is_loopback(*address)) return *told;
    return misuse("--server must be as in https://prov.example.net:18122, or http:// with a loopback address");
}

// The password must not leave this machine in clear.
Checked<std::string> read_cache(const Arguments& arguments) {
    const auto told = arguments.find_text("--cache").value_or(std::string(default_cache));
    const auto url = Url::parse(told);
    const auto address = url ? IpAddress::parse(url->host) : Result<IpAddress>(IpAddress());
    const bool is_plain = url && url->protocol == Protocol::http && url->path.empty() && url->user.empty();
    if (is_plain && address && server::is_loopback(*address) && !told.ends_with('/')) return told;
    return misuse("--cache must be as in http://127.0.0.1:18121, with a loopback address");
}

Result<bool> has_legacy_lane(Context& context) {
    const auto settings = context.settings();
    if (!settings) return fail(settings.error());
    if (!(*settings)->radius.has_legacy_eap) return false;
    const bool is_over = (*settings)->legacy->closes && *(*settings)->legacy->closes <= context.clock().wall_now();
    if (is_over) remark("[legacy] has passed its closing date: no EAP under old TLS is written");
    return !is_over;
}

struct Target {
    std::string folder;  // that is written
    network::RadiusPlan plan{};
};

Status fill_plan(Context& context, const Arguments& arguments, Target& target, Made& made) {
    const auto settings = context.settings();
    if (!settings) return fail(settings.error());
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const std::string host = arguments.find_text("--host").value_or((*settings)->installation.host);
    network::RadiusPlan& plan = target.plan;
    const auto legacy = has_legacy_lane(context);
    if (!legacy) return fail(legacy.error());
    auto tls = prepare_tls(context, {host, TlsLane::modern, network::radius_chain_file, network::radius_key_file},
                           target.folder, made);
    if (!tls) return fail(std::move(tls).error());
    plan.tls = std::move(*tls);
    if (*legacy) {
        auto old = prepare_tls(
            context, {host, TlsLane::legacy, network::radius_legacy_chain_file, network::radius_legacy_key_file},
            target.folder, made);
        if (!old) return fail(std::move(old).error());
        plan.legacy_tls = std::move(*old);
    }
    auto password = (*registry)->lookup_password(context.random());
    if (!password) return fail(std::move(password).error());
    plan.password = std::move(*password);
    return (*registry)->list_switches([&](const Switch& each) {
        plan.switches.push_back(each);
        return true;
    });
}

Status write_files(Disk& disk, const std::string& folder, const std::vector<network::RadiusFile>& files) {
    for (const auto& file : files) {
        auto written = disk.write_new(folder + "/" + file.name, file.content.reveal(), private_file);
        if (!written) return written;
    }
    return {};
}

Status write_target(Context& context, const Arguments& arguments, Target& target, Made& made) {
    Disk& disk = context.disk();
    const std::string main_file = target.folder + "/" + std::string(network::radius_main_file);
    const auto fill = [&](const std::string& folder) -> Status {
        if (auto filled = fill_plan(context, arguments, target, made); !filled) return filled;
        const auto files = network::format_radius_files(target.plan);
        if (!files) return fail(files.error());
        return write_files(disk, folder, *files);
    };
    const auto before = disk.read(main_file, max_identity_file);
    if (!before || !before->starts_with(network::radius_mark)) return write_whole_folder(target.folder, disk, fill);
    return replace_whole_folder(target.folder, disk, fill);
}

Done write_config(const Arguments& arguments, Context& context) {
    const auto settings = context.settings();
    if (!settings) return fail(settings.error());
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    auto server = read_server(arguments, **settings);
    if (!server) return tl::unexpected<Stop>(server.error());
    auto cache = read_cache(arguments);
    if (!cache) return tl::unexpected<Stop>(cache.error());
    std::error_code error;
    const auto folder = std::filesystem::weakly_canonical(std::filesystem::absolute(arguments.text("--out")), error);
    if (error) return fail(FaultCode::unavailable, arguments.text("--out") + ": " + error.message());
    Target target{.folder = folder.string()};
    while (target.folder.size() > 1 && target.folder.back() == '/') target.folder.pop_back();
    target.plan.folder = arguments.find_text("--folder").value_or(target.folder);
    target.plan.logs = arguments.find_text("--logs").value_or(std::string(default_logs));
    target.plan.server = std::move(*server);
    target.plan.cache = std::move(*cache);
    if (const auto address = arguments.find_text("--address")) target.plan.address = *IpAddress::parse(*address);
    target.plan.port = static_cast<std::uint16_t>(arguments.number("--port", target.plan.port));
    const auto alone = hold_place(target.folder);
    if (!alone) return fail(alone.error());
    Made made;
    const auto written = write_target(context, arguments, target, made);
    if (!written) {
        // A certificate whose key nobody has must not stay good.
        for (const auto& certificate : made.certificates)
            static_cast<void>((*registry)->revoke_certificate(certificate.serial()));
        return fail(written.error());
    }
    json::array serials;
    for (const auto& certificate : made.certificates) serials.emplace_back(certificate.serial());
    context.note({.outcome = "radius-config-written",
                  .detail = fmt::format(
                      "for {}, {}", count_of(target.plan.switches.size(), "switch address"),
                      made.certificates.empty() ? "with the certificates that were there" : "with new certificates")});
    context.output().answer({{"out", printable(target.folder)},
                             {"switches", target.plan.switches.size()},
                             {"issued", serials},
                             {"legacy_eap", target.plan.legacy_tls.has_value()}},
                            fmt::format("Wrote {}: FreeRADIUS 3.2 runs it with 'freeradius -d {}'; README.txt says "
                                        "more. It holds secrets.\n",
                                        target.folder, target.plan.folder));
    return {};
}

}  // namespace

std::vector<Command> radius_commands() {
    const Parameter name{.name = "NAME", .meaning = "the switch's name", .required = true};
    return {
        {.words = {"radius", "config"},
         .purpose = "Writes the files with which FreeRADIUS 3.2 asks this server who may use the network.",
         .parameters = {{.name = "--out",
                         .placeholder = "DIR",
                         .meaning = "a new or empty folder, or one that this command wrote; whole or not at all",
                         .required = true},
                        {.name = "--host",
                         .placeholder = "NAME",
                         .meaning = "in the certificate that phones see; default: the server's own name"},
                        {.name = "--address",
                         .shape = Shape::address,
                         .placeholder = "A",
                         .meaning = "where switches ask it; default: every IPv4 address of its machine"},
                        {.name = "--port",
                         .shape = Shape::number,
                         .placeholder = "N",
                         .meaning = "default: 1812",
                         .min = 1,
                         .max = 65535},
                        {.name = "--server",
                         .placeholder = "URL",
                         .meaning = "where it asks this server, for another machine: https://HOST:18122; default: the "
                                    "radius door"},
                        {.name = "--cache",
                         .placeholder = "URL",
                         .meaning = "the cache beside it; default: http://127.0.0.1:18121"},
                        {.name = "--folder",
                         .placeholder = "DIR",
                         .meaning = "where the files will lie, if that is not --out"},
                        {.name = "--logs",
                         .placeholder = "DIR",
                         .meaning = "FreeRADIUS's folder for its log; default: /var/log/freeradius"}},
         .notes = "Secrets stand in the files only, which are for their owner alone. Again keeps the certificate until "
                  "the last third of its life.",
         .run = write_config},
        {.words = {"radius", "switch", "add"},
         .purpose = "Adds a switch that may ask the RADIUS server.",
         .parameters = {name,
                        {.name = "--address",
                         .shape = Shape::network,
                         .placeholder = "A",
                         .meaning = "where it asks from: an address or CIDR network",
                         .required = true},
                        {.name = "--secret-file",
                         .placeholder = "F",
                         .meaning = "take the secret from this file ('-': standard input) instead of making one"},
                        {.name = "--change",
                         .shape = Shape::choice,
                         .meaning = "how it is told to ask again; default: disconnect",
                         .choices = {"disconnect", "coa", "none"}},
                        {.name = "--port",
                         .shape = Shape::number,
                         .placeholder = "N",
                         .meaning = "where it is told that; default: 3799",
                         .min = 1,
                         .max = 65535}},
         .notes = "A secret of your own has at least 16 characters.",
         .run = add_switch},
        {.words = {"radius", "switch", "list"}, .purpose = "Lists the switches.", .run = list_switches},
        {.words = {"radius", "switch", "remove"},
         .purpose = "Forgets a switch.",
         .parameters = {name},
         .run = remove_switch},
        radius_cache_command(),
    };
}

}  // namespace ringfence::app
