#include "delivery/pipeline.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "delivery/identify.h"
#include "delivery/one_time_path.h"
#include "delivery/path.h"
#include "delivery/resource.h"
#include "phonefile/signed_file.h"

namespace ringfence::delivery {

// Which content was asked for, and whether it is given.
struct Decision {
    Resolved resolved;
    tl::expected<trust::Grant, trust::Refusal> grant = tl::make_unexpected(trust::Refusal::absent);
    std::int64_t window = 0;                 // that opens it, if one does
    std::vector<std::int64_t> full_windows;  // that would have
};

namespace {

using registry::Catalogue;
using registry::DeviceState;
using registry::EventKind;
using registry::Window;
using trust::Proof;
using Claim = registry::Lookup::Claim;

constexpr std::string_view one_time_alarm = "one-time-file";
constexpr std::size_t max_recorded_path = 200;
constexpr Duration complaint_interval = std::chrono::minutes(1);
constexpr std::size_t max_complaints = 1024;  // more damaged files than that are told again sooner
constexpr std::size_t max_recorded_agent = 80;

// Who counts in a staging window.
struct Visitor {
    // Proved, or the one whose certificate is asked for here, or the one that the address asked for last.
    std::optional<MacAddress> device;
    registry::WindowVisitor counted;
    // Anybody can write any sender on a datagram, so there a visitor counts once it answered.
    bool may_be_forged = false;
};

Protocol protocol_of(trust::Wire wire) {
    switch (wire) {
        case trust::Wire::tftp: return Protocol::tftp;
        case trust::Wire::ftp: return Protocol::ftp;
        case trust::Wire::http: return Protocol::http;
        case trust::Wire::https:
        case trust::Wire::https_legacy: return Protocol::https;
        case trust::Wire::radius:
        case trust::Wire::radius_tls: break;
    }
    RINGFENCE_ASSERT(!"no content is asked for there");
    return Protocol::https;
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

std::string describe_agent(const family::Family& family, const std::string& agent) {
    if (agent.empty()) return {};
    const bool is_set = family.matches_user_agent(agent);
    return "User-Agent " + printable(agent, max_recorded_agent) + (is_set ? "" : ", which no set sends");
}

registry::Event begin_event(const Shared& shared, const Request& request, const Identity& identity, WallTime now) {
    registry::Event event;
    event.time = now;
    event.kind = EventKind::request;
    event.device = identity.asker.device;
    event.wire = trust::to_string(request.wire);
    event.source = request.source.to_string();
    event.path = printable(request.path, max_recorded_path);
    event.proof = trust::to_string(identity.asker.proof);
    event.detail = identity.remark.empty() ? describe_agent(shared.family, request.user_agent) : identity.remark;
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

Perspective look_from(const Catalogue& catalogue, const Request& request, const Identity& identity, WallTime now) {
    Perspective out;
    out.protocol = protocol_of(request.wire);
    out.now = now;
    if (identity.device) out.model = identity.device->model;
    const std::string& site = identity.device ? identity.device->site : identity.site_of_login;
    out.site = site.empty() ? registry::find_site(catalogue, request.source)
                            : registry::find_site(catalogue, std::string_view(site));
    return out;
}

Visitor visitor_of(const Shared& shared, const Request& request, const Identity& identity) {
    Visitor out;
    out.device = identity.asker.device;
    if (!out.device) out.device = parse_certificate_path(request.path);
    if (!out.device) out.device = shared.addresses.find(request.source, shared.clock.steady_now());
    const std::string address = request.source.to_string();
    out.counted = {out.device ? out.device->colons() : address, address};
    out.may_be_forged = request.wire == trust::Wire::tftp;
    return out;
}

Result<bool> enter(registry::Lookup& lookup, const Window& window, const Visitor& visitor) {
    return visitor.may_be_forged ? lookup.may_enter_window(window.id, visitor.counted)
                                 : lookup.enter_window(window.id, visitor.counted);
}

// Resolves and authorises; once more without each window that turns out to be full.
Result<Decision> decide(const Delivery& delivery, const Request& request, const Identity& identity,
                        Perspective perspective, const Visitor& visitor) {
    const auto path = parse_path(request.path);
    Decision out;
    while (true) {
        const Window* window =
            find_window(delivery.catalogue, request.source, visitor.device, out.full_windows, perspective.now);
        perspective.inside_window = window != nullptr;
        perspective.window_hands_out_login = window != nullptr && window->hands_out_login;
        if (path) {
            auto found = resolve(delivery, *path, perspective);
            if (!found) return fail(std::move(found).error());
            out.resolved = std::move(*found);
        }
        std::optional<trust::Wanted> wanted;
        if (out.resolved.resource &&
            is_served_by_lane(request, identity, out.resolved.model, perspective.site, perspective.now))
            wanted = out.resolved.resource->wanted;
        out.grant = trust::decide(identity.asker, as_open(window), wanted);
        if (!out.grant || !out.grant->by_window()) return out;
        out.window = window->id;
        auto entered = enter(delivery.lookup, *window, visitor);
        if (!entered) return fail(std::move(entered).error());
        if (*entered) return out;
        out.full_windows.push_back(window->id);
    }
}

Answer refuse(Answer out, const Identity& identity, const Decision& decision) {
    const Resolved& resolved = decision.resolved;
    const bool challenge = decision.grant.error() == trust::Refusal::needs_proof;
    out.outcome = challenge ? Outcome::needs_proof : Outcome::not_found;
    registry::Event& event = out.ticket.event;
    event.outcome = challenge ? "challenged" : "refused";
    event.detail = explain(resolved, identity);
    for (const auto id : decision.full_windows) event.detail += "; " + describe_full(id);
    const bool was_proved_once = resolved.device && resolved.device->last_proved;
    if (!identity.remark.empty())
        event.kind = EventKind::login_failed;
    else if (was_proved_once && !trust::is_https(identity.asker.wire))
        event.kind = EventKind::downgrade;
    // What concerns a device of ours is not hidden by noise from its address.
    const bool is_about_device = event.kind == EventKind::downgrade || identity.attempted || identity.asker.device;
    out.ticket.asker = is_about_device ? event.device->colons() : event.source;
    out.ticket.asker.insert(0, std::string(registry::to_string(event.kind)) + " ");
    return out;
}

Answer hand_over(Answer out, Rendered rendered, const Identity& identity, const Decision& decision,
                 const Visitor& visitor) {
    out.outcome = Outcome::content;
    out.body = std::move(rendered.body);
    out.etag = std::move(rendered.etag);
    out.modified = rendered.modified;
    registry::Event& event = out.ticket.event;
    if (!decision.grant->by_window()) {
        if (identity.asker.proof == Proof::none) out.ticket.asker = event.source;
        return out;
    }
    event.detail = "inside staging window " + std::to_string(decision.window);
    if (visitor.may_be_forged) {
        out.ticket.window = decision.window;
        out.ticket.visitor = visitor.counted;
    }
    return out;
}

// The answer is the one for what is not there. Whose file it is decides whose budget of events it costs.
void refuse_spent(Ticket& ticket, std::string detail) {
    ticket.event.outcome = "refused";
    ticket.event.detail = std::move(detail);
    ticket.asker = "one-time " + ticket.event.device->colons();
}

std::string describe_alarm(const registry::OneTimeFile& file,
                           const std::optional<registry::CertificateRecord>& certificate, bool is_by_another) {
    std::string out =
        is_by_another ? file.fetched_by + " fetched it at " + format_time(*file.fetched) + " and another address asks"
                      : "it was handed over and is asked for again";
    out += "; it is burned";
    if (!certificate) return out;
    out += certificate->revoked ? ", and its certificate " + certificate->serial + " is revoked"
                                : ", and its certificate " + certificate->serial + " still holds";
    return out;
}

// What could not be noted costs the phone nothing.
void warn_of(const Status& noted) {
    if (!noted) log::warning(noted.error().message);
}

bool is_root_file(const Resource& resource) {
    return resource.kind == ResourceKind::stored &&
           resource.file->section == phonefile::to_string(phonefile::SectionKind::user_keys);
}

// Whether nobody asked for that device before.
bool is_first_sight(const std::optional<registry::Device>& device) {
    return device && device->state == DeviceState::expected;
}

}  // namespace

Answer Pipeline::answer(const Request& request) {
    const registry::Snapshot snapshot(lookup_);
    const WallTime now = shared_.clock.wall_now();
    auto catalogue = lookup_.catalogue();
    if (!catalogue) return unavailable(request, catalogue.error());

    auto identity = identify(shared_, request, lookup_);
    if (!identity) return unavailable(request, identity.error());

    const Delivery delivery{shared_.family, shared_.installation, **catalogue, lookup_};
    const Perspective perspective = look_from(**catalogue, request, *identity, now);
    const Visitor visitor = visitor_of(shared_, request, *identity);
    auto decision = decide(delivery, request, *identity, perspective, visitor);
    if (!decision) return unavailable(request, decision.error());

    remember(request, *identity, *decision);
    Answer out;
    out.stale_nonce = identity->stale_nonce;
    out.ticket.event = begin_event(shared_, request, *identity, now);
    registry::Event& event = out.ticket.event;
    if (!event.device) event.device = identity->attempted ? identity->attempted : decision->resolved.named;
    if (perspective.site != nullptr) event.site = perspective.site->name;
    out.ticket.source = request.source;
    out.ticket.proved = identity->asker.device;
    if (is_first_sight(decision->resolved.device)) out.ticket.first_seen = decision->resolved.device->mac;
    if (!decision->grant) return refuse(std::move(out), *identity, *decision);

    const Resource& resource = *decision->resolved.resource;
    // Read before it is claimed: whoever is first has it, even if another burns it a moment later.
    auto rendered = render(delivery, resource, *decision->grant, now);
    const auto is_theirs = may_have(request, resource, visitor.may_be_forged, out.ticket);
    if (!is_theirs) return unavailable(request, is_theirs.error());
    if (!*is_theirs) return out;
    if (!rendered) return unavailable(request, rendered.error());
    if (is_root_file(*decision->resolved.resource)) out.ticket.root_file = rendered->body;
    return hand_over(std::move(out), std::move(*rendered), *identity, *decision, visitor);
}

Result<bool> Pipeline::may_have(const Request& request, const Resource& resource, bool may_be_forged, Ticket& ticket) {
    if (!resource.once) return true;
    const registry::OneTimeFile& file = *resource.once;
    if (!file.certificate.empty() && request.certificate_fingerprint == file.certificate) {
        // It came back for what it has because the section's VERSION rose for another set.
        refuse_spent(ticket, "the certificate in it is the one that was shown");
        return false;
    }
    const bool is_spent = file.burned || shared_.clock.wall_now() >= file.expires;
    if (request.only_asks && !is_spent) return true;
    ticket.one_time_file = file.path;
    ticket.claimant = request.source;
    if (may_be_forged && !is_spent) return true;
    return claim(ticket);
}

Result<bool> Pipeline::claim(Ticket& ticket) {
    const auto claimant = std::exchange(ticket.claimant, std::nullopt);
    if (!claimant) return true;
    const auto claim = lookup_.claim_one_time_file(ticket.one_time_file, *claimant, shared_.clock.wall_now());
    if (!claim) return fail(claim.error());
    if (*claim == Claim::first || *claim == Claim::again) return true;
    if (auto noted = note_spent(ticket, *claim); !noted) return fail(std::move(noted).error());
    return false;
}

Status Pipeline::note_spent(Ticket& ticket, Claim claim) {
    auto file = lookup_.find_one_time_file(ticket.one_time_file);
    if (!file) return fail(std::move(file).error());
    if (!*file || (*file)->fetched_by.empty()) {
        refuse_spent(ticket, "it expired, or was withdrawn, before anybody fetched it");
        return {};
    }
    const bool is_by_another = (*file)->fetched_by != ticket.event.source;
    // Once burned, it is asked for in vain by the set that has it whenever the section's VERSION rises.
    if (claim == Claim::gone && !is_by_another) {
        refuse_spent(ticket, "this address fetched it before");
        return {};
    }
    auto certificate = lookup_.find_certificate((*file)->certificate);
    if (!certificate) return fail(std::move(certificate).error());
    refuse_spent(ticket, describe_alarm(**file, *certificate, is_by_another));
    ticket.event.kind = EventKind::alarm;
    ticket.event.outcome = one_time_alarm;
    return {};
}

Answer Pipeline::unavailable(const Request& request, const Fault& fault) {
    complain(request.path, fault.message);
    Answer out;
    out.outcome = Outcome::unavailable;
    out.ticket.event = begin_event(shared_, request, nobody(request), shared_.clock.wall_now());
    out.ticket.event.outcome = "failed";
    out.ticket.event.detail = fault.message;
    out.ticket.asker = out.ticket.event.source;
    return out;
}

// Which device an address asked for, and that a device proved itself.
void Pipeline::remember(const Request& request, const Identity& identity, const Decision& decision) {
    if (const auto& device = decision.resolved.device)
        shared_.addresses.remember(request.source, device->mac, shared_.clock.steady_now());
    if (!identity.device) return;
    const WallTime now = shared_.clock.wall_now();
    warn_of(lookup_.note_proved(identity.device->mac, request.wire, now));
    if (const auto& root = shared_.installation.root; !root.empty())
        warn_of(lookup_.note_held({identity.device->mac, root, registry::AnchorEvidence::verified, now}));
    if (!identity.next_login.empty()) warn_of(lookup_.promote_login(identity.next_login));
    const bool is_by_certificate = identity.asker.proof == Proof::device_certificate;
    if (is_by_certificate && identity.device->state == DeviceState::enrolled)
        move_on(identity.device->mac, DeviceState::active, request.source.to_string());
}

void Pipeline::note_fetched_roots(const IpAddress& source, const MacAddress& device) {
    const auto file = shared_.addresses.take_root_file(source, shared_.clock.steady_now());
    if (!file.bytes) return;
    const auto certificates = crypto::Certificate::parse_bundle(phonefile::split_signed(file.view()).content);
    if (!certificates) return;  // a file that an administrator put, and that no set can read
    for (const auto& certificate : *certificates)
        if (certificate.is_self_issued())
            warn_of(lookup_.note_held({device, certificate.fingerprint_sha256(), registry::AnchorEvidence::fetched,
                                       shared_.clock.wall_now()}));
}

void Pipeline::move_on(const MacAddress& mac, DeviceState state, const std::string& source) {
    warn_of(lookup_.note_state(mac, state));
    registry::Event event;
    event.time = shared_.clock.wall_now();
    event.kind = EventKind::enrolment;
    event.device = mac;
    event.source = source;
    event.outcome = registry::to_string(state);
    shared_.events.record(std::move(event));
}

bool Pipeline::confirm(Ticket& ticket) {
    if (!enter_window(ticket)) return false;
    const auto claimed = claim(ticket);
    if (claimed) return *claimed;
    ticket.event.outcome = "failed";
    ticket.event.detail = claimed.error().message;
    return false;
}

bool Pipeline::enter_window(Ticket& ticket) {
    if (!ticket.visitor) return true;
    const auto entered = lookup_.enter_window(ticket.window, *std::exchange(ticket.visitor, std::nullopt));
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
    // Only now, so that the answer takes no longer than one about a device that is not there.
    if (ticket.first_seen) move_on(*ticket.first_seen, DeviceState::seen, ticket.event.source);
    if (ticket.proved) note_fetched_roots(ticket.source, *ticket.proved);
    // A phone fetches its roots before its own file: whoever proves itself from there next took it. A name would prove
    // nothing, and a rollover goes by this.
    if (ticket.root_file.bytes && delivered.complete)
        shared_.addresses.keep_root_file(ticket.source, ticket.root_file, shared_.clock.steady_now());
    registry::Event& event = ticket.event;
    event.bytes = delivered.bytes;
    const bool is_refusal = !event.outcome.empty();
    if (!ticket.one_time_file.empty() && !is_refusal && delivered.complete)
        warn_of(lookup_.note_handed_over(ticket.one_time_file, shared_.clock.wall_now()));
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
