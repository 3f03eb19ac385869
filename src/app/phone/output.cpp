#include "app/phone/output.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>

#include "app/phone/commands.h"

namespace ringfence::app {

void ignore_broken_pipes() { std::signal(SIGPIPE, SIG_IGN); }

// fmt::print throws where a write fails.
void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void flush() { std::fflush(stdout); }

int finish_output(int code) {
    // The stream keeps the mark of any write that failed before.
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
    return complain("not all of the output could be written", exit_failed);
}

int complain(std::string_view sentence, int code) {
    print_error(fmt::format("ringfence-phone: {}\n", sentence));
    return code;
}

void print_error(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

}  // namespace ringfence::app
