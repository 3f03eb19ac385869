#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/enrolment_parts.h"
#include "app/server/port_change_service.h"
#include "app/server/revocation_service.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/version.h"
#include "delivery/address_memory.h"
#include "delivery/limits.h"
#include "protocol/http_auth.h"
#include "server/sandbox.h"
#include "server/server.h"

namespace ringfence::app {

namespace {

constexpr std::size_t nonce_key_size = 32;
constexpr std::size_t feed_epoch_bytes = 16;

// An authority of its own for each load, because certificates may have been issued since.
Result<server::TlsMaterial> load_tls(Context& context, crypto::TlsLane lane) {
    auto opened = context.open_authority(authority::KeySet::server);
    if (!opened) return fail(std::move(opened).error());
    server::TlsMaterial material;
    material.identities = (*opened)->server_identities(lane);
    material.client_anchors = (*opened)->device_issuers(lane);
    return material;
}

Result<server::ServerSettings> load_with_doors(Context& context, const std::vector<std::string>& doors) {
    auto settings = load_settings(context.directory(), context.disk());
    if (!settings) return settings;
    const auto authority = context.open_authority(authority::KeySet::none);
    if (!authority) return fail(authority.error());
    settings->installation.root = (*authority)->root().fingerprint_sha256();
    if (doors.empty()) return settings;
    auto replaced = server::replace_listeners(*settings, doors);
    if (!replaced) return fail(std::move(replaced).error());
    return settings;
}

network::PortPolicy ports_by(const server::ServerSettings& settings) {
    return {settings.radius.terms, settings.radius.has_legacy_eap ? settings.legacy : std::nullopt};
}

Done check_doors(Context& context, const std::vector<std::string>& doors) {
    const auto known = context.settings();
    if (!known) return fail(known.error());
    auto settings = **known;
    const auto replaced = server::replace_listeners(settings, doors);
    if (!doors.empty() && !replaced) return misuse(replaced.error().message);
    return {};
}

Done serve(const Arguments& arguments, Context& context) {
    const auto& doors = arguments.all("--listen");
    if (const auto sound = check_doors(context, doors); !sound) return sound;
    if (auto forbidden = server::forbid_core_files(); !forbidden) return fail(std::move(forbidden).error());
    const auto family = context.family();
    if (!family) return fail(family.error());
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto bound = (*registry)->bind_realm((*context.settings())->installation.realm);
    if (!bound) return fail(bound.error());
    const auto events = context.event_log();
    if (!events) return fail(events.error());
    if (const auto warning = crypto::library_warning()) log::warning(*warning);

    const Secret nonce_key(context.random().bytes(nonce_key_size));
    protocol::NonceTable nonces(context.random(), [&nonce_key](std::string_view bytes) {
        return crypto::hmac_sha256(nonce_key.reveal(), bytes);
    });
    delivery::Limits limits;
    delivery::AddressMemory addresses;
    server::SignerProcess signer(plan_signer(context), context.clock());
    auto enrolment = make_enrolment(context, signer, nonces);
    if (!enrolment) return fail(std::move(enrolment).error());
    auto revocation = RevocationService::start(context, signer);
    if (!revocation) return fail(std::move(revocation).error());
    const auto port_changes = PortChangeService::start(context, **events, ports_by(**context.settings()));
    if (!port_changes) return fail(port_changes.error());
    server::ServerParts parts{
        .shared = {.clock = context.clock(),
                   .family = **family,
                   .nonces = nonces,
                   .limits = limits,
                   .addresses = addresses,
                   .events = **events,
                   .installation = (*context.settings())->installation},
        .load_settings = [&] { return load_with_doors(context, doors); },
        .on_reloaded = [&](const server::ServerSettings& settings) { (*port_changes)->follow(ports_by(settings)); },
        .load_tls = [&](crypto::TlsLane lane) { return load_tls(context, lane); },
        .open_lookup = [&]() -> Result<std::unique_ptr<registry::Lookup>> {
            auto another = (*registry)->open_another();
            if (!another) return fail(std::move(another).error());
            return std::unique_ptr<registry::Lookup>(std::move(*another));
        },
        .open_network_lookup = [&]() -> Result<std::unique_ptr<registry::NetworkLookup>> {
            auto another = (*registry)->open_another();
            if (!another) return fail(std::move(another).error());
            return std::unique_ptr<registry::NetworkLookup>(std::move(*another));
        },
        .make_feed_epoch = [&] { return to_hex(context.random().bytes(feed_epoch_bytes)); },
        .load_lookup_password = [&] { return (*registry)->lookup_password(context.random()); },
        .enrolment = std::move(*enrolment),
        .find_revocation_list = [&](std::string_view name) { return (*revocation)->find(name); },
        .on_ready = say_ready};
    server::Server server(std::move(parts));
    const auto started = server.start();
    if (!started) return fail(started.error());
    server.run();
    return {};
}

}  // namespace

std::vector<Command> serve_commands() {
    return {
        {.words = {"serve"},
         .purpose = "Serves sets until SIGTERM; prints 'ready' when all doors listen. The log goes to standard error.",
         .parameters = {{.name = "--listen",
                         .placeholder = "KIND=ADDR:PORT",
                         .meaning = "a door: tftp, ftp, http, https, https-legacy, radius or radius-tls, as in "
                                    "tftp=[::1]:69; may be "
                                    "repeated, and then only these open",
                         .repeated = true}},
         .notes = "SIGHUP reads settings and certificates anew, whole or not at all.",
         .run = serve}};
}

}  // namespace ringfence::app
