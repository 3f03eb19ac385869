// The `check` command: what is sound, what is doubtful, what is wrong.
#pragma once

#include "app/server/command.h"

namespace ringfence::app {

Done check_installation(const Arguments& arguments, Context& context);

}  // namespace ringfence::app
