#include "app/phone/first_line.h"

#include <unistd.h>

#include <utility>

#include "base/disk.h"
#include "base/text.h"

namespace ringfence::app {

namespace {

constexpr std::size_t secret_file_limit = 4096;  // a password, a fingerprint or a URL on one line

Result<std::string> read_standard_input() {
    std::string out;
    char block[1024];
    while (true) {
        const ssize_t got = ::read(STDIN_FILENO, block, sizeof block);
        if (got < 0) return fail(FaultCode::unavailable, "standard input cannot be read");
        if (got == 0) return out;
        out.append(block, static_cast<std::size_t>(got));
        if (out.size() > secret_file_limit) return fail(FaultCode::too_large, "standard input is too long");
    }
}

}  // namespace

Result<Secret> read_first_line(const std::string& path) {
    SystemDisk disk;
    auto text = path == standard_input ? read_standard_input() : disk.read(path, secret_file_limit);
    if (!text) return fail(std::move(text.error()));
    std::string line(split(*text, '\n').front());
    if (!line.empty() && line.back() == '\r') line.pop_back();
    wipe(*text);
    return Secret(std::move(line));
}

}  // namespace ringfence::app
