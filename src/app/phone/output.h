// What a command prints. Output never ends a command: whoever reads it may go away, and its disk may be full.
#pragma once

#include <string_view>

namespace ringfence::app {

// A closed pipe is an error of that write, not a signal. Call once, before anything is printed.
void ignore_broken_pipes();

// On standard output, in order. What cannot be written is remembered.
void print(std::string_view text);
void flush();

// After the last print(): `code`, or exit_failed with a sentence on standard error when not all of it was written.
int finish_output(int code);

// On standard error, as far as it goes.
void print_error(std::string_view text);

}  // namespace ringfence::app
