// A registrar that was taken over can send anything: each frame gets one answer, which the other end can read.
#include <cstdint>
#include <string>

#include "authority/desk_wire.h"
#include "authority/field_codec.h"
#include "tests/authority/refusing_desk.h"

using namespace ringfence;
using namespace ringfence::authority;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    test::RefusingDesk desk({FaultCode::forbidden, "nothing is issued"});
    const std::string answer = answer_desk_frame(desk, bytes);
    FieldReader reader(answer);
    if (!reader.flag()) {
        const FaultCode code = reader.fault().code;
        RINGFENCE_ASSERT(code == FaultCode::forbidden || code == FaultCode::malformed);
    }
    // And the other way round: what is no answer is a fault for whoever asked.
    RemoteDesk remote([bytes](std::string_view) { return Result<std::string>(std::string(bytes)); });
    static_cast<void>(remote.apply({}));
    static_cast<void>(remote.secret_of("reference"));
    static_cast<void>(remote.confirm("fingerprint", true));
    static_cast<void>(remote.standing_of("issuer", "serial"));
    return 0;
}
