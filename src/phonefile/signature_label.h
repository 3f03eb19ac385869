// What a signature of ours says of its file: what kind of file it is and, where it is for one phone, which. Without it
// a signature says who made a file and not what for, and one phone's signed settings would pass on another.
//
// The words travel inside the signature, as the signed description of its content (crypto/signed_data.h), and not as a
// comment in the file: nothing says that a set takes comments in a trust list, and its file stays byte for byte what
// was signed. A set passes over what it does not know there, as it does over the attributes of the manual's own recipe.
// Pure text in, value out, and back. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/mac_address.h"
#include "base/result.h"

namespace ringfence::phonefile {

// The files that a provider of sets signs; firmware, languages and licences are the vendor's.
enum class SignedKind {
    root,        // [USER_KEYS]
    policy,      // [SEC_POLICY]
    trust_list,  // [CTL]
    settings,    // [DEVICE_CONFIG] and [USER_CONFIG]
    manifest,    // 1230SIP.cfg
};
std::string_view to_string(SignedKind kind);  // "root", "policy", "ctl", "settings", "manifest"
std::optional<SignedKind> parse_signed_kind(std::string_view name);

// Of what a manifest's section names; "" is the manifest itself. Empty: nothing that we sign.
std::optional<SignedKind> find_signed_kind(std::string_view section);

struct SignatureLabel {
    SignedKind kind = SignedKind::settings;
    std::optional<MacAddress> device{};  // empty: any phone

    friend bool operator==(const SignatureLabel&, const SignatureLabel&) = default;
};

// "Ringfence-Signed: kind=settings device=00247F0102AB"
std::string format_signature_label(const SignatureLabel& label);

// Empty for a text that does not begin as ours: another signer's words. Malformed for one that does and says anything
// else than format_signature_label writes: it may be a limit that this phone does not know yet.
Result<std::optional<SignatureLabel>> parse_signature_label(std::string_view text);

}  // namespace ringfence::phonefile
