// From argv to one command of the table and its arguments. The only file that knows the command line library.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "app/server/command.h"

namespace ringfence::app {

struct Invocation {
    const Command* command = nullptr;  // points into the table
    Arguments arguments;
};

// Text that was asked for: --help or --version.
struct Information {
    std::string text;
};

// Each command also takes --data, --json and --help, unless its own parameters name them. Stops as misused.
Checked<std::variant<Invocation, Information>> parse_command_line(int count, const char* const* words,
                                                                  const std::vector<Command>& commands);

}  // namespace ringfence::app
