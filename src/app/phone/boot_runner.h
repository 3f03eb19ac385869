// Boots a phone, and boots it again as long as it restarts: what `boot` does once and `run` whenever it is time.
#pragma once

#include <atomic>

#include "app/phone/boot_options.h"
#include "crypto/verify.h"
#include "phone/settings_store.h"

namespace ringfence::app {

struct BootEnd {
    bool is_clean = false;              // nothing was refused or failed in the last boot
    bool has_served = false;            // the manifest came
    phone::EffectiveSettings settings;  // that hold after it
    crypto::JudgingTime time;           // what the phone judged by at its end
};

// Reads the files that the options name, holds the flash until the end, and prints what happens. `stop` may be null;
// once it is true the boot is left where it stands, as by a power cut.
Checked<BootEnd> boot_to_rest(const BootOptions& options, const std::atomic<bool>* stop);

}  // namespace ringfence::app
