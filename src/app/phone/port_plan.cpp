#include "app/phone/port_plan.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "phone/network_server.h"
#include "phone/phone_clock.h"
#include "phone/port_store.h"
#include "phone/trust_store.h"

namespace ringfence::app {

namespace {

using phone::EventCode;
using phone::PortMode;

std::string certificate_fault(const crypto::Certificate& leaf, const crypto::JudgingTime& time) {
    if (time.is_after(leaf.not_after()))
        return "the device certificate has expired at " + format_time(leaf.not_after());
    if (time.is_before(leaf.not_before()))
        return "the device certificate is not valid before " + format_time(leaf.not_before());
    return {};
}

Status add_roots(PortPlan& plan, phone::Flash& flash, phone::PortStore& store) {
    const auto trust = phone::TrustStore::load(flash, {});
    if (!trust) return fail(trust.error());
    const auto roots = trust->without_revoked(trust->customer_anchors());
    if (roots.empty()) plan.obstacle = {EventCode::eap_root_invalid, "no root certificate is installed"};
    plan.network.roots = store.roots_path();
    return store.save_roots(roots);
}

Status add_identity(PortPlan& plan, phone::Flash& flash, phone::PortStore& store, const crypto::JudgingTime& time) {
    const auto identity = flash.read_active_identity();
    if (!identity) {
        plan.obstacle = {EventCode::eap_device_certificate_invalid, identity.error().message};
        return {};
    }
    plan.facts.certificate_fault = certificate_fault(identity->leaf, time);
    plan.network.identity = store.identity_path();
    return store.save_identity(*identity);
}

}  // namespace

Result<phone::PortMaterial> port_material(phone::Flash& flash) {
    const auto trust = phone::TrustStore::load(flash, {});
    if (!trust) return fail(trust.error());
    return phone::PortMaterial{trust->has_customer_root(), flash.read_active_identity().has_value()};
}

Result<PortPlan> plan_port(phone::Flash& flash, Disk& disk, const std::string& folder,
                           const phone::Behaviour& behaviour, const Clock& clock) {
    std::error_code error;
    phone::PortStore store(disk, std::filesystem::absolute(folder, error).lexically_normal().string());
    const bool is_as_a_set = behaviour.is(phone::Switch::clock, "believed");
    const phone::PhoneClock phone_clock(clock, flash.state().proved_time,
                                        is_as_a_set ? phone::ClockRule::as_it_tells : phone::ClockRule::floored);
    PortPlan plan;
    plan.network.settings = flash.state().port;
    plan.network.allows_old_tls = behaviour.is(phone::Switch::eap_tls, "legacy");
    const PortMode mode = plan.network.settings.mode;
    // MD5 shows no certificate.
    plan.network.checks_time = phone_clock.is_believed() || mode == PortMode::md5;
    plan.facts.is_time_checked = plan.network.checks_time;
    Status done;
    if (mode != PortMode::tls) done = store.remove_identity();
    if (done && (mode == PortMode::disabled || mode == PortMode::md5)) done = store.remove_roots();
    if (done && (mode == PortMode::peap || mode == PortMode::tls)) done = add_roots(plan, flash, store);
    if (done && mode == PortMode::tls) done = add_identity(plan, flash, store, phone_clock.own_time());
    if (!done) return fail(std::move(done.error()));
    return plan;
}

Status judge_radius_server(phone::Flash& flash, const phone::Behaviour& behaviour,
                           const std::vector<std::string>& chain, const crypto::JudgingTime& time) {
    const auto trust = phone::TrustStore::load(flash, {});
    if (!trust) return fail(trust.error());
    phone::NetworkServer server{{}, flash.state().port.server_name};
    for (const auto& der : chain) {
        auto certificate = crypto::Certificate::parse_der(der);
        if (!certificate) return fail(std::move(certificate.error()));
        server.presented.push_back(std::move(*certificate));
    }
    return phone::judge_network_server(server, *trust->server_trust(time, behaviour), time);
}

}  // namespace ringfence::app
