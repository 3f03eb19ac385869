// A packet that parses survives the round trip, and a time that is told lies in what a timestamp can say.
#include <cstdint>

#include "protocol/sntp_packet.h"

using namespace ringfence;
using namespace ringfence::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto packet = parse_sntp({reinterpret_cast<const char*>(data), size});
    RINGFENCE_ASSERT(packet.has_value() == (size >= sntp_header && size <= max_sntp_datagram));
    if (!packet) return 0;
    RINGFENCE_ASSERT(parse_sntp(format_sntp(*packet)).value() == *packet);
    const auto time = read_sntp_answer(*packet, packet->origin);
    if (time)
        RINGFENCE_ASSERT(*time >= time_of(SntpTimestamp{1} << 63) && *time <= time_of((SntpTimestamp{1} << 63) - 1));
    RINGFENCE_ASSERT(!read_sntp_answer(*packet, packet->origin + 1).has_value());
    return 0;
}
