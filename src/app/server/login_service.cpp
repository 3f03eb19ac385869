#include "app/server/login_service.h"

#include <utility>

#include "app/server/login.h"
#include "base/log.h"
#include "base/random.h"
#include "protocol/device_login.h"
#include "trust/access.h"

namespace ringfence::app {

namespace {

authority::Reply sentence(unsigned status, std::string text) {
    authority::Reply reply;
    reply.status = status;
    reply.content_type = "text/plain";
    reply.body = std::move(text);
    return reply;
}

authority::Reply later() {
    auto reply = sentence(503, "Please try again later.\n");
    reply.retry_after = LoginService::spacing;
    return reply;
}

authority::Reply later_because(const Fault& fault) {
    log::error("a device's login could not be handed out: " + fault.message);
    return later();
}

// The handshake proved it, but the connection may be older than what was decided since.
Result<std::optional<registry::Device>> find_device(registry::Registry& registry, std::string_view fingerprint) {
    const auto certificate = registry.find_certificate(fingerprint);
    if (!certificate) return fail(certificate.error());
    const bool is_good = *certificate && !(*certificate)->revoked && (*certificate)->is_of_device();
    if (!is_good) return std::optional<registry::Device>();
    auto device = registry.find_device(*(*certificate)->device);
    if (device && *device && !(*device)->is_in_service()) device->reset();
    return device;
}

struct Report {
    MacAddress mac;
    std::string_view body;
    WallTime time{};
};

// Only roots of ours, so that nobody fills the register with invented ones.
void note_anchors(registry::Registry& registry, const Report& report) {
    const auto anchors = protocol::parse_held_anchors(report.body);
    if (!anchors) return;
    for (const auto& anchor : *anchors) {
        const auto known = registry.find_certificate(anchor);
        if (!known || !*known || (*known)->purpose != registry::CertificatePurpose::authority) continue;
        const auto noted = registry.note_anchor({report.mac, anchor, registry::AnchorEvidence::reported, report.time});
        if (!noted) log::warning("what a device reported of its roots was not noted: " + noted.error().message);
    }
}

// A set that somebody types logins into learns no other; one that shows the same at its port would lose the network.
Result<bool> has_typed_login(registry::Registry& registry, const registry::Device& device) {
    if (!device.user.empty() && device.login_kind == registry::LoginKind::keypad) return true;
    const auto at_port = registry.find_network_login_of(device.mac);
    if (!at_port) return fail(at_port.error());
    return *at_port && (*at_port)->is_provisioning_login;
}

}  // namespace

authority::Reply LoginService::answer(const authority::Query& query) {
    if (!query.is_secure || query.certificate_fingerprint.empty()) {
        auto reply = sentence(401, "A login or a device certificate is needed.\n");
        reply.wants_login = true;
        return reply;
    }
    auto registry = borrow_registry();
    if (!registry) return later_because(registry.error());
    auto reply = answer_with(**registry, query);
    give_back(std::move(*registry));
    return reply;
}

authority::Reply LoginService::answer_with(registry::Registry& registry, const authority::Query& query) {
    const auto device = find_device(registry, query.certificate_fingerprint);
    if (!device) return later_because(device.error());
    const auto is_typed = *device ? has_typed_login(registry, **device) : Result<bool>(true);
    if (!is_typed) return later_because(is_typed.error());
    if (*is_typed) return sentence(404, "There is no such file.\n");
    const MacAddress mac = (*device)->mac;
    if (!take_turn(mac)) return later();
    note_anchors(registry, {mac, query.message, parts_.clock.wall_now()});
    auto reply = hand_out(registry, mac, query.source);
    if (reply.status != 200) forget_turn(mac);
    return reply;
}

authority::Reply LoginService::hand_out(registry::Registry& registry, const MacAddress& mac, std::string_view source) {
    SystemRandom random;
    const auto made = make_device_login(mac, {}, parts_.realm, registry, random);
    if (!made) return later_because(made.error());
    if (auto stored = registry.store_next_login(made->login); !stored) return later_because(stored.error());
    registry::Event event;
    event.time = parts_.clock.wall_now();
    event.kind = registry::EventKind::enrolment;
    event.device = mac;
    event.wire = to_string(trust::Wire::https);
    event.proof = to_string(trust::Proof::device_certificate);
    event.source = source;
    event.outcome = "login-handed-out";
    event.detail = "user " + made->login.user + ", which holds from its first use";
    parts_.events.record(std::move(event));
    authority::Reply reply;
    reply.content_type = protocol::device_login_type;
    reply.secret_body = protocol::format_device_login({made->login.user, made->password});
    return reply;
}

Result<LoginService::RegistryOwner> LoginService::borrow_registry() {
    {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            RegistryOwner registry = std::move(idle_.back());
            idle_.pop_back();
            return registry;
        }
    }
    return parts_.open_registry();
}

void LoginService::give_back(RegistryOwner registry) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(registry));
}

// Taken before it is handed out, so that two who ask at once do not both get one.
bool LoginService::take_turn(const MacAddress& mac) {
    const SteadyTime now = parts_.clock.steady_now();
    const std::lock_guard lock(mutex_);
    std::erase_if(latest_, [&](const auto& entry) { return now - entry.second >= spacing; });
    return latest_.emplace(mac, now).second;
}

void LoginService::forget_turn(const MacAddress& mac) {
    const std::lock_guard lock(mutex_);
    latest_.erase(mac);
}

}  // namespace ringfence::app
