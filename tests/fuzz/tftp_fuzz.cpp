// A packet that parses survives the round trip; a read request gets its whole file, however odd its options.
#include <cstdint>

#include "protocol/tftp_session.h"

using namespace ringfence;
using namespace ringfence::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto packet = parse_tftp({reinterpret_cast<const char*>(data), size});
    if (!packet) return 0;
    RINGFENCE_ASSERT(parse_tftp(format_tftp(*packet)).value() == *packet);
    const auto* request = std::get_if<TftpReadRequest>(&*packet);
    if (request == nullptr || request->mode == TftpMode::mail) return 0;

    const std::string content(1000, '\n');
    auto session = TftpReadSession::open(*request, content).value();
    const SteadyTime now{};
    auto out = session.start(now);
    while (!out.empty()) {
        const auto last = parse_tftp(out.back()).value();
        const auto* block = std::get_if<TftpData>(&last);
        out = session.on_datagram(format_tftp(TftpAck{block == nullptr ? std::uint16_t{0} : block->block}), now);
    }
    RINGFENCE_ASSERT(session.result().end == TftpEnd::complete);
    RINGFENCE_ASSERT(session.result().bytes_acknowledged == content.size());
    return 0;
}
