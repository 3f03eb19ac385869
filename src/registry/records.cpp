#include "registry/records.h"

#include <fmt/format.h>

#include <array>

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
constexpr std::array<std::string_view, 10> event_kinds = {"request",       "handshake", "login-failed", "downgrade",
                                                          "misses",        "changed",   "revealed",     "window-opened",
                                                          "window-closed", "server"};

}  // namespace

std::string_view to_string(LoginKind kind) { return login_kinds[static_cast<std::size_t>(kind)]; }
std::optional<LoginKind> parse_login_kind(std::string_view name) { return find_name<LoginKind>(login_kinds, name); }
std::string_view to_string(CertificatePurpose purpose) { return purposes[static_cast<std::size_t>(purpose)]; }
std::optional<CertificatePurpose> parse_certificate_purpose(std::string_view name) {
    return find_name<CertificatePurpose>(purposes, name);
}
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
        case EventKind::downgrade: return Retention::alarm;
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
