// Any header is read or refused, and no login that parses opens a door whose secret it does not know.
#include <cstdint>

#include "protocol/http_auth.h"

using namespace ringfence;
using namespace ringfence::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto parsed = parse_authorization(text);
    if (!parsed) return 0;
    RINGFENCE_ASSERT(size <= max_authorization_length);
    // No real hash: of the right length, and not one that the input can hold by chance.
    const HashFunction hash = [](std::string_view input) {
        std::string out(32, '\x5A');
        for (std::size_t i = 0; i < input.size(); ++i) out[i % 32] = static_cast<char>(out[i % 32] * 31 + input[i]);
        return out;
    };
    if (const auto* basic = std::get_if<BasicLogin>(&*parsed)) {
        RINGFENCE_ASSERT(basic->user.find(':') == std::string::npos);
        RINGFENCE_ASSERT(!verify_basic(*basic, "realm", Secret(), hash));
    }
    if (const auto* digest = std::get_if<DigestLogin>(&*parsed))
        RINGFENCE_ASSERT(!verify_digest(*digest, {"GET", "x", digest->realm}, Secret(), {hash, hash}));
    return 0;
}
