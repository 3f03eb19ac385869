#include "phonefile/signed_file.h"

namespace ringfence::phonefile {

namespace {

bool ends_line(std::string_view rest) { return rest.starts_with("\n") || rest.starts_with("\r\n"); }

}  // namespace

SignedFile split_signed(std::string_view bytes) {
    auto at = bytes.find(signature_heading);
    while (at != std::string_view::npos && !ends_line(bytes.substr(at + signature_heading.size())))
        at = bytes.find(signature_heading, at + 1);
    if (at == std::string_view::npos) return {bytes, {}};
    return {bytes.substr(0, at), bytes.substr(at)};
}

Result<std::string> format_signed(const SignedFile& file) {
    std::string bytes(file.content);
    bytes += file.signature;
    if (split_signed(bytes) == file) return bytes;
    return fail(FaultCode::malformed, "a signed file is content without a signature in it, then the signature");
}

}  // namespace ringfence::phonefile
