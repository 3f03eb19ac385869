#include "app/phone/bell.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

namespace ringfence::app {

Result<Bell> Bell::make() {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return fail(FaultCode::unavailable, "no pipe can be made");
    return Bell(net::Descriptor(ends[0]), net::Descriptor(ends[1]));
}

void Bell::ring(int ringer) {
    const char byte = 0;
    static_cast<void>(!::write(ringer, &byte, 1));
}

void Bell::quiet(int hearer) {
    std::array<char, 64> bytes{};
    while (::read(hearer, bytes.data(), bytes.size()) > 0) {
    }
}

}  // namespace ringfence::app
