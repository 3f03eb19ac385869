#include "app/server/enrolment_right.h"

#include "registry/device_state.h"

namespace ringfence::app {

Result<registry::Device> require_right_to_certificate(registry::Registry& registry, const Arguments& arguments) {
    const MacAddress mac = arguments.mac("MAC");
    auto device = registry.find_device(mac);
    if (!device) return fail(std::move(device).error());
    if (!*device) return fail(FaultCode::not_found, "there is no device " + mac.colons());
    if (!(*device)->is_in_service()) return fail(FaultCode::conflict, mac.colons() + " is " + (*device)->why_out());
    if (has_certificate((*device)->state) && !arguments.has("--replace"))
        return fail(FaultCode::conflict,
                    mac.colons() + " has a certificate already; --replace makes another and revokes what it has");
    return std::move(**device);
}

}  // namespace ringfence::app
