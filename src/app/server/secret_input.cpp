#include "app/server/secret_input.h"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace ringfence::app {

namespace {

// Typed secrets are not shown on the terminal while this lives.
class HiddenTyping {
public:
    HiddenTyping() {
        if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
        termios hidden = before_;
        hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0;
    }
    HiddenTyping(const HiddenTyping&) = delete;
    HiddenTyping& operator=(const HiddenTyping&) = delete;
    ~HiddenTyping() {
        if (!changed_) return;
        static_cast<void>(::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_));
        std::fputc('\n', stderr);
    }

private:
    termios before_{};
    bool changed_ = false;
};

Result<std::string> read_standard_input(std::size_t limit, bool one_line) {
    std::string out;
    while (out.size() <= limit) {
        char byte = 0;
        const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(FaultCode::unavailable, "standard input could not be read");
        if (got == 0) return out;
        out += byte;
        if (one_line && byte == '\n') return out;
    }
    wipe(out);
    return fail(FaultCode::too_large, fmt::format("standard input holds more than {} bytes", limit));
}

Result<std::string> read_typed(std::size_t limit) {
    std::fputs("Value (not shown): ", stderr);
    const HiddenTyping hidden;
    return read_standard_input(limit, true);
}

}  // namespace

Result<Secret> read_secret(const std::string& path, std::size_t limit, Disk& disk) {
    // Room for the line end that is taken off.
    const std::size_t with_line_end = limit + 2;
    auto bytes = path != "-"              ? disk.read(path, with_line_end)
                 : ::isatty(STDIN_FILENO) ? read_typed(with_line_end)
                                          : read_standard_input(with_line_end, false);
    if (!bytes) return fail(bytes.error());
    std::string text = std::move(*bytes);
    if (!text.empty() && text.back() == '\n') text.pop_back();
    if (!text.empty() && text.back() == '\r') text.pop_back();
    const bool fits = text.size() <= limit;
    Secret secret(text);
    wipe(text);
    if (!fits) return fail(FaultCode::too_large, fmt::format("the value has more than {} bytes", limit));
    return secret;
}

}  // namespace ringfence::app
