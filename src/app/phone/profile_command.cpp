#include <fmt/format.h>

#include "app/phone/commands.h"
#include "app/phone/output.h"
#include "app/phone/state_folder.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/text.h"
#include "phone/device_profile.h"
#include "phone/flash.h"
#include "phone/port_store.h"

namespace ringfence::app {

namespace {

// What the options ask for, laid over what the profile is.
Result<phone::DeviceProfile> changed(phone::DeviceProfile profile, const ProfileOptions& options) {
    if (!options.source.empty()) {
        const auto source = phone::parse_profile_source(options.source);
        if (!source) return fail(FaultCode::malformed, "a profile's source is scep or pkcs12");
        profile.source = *source;
    }
    if (!options.active.empty()) profile.is_active = options.active == "yes";
    if (options.purpose) profile.purpose = *options.purpose;
    if (!options.ca_name.empty()) profile.ca_server_name = options.ca_name;
    if (options.host_name) profile.host_name = *options.host_name;
    return profile;
}

}  // namespace

int profile(const ProfileOptions& options) {
    SystemDisk disk;
    const SystemClock clock;
    auto held = hold_recovered_flash(disk, options.state, clock);
    if (!held) return complain(held.error().message, exit_failed);
    phone::Flash& flash = held->flash;

    auto wanted = changed(flash.state().profile(options.index), options);
    if (!wanted) return complain(wanted.error().message, exit_misused);
    auto stored = flash.store_profile(options.index, std::move(*wanted));
    if (stored && options.deletes) stored = flash.delete_identity(options.index);
    // The port's copy of the key too; the next login makes another one if another profile has a certificate.
    if (stored && options.deletes) stored = phone::PortStore(disk, options.state).remove_identity();
    if (!stored) return complain(stored.error().message, exit_failed);
    const auto now = flash.state().profile(options.index);
    print(fmt::format("profile {}: {}, {}, purpose {}, CA {}, host name {}, {}\n", options.index, to_string(now.source),
                      now.is_active ? "active" : "off", now.purpose, printable(now.ca_server_name),
                      now.host_name.empty() ? "by the MAC" : printable(now.host_name),
                      now.identity.empty() ? "without a certificate" : "with a certificate"));
    return finish_output(exit_done);
}

}  // namespace ringfence::app
