// Whatever a client says, replies are whole lines, paths are bounded, and active connections go to the client itself.
#include <cstdint>

#include "protocol/ftp_session.h"

using namespace ringfence;
using namespace ringfence::protocol;

namespace {
const FtpEnds ends{Endpoint::parse("192.0.2.1:21").value(), Endpoint::parse("192.0.2.77:50000").value()};

void check(const FtpStep& step) {
    RINGFENCE_ASSERT(step.replies.empty() || step.replies.ends_with("\r\n"));
    for (const auto& action : step.actions) {
        const auto* retrieve = std::get_if<FtpRetrieve>(&action);
        if (retrieve == nullptr) continue;
        RINGFENCE_ASSERT(retrieve->path.size() <= FtpSession::max_path);
        RINGFENCE_ASSERT(!retrieve->connect_to || retrieve->connect_to->address == ends.peer.address);
    }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FtpSession session(ends);
    check(session.on_bytes("USER a\r\nPASS b\r\n"));
    check(session.on_bytes({reinterpret_cast<const char*>(data), size}));
    while (session.is_busy()) {
        check(session.passive_opened(4000));
        check(session.lookup_failed(FaultCode::not_found));
        check(session.transfer_started(1));
        check(session.transfer_done(true));
    }
    return 0;
}
