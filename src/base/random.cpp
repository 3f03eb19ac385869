#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <limits>

#include "base/result.h"

namespace ringfence {

std::uint64_t Random::below(std::uint64_t bound) {
    RINGFENCE_ASSERT(bound > 0);
    // Values in the last, incomplete multiple of `bound` are drawn again, so that no result is likelier.
    const std::uint64_t limit = std::numeric_limits<std::uint64_t>::max() / bound * bound;
    while (true) {
        std::uint64_t value = 0;
        for (const char c : bytes(sizeof value)) value = (value << 8) | static_cast<unsigned char>(c);
        if (value < limit) return value % bound;
    }
}

std::string Random::text(std::size_t length, std::string_view alphabet) {
    std::string out;
    out.reserve(length);
    while (out.size() < length) out += alphabet[below(alphabet.size())];
    return out;
}

std::string SystemRandom::bytes(std::size_t count) {
    std::string out(count, '\0');
    std::size_t filled = 0;
    while (filled < count) {
        const ssize_t got = ::getrandom(out.data() + filled, count - filled, 0);
        if (got < 0 && errno == EINTR) continue;
        RINGFENCE_ASSERT(got > 0);
        filled += static_cast<std::size_t>(got);
    }
    return out;
}

std::string SeededRandom::bytes(std::size_t count) {
    std::string out;
    out.reserve(count + 8);
    while (out.size() < count) {
        // splitmix64 (Steele, Lea, Flood 2014).
        std::uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
        z ^= z >> 31;
        for (int i = 0; i < 8; ++i) out += static_cast<char>((z >> (8 * i)) & 0xFF);
    }
    out.resize(count);
    return out;
}

}  // namespace ringfence
