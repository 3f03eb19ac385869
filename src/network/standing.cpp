#include "network/standing.h"

#include <algorithm>

namespace ringfence::network {

namespace {

using trust::NetworkProof;

bool takes(const registry::Window& window, const MacAddress& device, WallTime now) {
    if (window.closed || window.closes <= now) return false;
    return window.devices.empty() ||
           std::find(window.devices.begin(), window.devices.end(), device) != window.devices.end();
}

// By then the phone has no address yet, so its networks say nothing; its fetches will be judged by them.
Result<std::optional<WallTime>> find_window(registry::NetworkLookup& lookup, const MacAddress& device, WallTime now) {
    auto catalogue = lookup.catalogue();
    if (!catalogue) return fail(std::move(catalogue.error()));
    std::optional<WallTime> closes;
    for (const registry::Window& window : (*catalogue)->windows) {
        if (!takes(window, device, now)) continue;
        const auto has_room = lookup.may_enter_window(window.id, {device.bare_upper(), device.bare_upper()});
        if (!has_room) return fail(has_room.error());
        if (*has_room) closes = std::max(closes.value_or(window.closes), window.closes);
    }
    return closes;
}

std::optional<WallTime> find_lane_end(const Rules& rules, const registry::Device& device, WallTime now) {
    if (rules.lane == nullptr || !rules.lane->closes) return std::nullopt;
    if (!delivery::is_served(*rules.lane, device.model, device.site, now)) return std::nullopt;
    return rules.lane->closes;
}

// Everything is looked up before it is known whether there is such a device.
Result<std::optional<Standing>> stand(registry::NetworkLookup& lookup, const Rules& rules, const MacAddress& mac,
                                      std::optional<registry::NetworkLogin> login, WallTime now) {
    const auto device = lookup.find_device(mac);
    if (!device) return fail(device.error());
    const auto window = find_window(lookup, mac, now);
    if (!window) return fail(window.error());
    const auto certificates = lookup.valid_certificates_of(mac, now);
    if (!certificates) return fail(certificates.error());
    if (!*device) return std::optional<Standing>();
    Standing out{.device = mac};
    out.is_in_service = (*device)->is_in_service();
    out.has_proved_itself = (*device)->last_proved.has_value();
    out.requires_certificate = (*device)->requires_certificate;
    if (login) {
        out.identity = std::move(login->identity);
        out.password = std::move(login->password);
    }
    out.window_closes = *window;
    out.legacy_closes = find_lane_end(rules, **device, now);
    for (const auto& certificate : *certificates)
        out.certificates.push_back({certificate.serial, certificate.not_after, certificate.legacy_lane});
    return std::optional<Standing>(std::move(out));
}

trust::Applicant applicant_of(const Standing& standing, WallTime now) {
    return {.is_in_service = standing.is_in_service,
            .has_proved_itself = standing.has_proved_itself,
            .requires_certificate = standing.requires_certificate,
            .has_window = standing.window_closes && *standing.window_closes > now};
}

bool is_on_lane(const Standing& standing, WallTime now) {
    return standing.legacy_closes && *standing.legacy_closes > now;
}

bool holds(const Standing& standing, const Claim& claim, WallTime now) {
    return std::any_of(standing.certificates.begin(), standing.certificates.end(), [&](const HeldCertificate& held) {
        if (held.is_legacy && !claim.is_on_legacy_lane) return false;
        return held.not_after >= now && (claim.certificate.empty() || held.serial == claim.certificate);
    });
}

// The MAC that is looked up where an identity names none: no device has it.
MacAddress nobody() { return *MacAddress::parse("000000000000"); }

Status check_hardware(const Standing& standing, const Claim& claim) {
    if (!claim.hardware || *claim.hardware == standing.device) return {};
    return fail(FaultCode::forbidden,
                "the login of " + standing.device.colons() + " was used by " + claim.hardware->colons());
}

tl::unexpected<Fault> refused(const Standing& standing, trust::AdmissionRefusal refusal) {
    const bool is_out = refusal == trust::AdmissionRefusal::out_of_service;
    return fail(FaultCode::forbidden,
                standing.device.colons() + (is_out ? " is retired or disabled"
                                                   : " has not proved itself yet, and no staging window takes it"));
}

}  // namespace

NetworkProof proof_of(const Claim& claim) {
    return claim.certificate.empty() ? NetworkProof::password : NetworkProof::certificate;
}

Result<std::optional<Standing>> find_standing(registry::NetworkLookup& lookup, const Rules& rules,
                                              const std::string& identity, WallTime now) {
    auto login = lookup.find_network_login(identity);
    if (!login) return fail(std::move(login.error()));
    if (*login) {
        const MacAddress device = (*login)->device;
        return stand(lookup, rules, device, std::move(*login), now);
    }
    // Whoever shows a certificate needs no login's name; the name of its certificate is its MAC.
    return stand(lookup, rules, MacAddress::parse(identity).value_or(nobody()), std::nullopt, now);
}

Result<std::optional<Standing>> get_standing(registry::NetworkLookup& lookup, const Rules& rules,
                                             const MacAddress& device, WallTime now) {
    auto login = lookup.find_network_login_of(device);
    if (!login) return fail(std::move(login.error()));
    return stand(lookup, rules, device, std::move(*login), now);
}

Result<Credential> find_credential(const Standing& standing, const Claim& claim, WallTime now) {
    auto hardware = check_hardware(standing, claim);
    if (!hardware) return fail(std::move(hardware.error()));
    const bool is_for_legacy_lane = is_on_lane(standing, now);
    if (claim.is_on_legacy_lane && !is_for_legacy_lane)
        return fail(FaultCode::forbidden, "the lane of old TLS does not serve " + standing.device.colons());
    if (!claim.certificate.empty() && !holds(standing, claim, now))
        return fail(FaultCode::forbidden,
                    "the certificate that was shown is not a good one of " + standing.device.colons());
    const auto applicant = applicant_of(standing, now);
    const auto by_password = trust::admit(applicant, NetworkProof::password);
    const bool may_use_password = by_password && !claim.wants_certificate;
    const bool by_certificate =
        trust::admit(applicant, NetworkProof::certificate).has_value() && holds(standing, claim, now);
    if (!by_password && !by_certificate) return refused(standing, by_password.error());
    Credential out{.takes_certificate = by_certificate};
    out.is_for_legacy_lane = is_for_legacy_lane;
    if (may_use_password && claim.identity == standing.identity) out.password = standing.password;
    if (out.password.empty() && !out.takes_certificate)
        return fail(FaultCode::forbidden,
                    standing.device.colons() + " has neither network login nor certificate for this");
    return out;
}

Result<Admission> admit(const Standing& standing, const Claim& claim, WallTime now) {
    auto credential = find_credential(standing, claim, now);
    if (!credential) return fail(std::move(credential.error()));
    const auto segment = trust::admit(applicant_of(standing, now), proof_of(claim));
    if (!segment) return refused(standing, segment.error());
    Admission out{.segment = *segment};
    if (out.segment == trust::Segment::onboarding) out.ends = standing.window_closes;
    return out;
}

}  // namespace ringfence::network
