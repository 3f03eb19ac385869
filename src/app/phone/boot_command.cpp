#include "app/phone/boot_runner.h"
#include "app/phone/commands.h"
#include "app/phone/output.h"

namespace ringfence::app {

int boot(const BootOptions& options) {
    const auto end = boot_to_rest(options, nullptr);
    if (!end) return complain(end.error().fault.message, end.error().code);
    return finish_output(end->is_clean ? exit_done : exit_failed);
}

}  // namespace ringfence::app
