#include "app/server/rollover_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "app/server/root_file.h"
#include "delivery/installation.h"

namespace ringfence::app {

namespace {

using authority::Issuer;
using authority::Rollover;
using registry::CertificatePurpose;
using registry::CertificateRecord;
using registry::Device;
using registry::DeviceAnchor;
using registry::DeviceState;

using Holders = std::map<MacAddress, DeviceAnchor>;

Result<Holders> find_holders(registry::Registry& registry, const std::string& root) {
    Holders out;
    auto listed = registry.list_anchors([&](const DeviceAnchor& anchor) {
        if (anchor.anchor == root) out.insert_or_assign(anchor.device, anchor);
        return true;
    });
    if (!listed) return fail(std::move(listed).error());
    return out;
}

// The root file was put anew when the rollover was announced.
Result<std::optional<WallTime>> find_announced(registry::Registry& registry) {
    const auto catalogue = registry.catalogue();
    if (!catalogue) return fail(catalogue.error());
    for (const auto& file : (*catalogue)->files)
        if (file.path == delivery::root_file_path) return std::optional(file.put_at);
    return std::optional<WallTime>();
}

std::optional<WallTime> last_seen(const Device& device) {
    return std::max(device.last_proved, device.last_proved_legacy);
}

Standpoint judge(const DeviceOutlook& outlook, const std::optional<WallTime>& announced) {
    if (outlook.evidence) return Standpoint::holds;
    if (outlook.device.state == DeviceState::expected && !outlook.last_seen) return Standpoint::fresh;
    return announced && outlook.last_seen && *outlook.last_seen >= *announced ? Standpoint::locked_out
                                                                              : Standpoint::unseen;
}

Status add_devices(registry::Registry& registry, const Holders& holders, RolloverPlan& plan) {
    return registry.list_devices([&](const Device& device) {
        if (device.state == DeviceState::retired) return true;
        DeviceOutlook outlook{device};
        outlook.last_seen = last_seen(device);
        if (const auto found = holders.find(device.mac); found != holders.end()) outlook.evidence = found->second;
        outlook.standpoint = judge(outlook, plan.announced);
        plan.devices.push_back(std::move(outlook));
        return true;
    });
}

Status add_certificates(Context& context, registry::Registry& registry, RolloverPlan& plan) {
    const auto authority = context.open_authority(authority::KeySet::none);
    if (!authority) return fail(authority.error());
    std::set<std::string> issuers;
    for (const Issuer issuer : {Issuer::rsa, Issuer::p256, Issuer::legacy})
        issuers.insert((*authority)->issuing(issuer).fingerprint_sha256());
    std::set<std::string> own;
    for (const auto& certificate : (*authority)->own_certificates()) own.insert(certificate.fingerprint_sha256());
    const WallTime now = context.clock().wall_now();
    return registry.list_certificates([&](const CertificateRecord& certificate) {
        if (certificate.revoked || certificate.not_after <= now || !issuers.contains(certificate.issuer)) return true;
        if (certificate.purpose == CertificatePurpose::device) ++plan.device_certificates;
        if (certificate.purpose == CertificatePurpose::server && !own.contains(certificate.fingerprint))
            plan.hosts.push_back(certificate);
        return true;
    });
}

}  // namespace

std::string_view to_string(Standpoint standpoint) {
    switch (standpoint) {
        case Standpoint::holds: return "holds";
        case Standpoint::locked_out: return "locked-out";
        case Standpoint::unseen: return "unseen";
        case Standpoint::fresh: return "fresh";
    }
    return "unseen";
}

std::size_t RolloverPlan::count(Standpoint standpoint) const {
    return static_cast<std::size_t>(std::count_if(devices.begin(), devices.end(), [&](const DeviceOutlook& outlook) {
        return outlook.standpoint == standpoint;
    }));
}

std::string RolloverPlan::advice() const {
    if (stage == Rollover::Stage::none)
        return "Nothing is announced yet: ringfence ca rollover start makes new CAs and announces them, and locks no "
               "set out.";
    if (stage == Rollover::Stage::waits_for_root)
        return "The new root has not signed yet: ringfence root sign where it is kept, then ringfence ca install.";
    if (at_risk() == 0) return "Every set that was ever here holds the new root: ringfence ca rollover finish.";
    return fmt::format(
        "Let {} start again within reach of this server, since each takes the new root when it does; if that cannot "
        "be waited for, ringfence ca rollover finish --accept-lockout {}.",
        count_of(at_risk(), "set"), at_risk());
}

Result<RolloverPlan> plan_rollover(Context& context, const Rollover& rollover) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    RolloverPlan plan{.stage = rollover.stage(), .devices = {}, .hosts = {}};
    Holders holders;
    if (plan.stage == Rollover::Stage::announced) {
        auto announced = find_announced(**registry);
        if (!announced) return fail(std::move(announced).error());
        plan.announced = *announced;
        auto found = find_holders(**registry, rollover.next_root().fingerprint_sha256());
        if (!found) return fail(std::move(found).error());
        holders = std::move(*found);
    }
    auto added = add_devices(**registry, holders, plan);
    if (added) added = add_certificates(context, **registry, plan);
    if (!added) return fail(std::move(added).error());
    return plan;
}

}  // namespace ringfence::app
