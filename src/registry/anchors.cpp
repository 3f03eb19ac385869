// Roots that devices hold.
#include "registry/parts.h"

namespace ringfence::registry {

namespace {

Result<DeviceAnchor> read_anchor(const Statement& row) {
    auto device = row.mac(0);
    if (!device) return fail(std::move(device.error()));
    DeviceAnchor out{.device = *device};
    out.anchor = row.text(1);
    out.evidence = static_cast<AnchorEvidence>(row.integer(2));
    out.at = row.time(3);
    return out;
}

// Nothing that asks for the date of the evidence asks closer than this.
constexpr Duration evidence_interval = std::chrono::hours(24);

bool says_as_much(const DeviceAnchor& known, const DeviceAnchor& anchor) {
    if (known.evidence != anchor.evidence) return known.evidence > anchor.evidence;
    return known.at <= anchor.at && anchor.at - known.at < evidence_interval;
}

}  // namespace

Status Registry::note_anchor(const DeviceAnchor& anchor) {
    auto named = check_name("A root's fingerprint", anchor.anchor);
    if (!named) return named;
    return in_transaction(*parts_->database, [&]() -> Status {
        auto known = parts_->require_device(anchor.device);
        if (!known) return known;
        return parts_->database->run(
            "INSERT INTO device_anchors(mac, anchor, evidence, at) VALUES(?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET evidence = excluded.evidence, at = excluded.at"
            " WHERE excluded.evidence > evidence OR (excluded.evidence = evidence AND excluded.at > at)",
            anchor.device, anchor.anchor, static_cast<int>(anchor.evidence), anchor.at);
    });
}

Status Registry::note_held(const DeviceAnchor& anchor) {
    auto known = find_row(
        parts_->database->statement("SELECT mac, anchor, evidence, at FROM device_anchors WHERE mac = ? AND anchor = ?",
                                    anchor.device, anchor.anchor),
        read_anchor);
    if (!known) return fail(std::move(known.error()));
    if (*known && says_as_much(**known, anchor)) return {};
    parts_->snapshot.reset();
    const LightWrites light(*parts_->database, Duration::zero());
    auto noted = note_anchor(anchor);
    if (!noted && noted.error().code == FaultCode::unavailable) return {};
    return noted;
}

Status Registry::list_anchors(const std::function<bool(const DeviceAnchor&)>& each) {
    return list_rows(
        parts_->database->statement("SELECT mac, anchor, evidence, at FROM device_anchors ORDER BY mac, anchor"),
        read_anchor, each);
}

}  // namespace ringfence::registry
