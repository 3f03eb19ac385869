#include "app/server/login_service.h"

#include <utility>

#include "app/server/login.h"
#include "base/log.h"
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

}  // namespace

authority::Reply LoginService::answer(const authority::Query& query) {
    if (!query.is_secure || query.certificate_fingerprint.empty()) {
        auto reply = sentence(401, "A login or a device certificate is needed.\n");
        reply.wants_login = true;
        return reply;
    }
    const std::lock_guard lock(mutex_);
    const auto device = find_device(query.certificate_fingerprint);
    if (!device) return later_because(device.error());
    const bool is_typed = *device && !(*device)->user.empty() && (*device)->login_kind == registry::LoginKind::keypad;
    if (!*device || is_typed) return sentence(404, "There is no such file.\n");
    if (!may_have((*device)->mac)) return later();
    note_anchors(**device, query.message);
    return hand_out(**device, query);
}

// The handshake proved it, but the connection may be older than what was decided since.
Result<std::optional<registry::Device>> LoginService::find_device(std::string_view fingerprint) {
    const auto certificate = parts_.registry->find_certificate(fingerprint);
    if (!certificate) return fail(certificate.error());
    const bool is_good = *certificate && (*certificate)->device && !(*certificate)->revoked &&
                         (*certificate)->purpose == registry::CertificatePurpose::device;
    if (!is_good) return std::optional<registry::Device>();
    auto device = parts_.registry->find_device(*(*certificate)->device);
    if (device && *device && (*device)->state == registry::DeviceState::retired) device->reset();
    return device;
}

bool LoginService::may_have(const MacAddress& mac) {
    const SteadyTime now = parts_.clock.steady_now();
    std::erase_if(latest_, [&](const auto& entry) { return now - entry.second >= spacing; });
    return latest_.find(mac) == latest_.end();
}

authority::Reply LoginService::hand_out(const registry::Device& device, const authority::Query& query) {
    const auto made = make_device_login(device.mac, {}, parts_.realm, *parts_.registry, random_);
    if (!made) return later_because(made.error());
    if (auto stored = parts_.registry->store_next_login(made->login); !stored) return later_because(stored.error());
    latest_[device.mac] = parts_.clock.steady_now();
    registry::Event event;
    event.time = parts_.clock.wall_now();
    event.kind = registry::EventKind::enrolment;
    event.device = device.mac;
    event.wire = to_string(trust::Wire::https);
    event.proof = to_string(trust::Proof::device_certificate);
    event.source = query.source;
    event.outcome = "login-handed-out";
    event.detail = "user " + made->login.user + ", which holds from its first use";
    parts_.events.record(std::move(event));
    auto reply = sentence(200, std::string(protocol::format_device_login({made->login.user, made->password}).reveal()));
    reply.content_type = protocol::device_login_type;
    reply.is_secret = true;
    return reply;
}

// Only roots of ours, so that nobody fills the register with invented ones.
void LoginService::note_anchors(const registry::Device& device, std::string_view body) {
    const auto anchors = protocol::parse_held_anchors(body);
    if (!anchors) return;
    for (const auto& anchor : *anchors) {
        const auto known = parts_.registry->find_certificate(anchor);
        if (!known || !*known || (*known)->purpose != registry::CertificatePurpose::authority) continue;
        const auto noted = parts_.registry->note_anchor(
            {device.mac, anchor, registry::AnchorEvidence::reported, parts_.clock.wall_now()});
        if (!noted) log::warning("what a device reported of its roots was not noted: " + noted.error().message);
    }
}

}  // namespace ringfence::app
