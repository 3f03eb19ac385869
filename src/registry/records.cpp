#include "registry/records.h"

#include <fmt/format.h>

#include <array>

#include "registry/enrolment.h"
#include "registry/network.h"

namespace ringfence::registry {

namespace {

template <typename Enum, std::size_t N>
std::optional<Enum> find_name(const std::array<std::string_view, N>& names, std::string_view name) {
    for (std::size_t i = 0; i < N; ++i)
        if (names[i] == name) return static_cast<Enum>(i);
    return std::nullopt;
}

constexpr std::array<std::string_view, 2> login_kinds = {"random", "keypad"};
constexpr std::array<std::string_view, 3> purposes = {"device", "server", "authority"};
constexpr std::array<std::string_view, 4> layers = {"global", "site", "model", "device"};
constexpr std::array<std::string_view, 13> event_kinds = {
    "request",       "handshake",     "login-failed", "downgrade", "misses", "changed", "revealed",
    "window-opened", "window-closed", "server",       "enrolment", "alarm",  "network"};
constexpr std::array<std::string_view, 5> device_states = {"expected", "seen", "enrolled", "active", "retired"};
constexpr std::array<std::string_view, 2> token_kinds = {"token", "challenge"};
constexpr std::array<std::string_view, 2> profiles = {"modern", "legacy"};
constexpr std::array<std::string_view, 4> enrolment_states = {"waiting", "approved", "refused", "issued"};
constexpr std::array<std::string_view, 3> evidences = {"fetched", "verified", "reported"};

constexpr std::array<std::string_view, 3> port_changes = {"none", "disconnect", "coa"};

}  // namespace

std::string_view to_string(PortChange change) { return port_changes[static_cast<std::size_t>(change)]; }
std::optional<PortChange> parse_port_change(std::string_view name) { return find_name<PortChange>(port_changes, name); }
std::string_view to_string(LoginKind kind) { return login_kinds[static_cast<std::size_t>(kind)]; }
std::optional<LoginKind> parse_login_kind(std::string_view name) { return find_name<LoginKind>(login_kinds, name); }
std::string_view to_string(CertificatePurpose purpose) { return purposes[static_cast<std::size_t>(purpose)]; }
std::optional<CertificatePurpose> parse_certificate_purpose(std::string_view name) {
    return find_name<CertificatePurpose>(purposes, name);
}
std::string_view to_string(DeviceState state) { return device_states[static_cast<std::size_t>(state)]; }
std::optional<DeviceState> parse_device_state(std::string_view name) {
    return find_name<DeviceState>(device_states, name);
}
std::string_view to_string(TokenKind kind) { return token_kinds[static_cast<std::size_t>(kind)]; }
std::optional<TokenKind> parse_token_kind(std::string_view name) { return find_name<TokenKind>(token_kinds, name); }
std::string_view to_string(EnrolmentProfile profile) { return profiles[static_cast<std::size_t>(profile)]; }
std::optional<EnrolmentProfile> parse_enrolment_profile(std::string_view name) {
    return find_name<EnrolmentProfile>(profiles, name);
}
std::string_view to_string(EnrolmentState state) { return enrolment_states[static_cast<std::size_t>(state)]; }
std::string_view to_string(AnchorEvidence evidence) { return evidences[static_cast<std::size_t>(evidence)]; }

std::string_view to_string(Layer layer) { return layers[static_cast<std::size_t>(layer)]; }
std::optional<Layer> parse_layer(std::string_view name) { return find_name<Layer>(layers, name); }
std::string_view to_string(EventKind kind) { return event_kinds[static_cast<std::size_t>(kind)]; }
std::optional<EventKind> parse_event_kind(std::string_view name) { return find_name<EventKind>(event_kinds, name); }

const Site* find_site(const Catalogue& catalogue, const IpAddress& address) {
    const Site* best = nullptr;
    unsigned longest = 0;
    for (const Site& site : catalogue.sites) {
        for (const Network& network : site.networks) {
            if (!network.contains(address) || (best != nullptr && network.prefix_length() <= longest)) continue;
            best = &site;
            longest = network.prefix_length();
        }
    }
    return best;
}

const Site* find_site(const Catalogue& catalogue, std::string_view name) {
    for (const Site& site : catalogue.sites)
        if (site.name == name) return &site;
    return nullptr;
}

Retention retention_of(const Event& event) {
    switch (event.kind) {
        case EventKind::request: {
            const bool by_device = event.proof == trust::to_string(trust::Proof::device_password) ||
                                   event.proof == trust::to_string(trust::Proof::device_certificate);
            return by_device ? Retention::proved : Retention::routine;
        }
        // A device is named there when its own, revoked certificate was shown.
        case EventKind::handshake: return event.device ? Retention::alarm : Retention::routine;
        case EventKind::misses: return Retention::routine;
        case EventKind::login_failed:
        case EventKind::downgrade:
        case EventKind::alarm: return Retention::alarm;
        // A refusal that names no device can be had for the asking.
        case EventKind::network:
            if (!event.device) return Retention::routine;
            return event.outcome == "refused" ? Retention::alarm : Retention::proved;
        case EventKind::enrolment: return event.device ? Retention::proved : Retention::routine;
        case EventKind::changed:
        case EventKind::revealed:
        case EventKind::window_opened:
        case EventKind::window_closed:
        case EventKind::server: return Retention::lasting;
    }
    return Retention::routine;
}

std::string format_version(std::uint32_t version) { return fmt::format("{:06}", version); }

}  // namespace ringfence::registry
