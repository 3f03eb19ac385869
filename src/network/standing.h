// How a device stands with the network door: all that decides whether a port opens to it, as one value. The registry
// makes it while we live; the cache beside the RADIUS server keeps it for when we do not. What it means is decided
// here, once for both (trust/admission.h). Pure, but for find_standing().
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mac_address.h"
#include "base/result.h"
#include "base/secret.h"
#include "delivery/installation.h"
#include "registry/network_lookup.h"
#include "trust/admission.h"

namespace ringfence::network {

struct HeldCertificate {
    std::string serial;  // lower-case hex
    WallTime not_after{};
    bool is_legacy = false;  // of the legacy lane: an RSA one that SHA-1 may have signed, or that outlives our rules
    friend bool operator==(const HeldCertificate&, const HeldCertificate&) = default;
};

struct Standing {
    MacAddress device;
    std::string identity{};  // of its network login; empty: it has none
    Secret password{};       // of that
    bool is_in_service = false;
    bool has_proved_itself = false;
    bool requires_certificate = false;
    std::optional<WallTime> window_closes{};      // the last of the staging windows that take it; empty: none is open
    std::optional<WallTime> legacy_closes{};      // until when the lane of old TLS serves it; empty: it does not
    std::vector<HeldCertificate> certificates{};  // that are neither revoked nor over
    friend bool operator==(const Standing&, const Standing&) = default;
};

// Who wants in, as the RADIUS server says it. Nothing of it is proved but what the certificate is for.
struct Claim {
    std::string identity{};                // User-Name: that of the network login, or the MAC in any usual form
    std::optional<MacAddress> hardware{};  // Calling-Station-Id; empty: the switch did not tell
    std::string certificate{};             // serial, lower-case hex, of a certificate whose chain was verified
    bool wants_certificate = false;        // it will show one: no password helps it
    bool is_on_legacy_lane = false;        // EAP under old TLS
};

// Where a device is let in.
struct Admission {
    trust::Segment segment = trust::Segment::onboarding;
    std::optional<WallTime> ends{};  // when it must be asked again at the latest: the staging window's end
    friend bool operator==(const Admission&, const Admission&) = default;
};

// What the RADIUS server needs to go on. Neither: the device may not come in.
struct Credential {
    Secret password{};                     // for EAP-MD5 and MS-CHAPv2; empty: no password opens the port now
    bool takes_certificate = false;        // one of the device's certificates does
    std::optional<Admission> admission{};  // by that password, once it is proved; empty: ask again then
    bool is_for_legacy_lane = false;       // the lane of old TLS serves it
};

// What stands in the settings and not in the registry. `lane` may be null: there is no lane of old TLS.
struct Rules {
    const delivery::LanePolicy* lane = nullptr;
};

// The device that the claim names; empty: there is none. As many look-ups for nobody as for a device. Faults: those of
// `lookup`.
Result<std::optional<Standing>> find_standing(registry::NetworkLookup& lookup, const Rules& rules,
                                              const std::string& identity, WallTime now);
Result<std::optional<Standing>> get_standing(registry::NetworkLookup& lookup, const Rules& rules,
                                             const MacAddress& device, WallTime now);

// Before anything is proved. forbidden with the reason, for the event and nobody else: out of service, no window, other
// hardware than the device's, a certificate that is not one of its own, a lane that does not serve it.
Result<Credential> find_credential(const Standing& standing, const Claim& claim, WallTime now);

// After it is: which part of the network opens. A claim with a certificate was proved by it, any other by password.
Result<Admission> admit(const Standing& standing, const Claim& claim, WallTime now);

trust::NetworkProof proof_of(const Claim& claim);

}  // namespace ringfence::network
