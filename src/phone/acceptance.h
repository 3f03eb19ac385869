// The acceptance rule: may this fetched file be installed? An AcceptedFile can be made only by accept(), and the flash
// takes nothing else, so a file cannot be installed unchecked (reference 5.1 to 5.6).
//
//   USER_KEYS   CA certificates and revocation lists in PEM, one decision for the whole file. The first: signed below a
//               vendor root, or by its fingerprint. The same bytes again: fine. Later ones: signed below an installed
//               customer root; unsigned where the policy says VAL_NO_CHECK, which is reported, or where a root that
//               came by EST or CMP issued all that is new.
//   SEC_POLICY  before the first customer root by its fingerprint or the vendor's signature, then signed.
//   CTL         signed below a customer root, always; not ended; 10 certificates and 20 kB at most.
//   CRL         signed by an installed customer root, as every revocation list is; not older than the installed one.
//   DEV_CERT    opened by its password; key size and algorithm by policy; not revoked, not ended; its issuer trusted.
//   FW, LANGUAGE, LICENSING   signed below a vendor root. A phone that was given no vendor root cannot judge them: they
//               are kept as bytes and never run. Firmware must be an image for this model besides.
//   DEVICE_CONFIG, USER_CONFIG, the manifest   signed where the policy says so and a customer root is installed. A
//               signature that is there and false is refused in any case.
//   everything else   taken as it came.
//
// Where a signature says for what kind of file or for which phone it was made (phonefile/signature_label.h), another
// kind and another phone's file is refused, whatever the policy says of unsigned ones: VAL_NO_CHECK takes a root
// without a signature, and none against the word of its signer. Where it says nothing, as foreign signers do, it goes
// unlooked at.
//
// What is signed and was replaced by something signed later does not come back (DEVICE_CONFIG and USER_CONFIG included;
// FW not: DOWNLOAD_MODE FORCED is the documented way down).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/mac_address.h"
#include "base/result.h"
#include "crypto/tls_client.h"
#include "family/family.h"
#include "phone/behaviour.h"
#include "phone/fingerprint.h"
#include "phone/trust_store.h"

namespace ringfence::phone {

struct Candidate {
    std::string section;  // "USER_KEYS" ...; empty for the manifest
    std::string name;     // as the manifest names it, '*' expanded
    std::string source;   // URL without login
    std::string bytes;

    bool came_by_https() const { return std::string_view(source).starts_with("https://"); }
};

struct Question {
    enum class Kind {
        fingerprint,  // is this the right root or policy?
        consent,      // PROMPT YES: may this file be fetched?
        password,     // of a PKCS#12 device certificate
    };
    Kind kind = Kind::fingerprint;
    std::string section;
    std::string file;
    Fingerprints fingerprints;   // for Kind::fingerprint
    bool must_be_typed = false;  // Manual B: a mere yes does not do
};

struct Answer {
    bool yes = false;
    std::string how;                    // "given on the command line", "no answer": for the record
    bool is_typed_fingerprint = false;  // yes, because the expected fingerprint was given and is this one
    Secret password{};                  // for Kind::password
};

// What the rule looks at beside the file. References outlive the call.
struct Circumstances {
    const TrustStore& trust;
    const Behaviour& behaviour;
    const family::Family& family;
    crypto::JudgingTime time;
    MacAddress mac;  // of this phone
    std::string_view model;
    std::string_view version;                  // of the section, as the manifest offers it
    std::optional<WallTime> latest_signature;  // of what it would replace; empty: nothing signed
};

class AcceptedFile;
using Verdict = std::variant<AcceptedFile, Question, Fault>;

// FW, LANGUAGE, LICENSING: what the vendor signs.
bool needs_vendor(std::string_view section);
// The basis of such a file where no vendor root is known.
inline constexpr std::string_view unjudged_basis =
    "taken unjudged: this phone was given no vendor root to judge its signature by";

// Pure. `answer` is empty at first; when a Question comes back, ask and call again with the answer. Faults: malformed,
// untrusted, expired, too_large, conflict, unauthenticated (a wrong password).
Verdict accept(const Candidate& candidate, const Circumstances& now, const std::optional<Answer>& answer);

class AcceptedFile {
public:
    const Candidate& file() const { return file_; }
    std::string_view content() const;                      // the bytes without a signature
    const std::string& stored() const;                     // what the flash keeps: the bytes, or key and certificates
    const std::string& basis() const { return basis_; }    // why it was accepted, for the record
    const std::string& anchor() const { return anchor_; }  // subject of the root that decided; empty: none did
    bool is_already_installed() const { return is_already_installed_; }  // of trust: it brings nothing new
    bool is_unchecked() const { return is_unchecked_; }                  // a root that VAL_NO_CHECK let in
    bool is_runnable() const { return is_runnable_; }  // firmware that the vendor signed, for this set
    const std::optional<WallTime>& signed_at() const { return signed_at_; }
    const std::optional<crypto::ClientIdentity>& identity() const { return identity_; }  // of DEV_CERT

private:
    friend class AcceptanceRule;
    explicit AcceptedFile(Candidate file) : file_(std::move(file)) {}
    Candidate file_;
    std::string basis_;
    std::string anchor_;
    std::string identity_text_;
    bool is_already_installed_ = false;
    bool is_unchecked_ = false;
    bool is_runnable_ = false;
    std::optional<WallTime> signed_at_;
    std::optional<crypto::ClientIdentity> identity_;
};

}  // namespace ringfence::phone
