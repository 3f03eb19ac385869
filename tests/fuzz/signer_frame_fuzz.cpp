// Whoever asks the signer may have been taken over: each frame gets one answer, which the other end can read.
#include <cstdint>
#include <string>

#include "authority/field_codec.h"
#include "authority/signer_wire.h"
#include "tests/authority/refusing_desk.h"

using namespace ringfence;
using namespace ringfence::authority;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    test::RefusingSigner signer({FaultCode::forbidden, "nothing is signed"});
    const std::string answer = answer_signing_frame(signer, bytes);
    FieldReader reader(answer);
    RINGFENCE_ASSERT(!reader.flag());
    const FaultCode code = reader.fault().code;
    RINGFENCE_ASSERT(code == FaultCode::forbidden || code == FaultCode::malformed);
    RemoteSigner remote([bytes](std::string_view) { return Result<std::string>(std::string(bytes)); });
    static_cast<void>(remote.sign_device({{*MacAddress::parse("00247F0102AB"), {}, {}, Issuer::rsa, {}}, {}}));
    static_cast<void>(remote.sign_revocation_list(Issuer::rsa));
    return 0;
}
