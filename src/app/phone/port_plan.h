// What the next login at the 802.1X port is made with, as the flash has it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/phone/supplicant.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/result.h"
#include "crypto/verify.h"
#include "phone/behaviour.h"
#include "phone/flash.h"
#include "phone/port_login.h"

namespace ringfence::app {

// Why no login can be tried.
struct PortObstacle {
    phone::EventCode code = phone::EventCode::eap_root_invalid;
    std::string reason;

    friend bool operator==(const PortObstacle&, const PortObstacle&) = default;
};

struct PortPlan {
    SupplicantNetwork network;
    phone::LoginFacts facts;
    std::optional<PortObstacle> obstacle;
};

// Whether the flash holds what the modes need. corrupt.
Result<phone::PortMaterial> port_material(phone::Flash& flash);

// Writes the files that wpa_supplicant reads into the flash's folder, or removes those that it needs no more. Faults:
// those of the disk and of the trust store.
// `clock` is the machine's, by which wpa_supplicant judges dates: where it is not believed (phone/phone_clock.h), it
// must not.
Result<PortPlan> plan_port(phone::Flash& flash, Disk& disk, const std::string& folder,
                           const phone::Behaviour& behaviour, const Clock& clock);

// What the flash's roots, revocation lists and server name, and the time, say of the chain that the RADIUS server
// showed: leaf first, in DER. Faults: those of phone::judge_network_server() and of the trust store; malformed.
Status judge_radius_server(phone::Flash& flash, const phone::Behaviour& behaviour,
                           const std::vector<std::string>& chain, const crypto::JudgingTime& time);

}  // namespace ringfence::app
