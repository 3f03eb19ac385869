#include "crypto/pem.h"

#include <fmt/format.h>
#include <openssl/pem.h>

#include "base/secret.h"
#include "base/text.h"
#include "crypto/openssl.h"

namespace ringfence::crypto {

Result<PemBlock> read_block(BIO* bio) {
    char* label = nullptr;
    char* header = nullptr;
    unsigned char* der = nullptr;
    long size = 0;
    if (PEM_read_bio(bio, &label, &header, &der, &size) != 1) {
        const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        ERR_clear_error();
        if (at_end) return PemBlock{};
        return fail(FaultCode::malformed, "a PEM block is damaged");
    }
    const BytesOwner<char> label_owner(label);
    const BytesOwner<char> header_owner(header);
    const BytesOwner<unsigned char> der_owner(der);
    return PemBlock{label, std::string(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size))};
}

Result<PemBlock> read_only_block(std::string_view pem) {
    constexpr std::string_view begin = "-----BEGIN ";
    constexpr std::string_view end = "-----END ";
    const std::string_view text = trim(pem);
    if (text.substr(0, begin.size()) != begin) return fail(FaultCode::malformed, "this is not in PEM form");
    const std::size_t last_line = text.find(end);
    if (last_line == text.npos || text.find('\n', last_line) != text.npos) {
        return fail(FaultCode::malformed, "a PEM block is damaged, or something stands after it");
    }
    return read_block(read_memory(text).get());
}

bool is_certificate_label(std::string_view label) { return label == "CERTIFICATE" || label == "X509 CERTIFICATE"; }

bool is_revocation_list_label(std::string_view label) { return label == "X509 CRL"; }

Fault refuse_block(PemBlock& block) {
    wipe(block.der);
    return Fault{FaultCode::malformed,
                 fmt::format("a certificate file must not hold a block of kind {}", printable(block.label, 40))};
}

}  // namespace ringfence::crypto
