// The signing of files for sets (reference 5.6): content that was judged by the grammar of its kind, and behind it the
// detached signature of the installation's file signer, labelled with the kind and, where it is for one, the set. Pure
// but for the keys.
#pragma once

#include <string>
#include <string_view>

#include "authority/authority.h"
#include "base/clock.h"
#include "base/result.h"
#include "family/family.h"
#include "phonefile/signature_label.h"
#include "registry/records.h"

namespace ringfence::app {

// What a file that is put would be signed as. forbidden: sets look for no signature of ours on such a file.
Result<phonefile::SignatureLabel> find_label(const family::Family& family, const registry::FileRecord& file);

// Whether sets take a file of this kind only if it is signed, once they hold a root.
bool needs_signature(phonefile::SignedKind kind);

// Refuses what a set would skip, misread or not take. `content` is without a signature. Faults: malformed, too_large,
// expired, untrusted, each with a sentence that names the line or certificate.
Status check_content(phonefile::SignedKind kind, std::string_view content, const family::Limits& limits, WallTime now);

class FileSigner {
public:
    // All outlive the signer.
    FileSigner(const authority::Authority& authority, const family::Limits& limits, const Clock& clock)
        : authority_(authority), limits_(limits), clock_(clock) {}

    // The content, byte for byte, and its signature. Faults: those of check_content; conflict (it is signed already),
    // too_large, expired (the signer's certificate).
    Result<std::string> sign(const phonefile::SignatureLabel& label, std::string_view content) const;

private:
    const authority::Authority& authority_;
    const family::Limits& limits_;
    const Clock& clock_;
};

}  // namespace ringfence::app
