// Detached signatures (CMS SignedData, RFC 5652; PKCS#7 is its older name) over files, as the 1200 series appends them
// (reference 5.6). What is proved here is that the embedded certificate's key signed these bytes; whether that
// certificate is worth anything says verify_chain with Purpose::file_signer. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/certificate_builder.h"
#include "crypto/verify.h"

namespace ringfence::crypto {

inline constexpr std::size_t max_signature_size = std::size_t{64} * 1024;  // PEM; with a chain of three about 6 kB
inline constexpr std::size_t max_embedded_certificates = 16;               // signer, chain and some to spare
inline constexpr std::size_t max_signed_content = std::size_t{64} * 1024 * 1024;  // a firmware image has 4 MB

struct SignedData {
    Certificate signer;
    std::vector<Certificate> certificates;  // the others that are embedded: intermediates to build a chain with
    std::optional<WallTime> signed_at{};    // the signer's word; empty: it gave none under its signature
    // What the signer says of the content: the signed attribute contentHints (RFC 2634 section 2.9). Empty: nothing.
    std::optional<std::string> description{};
};

// Views live as long as the call.
struct DetachedContent {
    std::string_view bytes;
    std::string_view
        description{};  // becomes SignedData::description; empty: the signature says nothing of the content
};

// `pem` is one block of kind PKCS7 or CMS and nothing else. Digests: SHA-256, SHA-384, SHA-512; SHA-1 too where `floor`
// is legacy, because the sets' own recipe (openssl smime -sign of 0.9.8) makes nothing else.
// Faults: malformed (another form: attached content, none or several signers, the signer's certificate not embedded),
// too_large, untrusted ("weak signature: ..."), unauthenticated (the signature is not one over `content`).
Result<SignedData> verify_detached(std::string_view content, std::string_view pem, Strength floor = Strength::modern);

// One PKCS7 block with SHA-256, the signer's certificate, `chain`, `now` and the description inside; the set's file is
// the content followed by it. Faults: conflict (key and certificate differ), too_large, internal.
Result<std::string> sign_detached(const DetachedContent& content, const Signer& signer,
                                  const std::vector<Certificate>& chain, WallTime now);

}  // namespace ringfence::crypto
