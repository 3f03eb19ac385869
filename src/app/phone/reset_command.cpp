#include "app/phone/commands.h"
#include "app/phone/output.h"
#include "app/phone/state_folder.h"
#include "base/disk.h"
#include "base/mac_address.h"
#include "phone/flash.h"
#include "phone/keypad.h"

namespace ringfence::app {

int reset(const ResetOptions& options) {
    if (!options.typed.empty()) {
        if (options.mac.empty()) return complain("--typed needs --mac, which the keys must name", exit_misused);
        const auto mac = MacAddress::parse(options.mac);
        if (!mac) return complain(mac.error().message, exit_misused);
        if (options.typed != phone::reset_keys(*mac)) return complain("these keys reset nothing", exit_failed);
    }
    SystemDisk disk;
    const auto lock = StateLock::hold_folder(disk, options.state);
    if (!lock) return complain(lock.error().message, exit_failed);
    auto erased = phone::Flash::erase(disk, options.state);
    if (!erased) return complain(erased.error().message, exit_failed);
    print(options.json ? "{\"reset\":true}\n" : "the phone is as fresh from the factory\n");
    return finish_output(exit_done);
}

}  // namespace ringfence::app
