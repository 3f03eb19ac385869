// A packet that parses survives the round trip; no noise passes for an answer to what we asked.
#include <cstdint>

#include "crypto/hash.h"
#include "protocol/radius_packet.h"

using namespace ringfence;
using namespace ringfence::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto packet = parse_radius(bytes);
    if (!packet) return 0;
    RINGFENCE_ASSERT(parse_radius(format_radius(*packet)).value() == *packet);

    static const RadiusHashes hashes{crypto::md5, crypto::hmac_md5};
    static const Secret secret("never in a corpus");
    RadiusPacket request{.code = RadiusCode::disconnect_request, .identifier = packet->identifier};
    request.add(RadiusAttribute::user_name, "phone");
    RINGFENCE_ASSERT(!open_answer(bytes, format_signed_request(request, secret, hashes), secret, hashes));
    return 0;
}
