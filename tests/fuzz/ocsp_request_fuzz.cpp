// OCSP requests: whatever parses keeps its limits and can be answered.
#include <cstdint>
#include <cstdlib>

#include "crypto/ocsp.h"

using namespace ringfence;
using namespace ringfence::crypto;

namespace {

Signer make_responder() {
    SeededRandom random(1);
    CertificateRequest request;
    request.role = CertificateRole::root;
    request.common_name = "fuzzed";
    request.not_after = request.not_before + std::chrono::hours(24);
    const auto key = PrivateKey::generate(KeyType::p256);
    return {*make_root(request, *key, random), *key};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Signer responder = make_responder();
    const auto request = parse_ocsp_request({reinterpret_cast<const char*>(data), size});
    if (!request) return 0;
    const std::size_t questions = request->certificates.size();
    if (questions == 0 || questions > max_ocsp_questions || request->nonce.size() > max_ocsp_nonce) std::abort();
    OcspAnswer answer{{}, {}, WallTime{} + std::chrono::hours(1), request->nonce};
    for (const OcspCertificateId& id : request->certificates) {
        if (id.serial.empty() || id.der.size() > size) std::abort();
        const bool is_ours = names_issuer(id, responder.certificate);
        answer.statuses.push_back({id, is_ours ? OcspState::good : OcspState::unknown});
    }
    if (!format_ocsp_response(answer, responder)) std::abort();
    return 0;
}
