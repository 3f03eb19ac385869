// SCEP: whatever a server or a phone sends is refused or read whole, and what was read can be written and read again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/random.h"
#include "crypto/scep_message.h"

using namespace ringfence;
using namespace ringfence::crypto;

namespace {

const Signer& recipient() {
    static const Signer signer = [] {
        const auto key = PrivateKey::generate(KeyType::rsa2048);
        SeededRandom random(1);
        const auto request = CertificationRequest::make({"fuzz", "", {}, {}}, Secret(), *key);
        return Signer{*make_scep_signer(*request, *key, WallTime{}, random), *key};
    }();
    return signer;
}

void read_message(std::string_view bytes) {
    const auto message = parse_scep_message(bytes);
    const ScepExpectation expected{"id", "nonce", {recipient().certificate}, recipient(), SingleDes::taken};
    if (open_scep_reply(bytes, expected)) std::abort();  // nobody but us has the recipient's key
    if (!message) return;
    const auto& attributes = message->attributes;
    if (attributes.transaction_id.empty() || attributes.transaction_id.size() > max_transaction_id) std::abort();
    if (open_scep_request(*message, recipient(), SingleDes::taken)) std::abort();
}

void read_envelope(std::string_view bytes) {
    const ScepMessage message{ScepAttributes(), recipient().certificate, ScepDigest::sha256, std::string(bytes)};
    static_cast<void>(find_cipher(message));
    if (open_scep_request(message, recipient(), SingleDes::taken)) std::abort();
}

void read_authority(std::string_view bytes) {
    const auto certificates = parse_certificates(bytes);
    if (certificates) {
        const auto again = parse_certificates(*format_certificates(*certificates));
        if (!again || again->size() > certificates->size()) std::abort();  // a set holds each once
    }
    const auto authority = parse_scep_authority(bytes);
    if (authority && (!authority->ca.is_ca() || authority->signers.empty())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    read_message(bytes);
    read_envelope(bytes);
    read_authority(bytes);
    const auto capabilities = parse_scep_capabilities(bytes);
    if (!capabilities.aes && choose_algorithms(capabilities).cipher == ScepCipher::aes128) std::abort();
    return 0;
}
