#include "delivery/pipeline.h"

#include <algorithm>
#include <string>
#include <utility>

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
constexpr Duration complaint_interval = std::chrono::minutes(1);
constexpr std::size_t max_complaints = 1024;  // more damaged files than that are told again sooner
constexpr std::size_t max_recorded_agent = 80;
// Ours have 8 to 12 characters; longer names are nobody's, and would only fill tables.
constexpr std::size_t max_user_length = 64;

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
    std::string remark;                   // for the event: why a proof that was shown does not count
    std::optional<MacAddress> attempted;  // whose proof was tried in vain, if it is anybody's
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
    if (user.size() > max_user_length) return nobody(request, "unknown user");
    const std::string source = request.source.to_string();
    const SteadyTime now = shared.clock.steady_now();
    auto found = lookup.find_login(user);
    if (!found) return fail(std::move(found).error());
    // A login that does not exist, or is not to be tried now, costs the same work.
    const bool may_attempt = *found && shared.limits.may_attempt(user, source, (*found)->kind, now);
    const registry::Login& login = may_attempt ? **found : decoy_login();
    const bool is_right = verify_password(shared, request, login);
    const auto rejected = [&](std::string remark) {
        Identity out = nobody(request, std::move(remark));
        if (*found) out.attempted = (*found)->device;
        return out;
    };
    if (!*found) return rejected("unknown user");
    if (!may_attempt) return rejected("too many wrong passwords for this login lately");
    if (!is_right) {
        shared.limits.attempt_failed(user, source, login.kind, now);
        return rejected("wrong password");
    }
    std::optional<registry::Device> device;
    if (login.device) {
        auto known = lookup.find_device(*login.device);
        if (!known) return fail(std::move(known).error());
        if (!*known) return rejected("the login's device is no longer in the inventory");
        // Answered like a wrong password, or the answer would confirm a right one.
        if ((*known)->requires_certificate)
            return rejected("right password, but this device must show its certificate");
        device = std::move(*known);
    }
    if (!is_replay_safe(shared, *request.authorization, now)) {
        Identity out = rejected("Digest nonce used up or replayed");
        out.stale_nonce = true;
        return out;
    }
    shared.limits.attempt_succeeded(user, source, now);
    if (device) return proved(request, Proof::device_password, std::move(*device));
    Identity out = nobody(request);
    out.asker.proof = Proof::site_login;
    out.site_of_login = login.site;
    return out;
}

// What was shown on a wire that anybody can read proves nothing.
Result<Identity> identify(const Shared& shared, const Request& request, registry::Lookup& lookup) {
    if (!trust::is_https(request.wire)) return nobody(request);
    if (!request.certificate_fingerprint.empty()) return identify_by_certificate(request, lookup);
    if (request.authorization) return identify_by_login(shared, request, lookup);
    return nobody(request);
}

// By the model of the proved device and of the path. A site's login names no model: its site decides.
bool is_served_by_lane(const Request& request, const Identity& identity, const std::string& model_of_path,
                       const registry::Site* site, WallTime now) {
    if (request.lane == nullptr) return true;
    const std::string site_name = site ? site->name : "";
    if (identity.device && !is_served(*request.lane, identity.device->model, site_name, now)) return false;
    return is_served(*request.lane, model_of_path, site_name, now);
}

