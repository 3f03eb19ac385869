#include "delivery/pipeline.h"

#include <algorithm>
#include <string>

#include "base/log.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "delivery/path.h"
#include "delivery/resource.h"

namespace ringfence::delivery {

namespace {

using registry::Catalogue;
using registry::EventKind;
using registry::Window;
using trust::Proof;

constexpr std::size_t max_recorded_path = 200;

Protocol protocol_of(trust::Wire wire) {
    switch (wire) {
        case trust::Wire::tftp: return Protocol::tftp;
        case trust::Wire::ftp: return Protocol::ftp;
        case trust::Wire::http: return Protocol::http;
        case trust::Wire::https:
        case trust::Wire::https_legacy: return Protocol::https;
    }
    return Protocol::tftp;
}

const protocol::Hashes& hashes() {
    static const protocol::Hashes instance{crypto::md5, crypto::sha256};
    return instance;
}

// Checked in place of a login that does not exist, so that both cost the same.
const registry::Login& decoy_login() {
    static const registry::Login instance = [] {
        registry::Login login;
        login.ha1_md5 = Secret(std::string(32, '0'));
        login.ha1_sha256 = Secret(std::string(64, '0'));
        return login;
    }();
    return instance;
}

// Who asks, as far as it was proved.
struct Identity {
    trust::Asker asker;
    std::optional<registry::Device> device;
    std::string site_of_login;
    bool stale_nonce = false;
    std::string remark;  // for the event: why a proof that was shown does not count
};

Identity nobody(const Request& request, std::string remark = {}) {
    Identity out;
    out.asker.wire = request.wire;
    out.remark = std::move(remark);
    return out;
}

Identity proved(const Request& request, Proof proof, registry::Device device) {
    Identity out;
    out.asker = {.wire = request.wire, .proof = proof, .device = device.mac};
    out.device = std::move(device);
    return out;
}

Result<Identity> identify_by_certificate(const Request& request, registry::Lookup& lookup) {
    auto certificate = lookup.find_certificate(request.certificate_fingerprint);
    if (!certificate) return fail(std::move(certificate).error());
    const auto& record = *certificate;
    if (!record || record->revoked || record->purpose != registry::CertificatePurpose::device || !record->device)
        return nobody(request, "the client certificate is not one of our devices'");
    auto device = lookup.find_device(*record->device);
    if (!device) return fail(std::move(device).error());
    if (!*device) return nobody(request, "the client certificate's device is no longer in the inventory");
    return proved(request, Proof::device_certificate, std::move(**device));
}

const std::string& user_of(const protocol::Authorization& authorization) {
    return std::visit([](const auto& login) -> const std::string& { return login.user; }, authorization);
}

bool verify_password(const Shared& shared, const Request& request, const registry::Login& login) {
    const std::string& realm = shared.installation.realm;
    if (const auto* basic = std::get_if<protocol::BasicLogin>(&*request.authorization))
        return protocol::verify_basic(*basic, realm, login.ha1_sha256, hashes().sha256);
    const auto& digest = std::get<protocol::DigestLogin>(*request.authorization);
    const protocol::DigestedRequest digested{request.method, request.path, realm};
    const Secret& ha1 = digest.algorithm == protocol::DigestAlgorithm::md5 ? login.ha1_md5 : login.ha1_sha256;
    return protocol::verify_digest(digest, digested, ha1, hashes());
}

bool is_replay_safe(const Shared& shared, const protocol::Authorization& authorization, SteadyTime now) {
    const auto* digest = std::get_if<protocol::DigestLogin>(&authorization);
    if (digest == nullptr) return true;
    return shared.nonces.use(digest->nonce, digest->nonce_count, now) == protocol::NonceUse::fresh;
}

Result<Identity> identify_by_login(const Shared& shared, const Request& request, registry::Lookup& lookup) {
    const std::string& user = user_of(*request.authorization);
    const std::string source = request.source.to_string();
    const SteadyTime now = shared.clock.steady_now();
    auto found = lookup.find_login(user);
    if (!found) return fail(std::move(found).error());
    const registry::Login& login = *found ? **found : decoy_login();

    if (!shared.limits.may_attempt(user, source, login.kind, now))
        return nobody(request, "too many wrong passwords for this login lately");
    if (!verify_password(shared, request, login) || !*found) {
        shared.limits.attempt_failed(user, login.kind, now);
        return nobody(request, *found ? "wrong password" : "unknown user");
    }
    if (!is_replay_safe(shared, *request.authorization, now)) {
        Identity out = nobody(request, "Digest nonce used up or replayed");
        out.stale_nonce = true;
        return out;
    }
    shared.limits.attempt_succeeded(user, source, now);
    if (!login.device) {
        Identity out = nobody(request);
        out.asker.proof = Proof::site_login;
        out.site_of_login = login.site;
        return out;
    }
    auto device = lookup.find_device(*login.device);
    if (!device) return fail(std::move(device).error());
    if (!*device) return nobody(request, "the login's device is no longer in the inventory");
    // Answered like a wrong password, or the answer would confirm a right one.
    if ((*device)->requires_certificate)
        return nobody(request, "right password, but this device must show its certificate");
    return proved(request, Proof::device_password, std::move(**device));
}

// What was shown on a wire that anybody can read proves nothing.
Result<Identity> identify(const Shared& shared, const Request& request, registry::Lookup& lookup) {
    if (!trust::is_https(request.wire)) return nobody(request);
    if (!request.certificate_fingerprint.empty()) return identify_by_certificate(request, lookup);
    if (request.authorization) return identify_by_login(shared, request, lookup);
    return nobody(request);
}

bool is_served_by_lane(const Request& request, const Identity& identity, const registry::Site* site, WallTime now) {
    if (request.lane == nullptr) return true;
    const std::string model = identity.device ? identity.device->model : "";
    return is_served(*request.lane, model, site ? site->name : "", now);
}

const Window* find_window(const Catalogue& catalogue, const IpAddress& source, const std::optional<MacAddress>& device,
                          WallTime now) {
    const Window* best = nullptr;
    for (const Window& window : catalogue.windows) {
        if (window.closed || now < window.opened || now >= window.closes) continue;
        const bool on_network = std::any_of(window.networks.begin(), window.networks.end(),
                                            [&](const Network& network) { return network.contains(source); });
        if (!on_network) continue;
        const bool any_device = window.devices.empty();
        if (!any_device &&
            (!device || std::find(window.devices.begin(), window.devices.end(), *device) == window.devices.end()))
            continue;
        if (best == nullptr || (window.hands_out_login && !best->hands_out_login)) best = &window;
    }
    return best;
}

std::optional<trust::OpenWindow> as_open(const Window* window) {
    if (window == nullptr) return std::nullopt;
    return trust::OpenWindow{window->hands_out_login};
}

registry::Event begin_event(const Request& request, const Identity& identity, WallTime now) {
    registry::Event event;
    event.time = now;
    event.kind = EventKind::request;
    event.device = identity.asker.device;
    event.wire = trust::to_string(request.wire);
    event.source = request.source.to_string();
    event.path = printable(request.path, max_recorded_path);
    event.proof = trust::to_string(identity.asker.proof);
    event.detail = identity.remark;
    return event;
}

// For the administrator, never for the wire.
std::string explain(const Resolved& resolved, const Identity& identity) {
    if (!identity.remark.empty()) return identity.remark;
    if (!resolved.resource) return resolved.named ? "no such device in the inventory" : "no such file";
    const auto& wanted = resolved.resource->wanted;
    const std::string name(trust::to_string(wanted.content_class));
    if (!trust::is_https(identity.asker.wire)) return name + " content is handed out over HTTPS only";
    if (identity.asker.proof == Proof::none) return name + " content needs a login or a device certificate";
    if (wanted.owner && identity.asker.device) return "belongs to another device";
    return name + " content does not open to this proof or lane";
}

}  // namespace

Answer Pipeline::answer(const Request& request) {
    const WallTime now = shared_.clock.wall_now();
    const auto unavailable = [&](const Fault& fault) {
        log::error("answering " + printable(request.path) + ": " + fault.message);
        Answer out;
        out.outcome = Outcome::unavailable;
        out.ticket.event = begin_event(request, nobody(request), now);
        out.ticket.event.outcome = "failed";
        out.ticket.event.detail = fault.message;
        return out;
    };

    auto catalogue = lookup_.catalogue();
    if (!catalogue) return unavailable(catalogue.error());
    const Catalogue& shared_part = **catalogue;
    auto identity = identify(shared_, request, lookup_);
    if (!identity) return unavailable(identity.error());

    const SteadyTime steady = shared_.clock.steady_now();
    const AddressHint hint = shared_.addresses.find(request.source, steady);
    Perspective perspective;
    perspective.protocol = protocol_of(request.wire);
    perspective.now = now;
    perspective.model = identity->device ? identity->device->model : hint.model;
    if (identity->device && !identity->device->site.empty())
        perspective.site = registry::find_site(shared_part, std::string_view(identity->device->site));
    else if (!identity->site_of_login.empty())
        perspective.site = registry::find_site(shared_part, std::string_view(identity->site_of_login));
    else
        perspective.site = registry::find_site(shared_part, request.source);

    const Delivery delivery{shared_.family, shared_.installation, shared_part, lookup_};
    const bool lane_serves = is_served_by_lane(request, *identity, perspective.site, now);
    const auto who = identity->asker.device ? identity->asker.device : hint.device;
    const Window* window = find_window(shared_part, request.source, who, now);
    const auto path = parse_path(request.path);

    Resolved resolved;
    tl::expected<trust::Grant, trust::Refusal> grant = tl::make_unexpected(trust::Refusal::absent);
    while (true) {
        perspective.window_hands_out_login = window != nullptr && window->hands_out_login;
        if (path) {
            auto found = resolve(delivery, *path, perspective);
            if (!found) return unavailable(found.error());
            resolved = std::move(*found);
        }
        std::optional<trust::Wanted> wanted;
        if (resolved.resource && lane_serves) wanted = resolved.resource->wanted;
        grant = trust::decide(identity->asker, as_open(window), wanted);
        if (!grant || !grant->by_window()) break;
        auto entered = lookup_.enter_window(window->id, who ? who->colons() : request.source.to_string());
        if (!entered) return unavailable(entered.error());
        if (*entered) break;
        window = nullptr;  // full: decide again as if it were closed
    }

    Answer out;
    out.stale_nonce = identity->stale_nonce;
    out.ticket.event = begin_event(request, *identity, now);
    registry::Event& event = out.ticket.event;
    if (!event.device && resolved.named) event.device = resolved.named;
    if (perspective.site != nullptr) event.site = perspective.site->name;
    if (!resolved.model.empty()) shared_.addresses.remember_model(request.source, resolved.model, steady);
    const auto& owner = resolved.resource ? resolved.resource->wanted.owner : std::nullopt;
    if (owner) shared_.addresses.remember_device(request.source, *owner, steady);
    if (identity->asker.device) {
        const auto noted = lookup_.note_proved(*identity->asker.device, now);
        if (!noted) log::warning(noted.error().message);
    }

    if (!grant) {
        const bool challenge = grant.error() == trust::Refusal::needs_proof;
        out.outcome = challenge ? Outcome::needs_proof : Outcome::not_found;
        event.outcome = challenge ? "challenged" : "refused";
        event.detail = explain(resolved, *identity);
        const bool was_proved_once =
            resolved.resource && resolved.resource->device && resolved.resource->device->last_proved;
        if (!identity->remark.empty())
            event.kind = EventKind::login_failed;
        else if (was_proved_once && !trust::is_https(request.wire))
            event.kind = EventKind::downgrade;
        return out;
    }

    auto rendered = render(delivery, *resolved.resource, *grant, now);
    if (!rendered) return unavailable(rendered.error());
    out.outcome = Outcome::content;
    out.body = std::move(rendered->body);
    out.etag = std::move(rendered->etag);
    out.modified = rendered->modified;
    if (grant->by_window()) event.detail = "inside staging window " + std::to_string(window->id);
    return out;
}

void Pipeline::record(Ticket ticket, const Delivered& delivered) {
    registry::Event& event = ticket.event;
    event.bytes = delivered.bytes;
    if (event.outcome.empty()) {
        if (delivered.not_modified)
            event.outcome = "not-modified";
        else
            event.outcome = delivered.complete ? "delivered" : "cut";
        shared_.events.record(std::move(event));
        return;
    }
    const std::string asker = event.proof == trust::to_string(Proof::none) ? event.source : event.device->colons();
    const auto miss = shared_.limits.note_miss(asker, shared_.clock.steady_now());
    if (miss.suppressed > 0) {
        registry::Event summary;
        summary.time = event.time;
        summary.kind = EventKind::misses;
        summary.source = event.source;
        summary.outcome = "refused";
        summary.detail =
            std::to_string(miss.suppressed) + " more refused requests were counted and not recorded singly";
        shared_.events.record(std::move(summary));
    }
    if (miss.record) shared_.events.record(std::move(event));
}

}  // namespace ringfence::delivery
