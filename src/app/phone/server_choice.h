// Where a boot finds its provisioning server: what was typed now or before, what DHCP offers, what served last.
#pragma once

#include "app/phone/boot_options.h"
#include "phone/discovery.h"
#include "phone/flash.h"

namespace ringfence::app {

// Fills in the server, the Device ID and the notes of `prepared.settings`. A server that was typed is remembered first.
Checked<phone::Discovery> choose_server(Prepared& prepared, phone::Flash& flash);

// After the boot, so that the server can stand in when nobody names one.
Status remember_server(phone::Flash& flash, const phone::Discovery& discovery, const phone::BootReport& report);

}  // namespace ringfence::app