// `full` are windows that were tried already.
const Window* find_window(const Catalogue& catalogue, const IpAddress& source, const std::optional<MacAddress>& device,
                          const std::vector<std::int64_t>& full, WallTime now) {
    const Window* best = nullptr;
    for (const Window& window : catalogue.windows) {
        if (window.closed || now < window.opened || now >= window.closes) continue;
        if (std::find(full.begin(), full.end(), window.id) != full.end()) continue;
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

std::string describe_full(std::int64_t window) { return "window " + std::to_string(window) + " is full"; }

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
    if (event.detail.empty() && !request.user_agent.empty())
        event.detail = "User-Agent " + printable(request.user_agent, max_recorded_agent);
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

std::string_view outcome_of(const Delivered& delivered) {
    if (delivered.only_asked) return "asked";
    if (delivered.not_modified) return "not-modified";
    return delivered.complete ? "delivered" : "cut";
}

}  // namespace

Answer Pipeline::answer(const Request& request) {
    const WallTime now = shared_.clock.wall_now();
    const auto unavailable = [&](const Fault& fault) {
        complain(request.path, fault.message);
        Answer out;
        out.outcome = Outcome::unavailable;
        out.ticket.event = begin_event(request, nobody(request), now);
        out.ticket.event.outcome = "failed";
        out.ticket.event.detail = fault.message;
        out.ticket.asker = out.ticket.event.source;
        return out;
    };

    const registry::Snapshot snapshot(lookup_);
    auto catalogue = lookup_.catalogue();
    if (!catalogue) return unavailable(catalogue.error());
    const Catalogue& shared_part = **catalogue;
    auto identity = identify(shared_, request, lookup_);
    if (!identity) return unavailable(identity.error());

    const SteadyTime steady = shared_.clock.steady_now();
    Perspective perspective;
    perspective.protocol = protocol_of(request.wire);
    perspective.now = now;
    if (identity->device) perspective.model = identity->device->model;
    if (identity->device && !identity->device->site.empty())
        perspective.site = registry::find_site(shared_part, std::string_view(identity->device->site));
    else if (!identity->site_of_login.empty())
        perspective.site = registry::find_site(shared_part, std::string_view(identity->site_of_login));
    else
        perspective.site = registry::find_site(shared_part, request.source);

    const Delivery delivery{shared_.family, shared_.installation, shared_part, lookup_};
    const auto who = identity->asker.device ? identity->asker.device : shared_.addresses.find(request.source, steady);
    const std::string visitor = who ? who->colons() : request.source.to_string();
    // Anybody can write any sender on a datagram, so there a visitor counts once it answered.
    const bool may_be_forged = request.wire == trust::Wire::tftp;
    const auto path = parse_path(request.path);

    Resolved resolved;
    const Window* window = nullptr;
    std::vector<std::int64_t> full_windows;
    tl::expected<trust::Grant, trust::Refusal> grant = tl::make_unexpected(trust::Refusal::absent);
    while (true) {
        window = find_window(shared_part, request.source, who, full_windows, now);
        perspective.window_hands_out_login = window != nullptr && window->hands_out_login;
        if (path) {
            auto found = resolve(delivery, *path, perspective);
            if (!found) return unavailable(found.error());
            resolved = std::move(*found);
        }
        std::optional<trust::Wanted> wanted;
        if (resolved.resource && is_served_by_lane(request, *identity, resolved.model, perspective.site, now))
            wanted = resolved.resource->wanted;
        grant = trust::decide(identity->asker, as_open(window), wanted);
        if (!grant || !grant->by_window()) break;
        auto entered =
            may_be_forged ? lookup_.may_enter_window(window->id, visitor) : lookup_.enter_window(window->id, visitor);
        if (!entered) return unavailable(entered.error());
        if (*entered) break;
        full_windows.push_back(window->id);  // decide again without it
    }

    Answer out;
    out.stale_nonce = identity->stale_nonce;
    out.ticket.event = begin_event(request, *identity, now);
    registry::Event& event = out.ticket.event;
    if (!event.device) event.device = identity->attempted ? identity->attempted : resolved.named;
    if (perspective.site != nullptr) event.site = perspective.site->name;
    if (resolved.device) shared_.addresses.remember(request.source, resolved.device->mac, steady);
    if (identity->asker.device) {
        const auto noted = lookup_.note_proved(*identity->asker.device, request.wire, now);
        if (!noted) log::warning(noted.error().message);
    }

    if (!grant) {
        const bool challenge = grant.error() == trust::Refusal::needs_proof;
        out.outcome = challenge ? Outcome::needs_proof : Outcome::not_found;
        event.outcome = challenge ? "challenged" : "refused";
        event.detail = explain(resolved, *identity);
        for (const auto id : full_windows) event.detail += "; " + describe_full(id);
        const bool was_proved_once = resolved.device && resolved.device->last_proved;
        if (!identity->remark.empty())
            event.kind = EventKind::login_failed;
        else if (was_proved_once && !trust::is_https(request.wire))
            event.kind = EventKind::downgrade;
        // What concerns a device of ours is not hidden by noise from its address.
        const bool is_about_device =
            event.kind == EventKind::downgrade || identity->attempted || identity->asker.device;
        out.ticket.asker = is_about_device ? event.device->colons() : event.source;
        out.ticket.asker.insert(0, std::string(registry::to_string(event.kind)) + " ");
        return out;
    }

    auto rendered = render(delivery, *resolved.resource, *grant, now);
    if (!rendered) return unavailable(rendered.error());
    out.outcome = Outcome::content;
    out.body = std::move(rendered->body);
    out.etag = std::move(rendered->etag);
    out.modified = rendered->modified;
    if (!grant->by_window()) {
        if (identity->asker.proof == Proof::none) out.ticket.asker = event.source;
        return out;
    }
    event.detail = "inside staging window " + std::to_string(window->id);
    if (may_be_forged) {
        out.ticket.window = window->id;
        out.ticket.visitor = visitor;
    }
    return out;
}

bool Pipeline::confirm(Ticket& ticket) {
    if (ticket.visitor.empty()) return true;
    const auto entered = lookup_.enter_window(ticket.window, std::exchange(ticket.visitor, {}));
    if (entered && *entered) return true;
    ticket.event.outcome = entered ? "refused" : "failed";
    ticket.event.detail = entered ? describe_full(ticket.window) : entered.error().message;
    ticket.asker = "window " + ticket.event.source;
    return false;
}

void Pipeline::complain(const std::string& path, const std::string& fault) {
    const SteadyTime now = shared_.clock.steady_now();
    if (const auto last = complaints_.find(fault); last != complaints_.end() && now - last->second < complaint_interval)
        return;
    if (complaints_.size() >= max_complaints) complaints_.clear();
    complaints_.insert_or_assign(fault, now);
    log::error("answering " + printable(path, max_recorded_path) + ": " + fault);
}

void Pipeline::record(Ticket ticket, const Delivered& delivered) {
    registry::Event& event = ticket.event;
    event.bytes = delivered.bytes;
    const bool is_refusal = !event.outcome.empty();
    if (!is_refusal) event.outcome = outcome_of(delivered);
    const SteadyTime now = shared_.clock.steady_now();
    Limits::Note note;
    if (!ticket.asker.empty())
        note =
            is_refusal ? shared_.limits.note_miss(ticket.asker, now) : shared_.limits.note_delivery(ticket.asker, now);
    if (note.suppressed > 0) {
        registry::Event summary;
        summary.time = event.time;
        summary.kind = EventKind::misses;
        summary.source = event.source;
        summary.outcome = is_refusal ? "refused" : "delivered";
        summary.detail = std::to_string(note.suppressed) +
                         (is_refusal ? " more refused requests were counted and not recorded singly"
                                     : " more requests for public files were counted and not recorded singly");
        shared_.events.record(std::move(summary));
    }
    if (note.record) shared_.events.record(std::move(event));
}

}  // namespace ringfence::delivery
