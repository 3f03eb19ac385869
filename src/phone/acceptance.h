// The acceptance rule: may this fetched file be installed? An AcceptedFile can be made only by accept(), and the flash
// takes nothing else, so a file cannot be installed unchecked (reference 5.2, 5.3, 5.6).
//
//   USER_KEYS   nothing but CA certificates in PEM. The phone's first root: by fingerprint. The same bytes again: fine.
//               Another one once a root is installed: only if signed, and signed files are not understood yet: refused.
//   SEC_POLICY, CTL, CRL, DEV_CERT   not understood yet: refused rather than kept and disobeyed.
//   everything else   taken as it came. Whether the vendor signed FW, LANGUAGE or LICENSING cannot be judged here; they
//               are kept as bytes and never run.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/result.h"
#include "phone/fingerprint.h"
#include "phone/trust_store.h"

namespace ringfence::phone {

struct Candidate {
    std::string section;  // "USER_KEYS" ...
    std::string name;     // as the manifest names it, '*' expanded
    std::string source;   // URL without login
    std::string bytes;

    bool came_by_https() const { return std::string_view(source).starts_with("https://"); }
};

class AcceptedFile;

struct NeedsFingerprint {
    Fingerprints fingerprints;
};

struct FingerprintAnswer {
    bool yes = false;
    std::string how;  // "given on the command line", "no answer": for the record
};

using Verdict = std::variant<AcceptedFile, NeedsFingerprint, Fault>;

// Pure. `answer` is empty at first; when NeedsFingerprint comes back, ask and call again with the answer. Faults:
// malformed, untrusted (no installed root signed it), forbidden (a kind of file that is not understood yet).
Verdict accept(const Candidate& candidate, const TrustStore& trust, const std::optional<FingerprintAnswer>& answer);

// Why files of this section are refused whatever they hold; known before anything is fetched.
std::optional<std::string> reason_never_accepted(std::string_view section);

class AcceptedFile {
public:
    const Candidate& file() const { return file_; }
    const std::string& basis() const { return basis_; }                  // why it was accepted, for the record
    bool is_already_installed() const { return is_already_installed_; }  // a root, byte for byte

private:
    friend Verdict accept(const Candidate&, const TrustStore&, const std::optional<FingerprintAnswer>&);
    AcceptedFile(Candidate file, std::string basis, bool is_already_installed)
        : file_(std::move(file)), basis_(std::move(basis)), is_already_installed_(is_already_installed) {}
    Candidate file_;
    std::string basis_;
    bool is_already_installed_;
};

}  // namespace ringfence::phone
