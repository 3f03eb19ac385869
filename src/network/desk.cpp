#include "network/desk.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"

namespace ringfence::network {

namespace {

using registry::Event;
using registry::EventKind;

// Of what a switch or a supplicant wrote, in an event.
constexpr std::size_t max_shown = 64;

std::string name_place(const IpAddress& address, const std::string& name, const std::string& port) {
    std::string out = port.empty() ? std::string("a port") : "port " + printable(port, max_shown);
    out += " of " + (name.empty() ? address.to_string() : printable(name, max_shown));
    return out;
}

std::string name_place(const registry::DevicePort& port) {
    return name_place(port.switch_address, port.switch_name, port.port);
}

std::string_view event_proof(trust::NetworkProof proof) {
    return trust::to_string(proof == trust::NetworkProof::password ? trust::Proof::device_password
                                                                   : trust::Proof::device_certificate);
}

bool is_other_hardware(const Query& query, const Standing& standing) {
    return query.claim.hardware && *query.claim.hardware != standing.device;
}

registry::DevicePort port_of(const Query& query, const Standing& standing, const Admission& admission) {
    return {.device = standing.device,
            .switch_address = query.place.switch_address,
            .told_address = query.place.told_address,
            .switch_name = query.place.switch_name,
            .port = query.place.port,
            .port_number = query.place.port_number,
            .hardware = query.place.hardware,
            .identity = query.claim.identity,
            .proof = proof_of(query.claim),
            .segment = admission.segment};
}

}  // namespace

Result<Standing> RegistryDesk::require_standing(const Query& query, WallTime now) {
    auto standing = find_standing(lookup_, settings_.rules, query.claim.identity, now);
    if (!standing) return fail(std::move(standing.error()));
    if (!*standing) return fail(FaultCode::forbidden, "no device has this identity");
    return std::move(**standing);
}

Result<Credential> RegistryDesk::credential(const Query& query) {
    const registry::Snapshot snapshot(lookup_);
    const WallTime now = clock_.wall_now();
    const auto standing = require_standing(query, now);
    if (!standing) return fail(standing.error());
    auto credential = find_credential(*standing, query.claim, now);
    if (!credential) return credential;
    if (auto settled = settle(query, *standing, *credential, now); !settled) return fail(std::move(settled.error()));
    return credential;
}

Status RegistryDesk::settle(const Query& query, const Standing& standing, Credential& credential, WallTime now) {
    if (credential.password.empty() || proof_of(query.claim) != trust::NetworkProof::password) return {};
    const auto admission = network::admit(standing, query.claim, now);
    if (!admission) return {};
    const auto is_noted = lookup_.is_noted(port_of(query, standing, *admission), now);
    if (!is_noted) return fail(is_noted.error());
    if (*is_noted) credential.admission = *admission;
    return {};
}

Result<Admission> RegistryDesk::admit(const Query& query) {
    const registry::Snapshot snapshot(lookup_);
    const WallTime now = clock_.wall_now();
    const auto standing = require_standing(query, now);
    if (!standing) return fail(standing.error());
    auto admission = network::admit(*standing, query.claim, now);
    if (admission) note_admitted(query, *standing, *admission, now);
    return admission;
}

Result<FeedPage> RegistryDesk::feed(const FeedQuestion& question) {
    const registry::Snapshot snapshot(lookup_);
    return make_feed_page(lookup_, question, settings_, clock_.wall_now());
}

// What cannot be written down now is no reason to keep a phone off the network.
void RegistryDesk::note_admitted(const Query& query, const Standing& standing, const Admission& admission,
                                 WallTime now) {
    const registry::DevicePort port = port_of(query, standing, admission);
    const auto noted = lookup_.note_port(port, now);
    if (!noted) return log::warning("where a device was let in was not noted: " + noted.error().message);
    if (!noted->is_new) return;
    record_admitted(port, *noted, now);
    if (port.proof != trust::NetworkProof::certificate) return;
    const auto active = lookup_.note_state(standing.device, registry::DeviceState::active);
    if (!active) log::warning("a device's state was not noted: " + active.error().message);
}

void RegistryDesk::record_admitted(const registry::DevicePort& port, const registry::NotedPort& noted, WallTime now) {
    Event event;
    event.time = now;
    event.kind = EventKind::network;
    event.device = port.device;
    event.source = port.switch_address.to_string();
    event.proof = event_proof(port.proof);
    event.outcome = "admitted";
    event.detail = fmt::format("to {} at {}", trust::to_string(port.segment), name_place(port));
    const Event admitted = event;
    events_.record(std::move(event));
    if (noted.move == registry::Move::none) return;
    Event moved = admitted;
    moved.detail = fmt::format("from {} to {}", name_place(*noted.before), name_place(port));
    moved.outcome = "moved";
    if (noted.move == registry::Move::two_ports) {
        moved.kind = EventKind::alarm;
        moved.outcome = "two-ports";
        moved.detail = fmt::format("it is seen at {} and at {} in turn", name_place(*noted.before), name_place(port));
    }
    events_.record(std::move(moved));
}

void RegistryDesk::note_refused(const Query& query) {
    const registry::Snapshot snapshot(lookup_);
    const WallTime now = clock_.wall_now();
    const auto standing = find_standing(lookup_, settings_.rules, query.claim.identity, now);
    if (!standing) return log::warning("a refusal was not recorded: " + standing.error().message);
    record_refused(query, *standing, now);
}

void RegistryDesk::record_refused(const Query& query, const std::optional<Standing>& standing, WallTime now) {
    const bool is_alarm = standing && is_other_hardware(query, *standing);
    auto& budget = is_alarm ? alarms_ : standing ? refusals_of_devices_ : refusals_of_nobody_;
    const auto untold = budget.take(clock_.steady_now());
    if (!untold) return;
    Event event;
    event.time = now;
    event.kind = EventKind::network;
    event.source = query.place.switch_address.to_string();
    event.outcome = "refused";
    if (!standing) {
        event.detail = "no device has the identity " + printable(query.claim.identity, max_shown);
    } else {
        event.device = standing->device;
        const auto credential = find_credential(*standing, query.claim, now);
        event.detail = credential ? "its password or certificate was wrong" : credential.error().message;
        if (is_alarm) {
            event.kind = EventKind::alarm;
            event.outcome = "other-hardware";
        }
    }
    event.detail +=
        ", at " + name_place(query.place.switch_address, query.place.switch_name, query.place.port) + *untold;
    events_.record(std::move(event));
}

}  // namespace ringfence::network
