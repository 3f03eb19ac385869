#include "app/server/file_signing.h"

#include <fmt/format.h>

#include "base/text.h"
#include "crypto/certificate.h"
#include "crypto/revocation_list.h"
#include "crypto/signed_data.h"
#include "phonefile/manifest.h"
#include "phonefile/security_policy.h"
#include "phonefile/settings_file.h"
#include "phonefile/signed_file.h"
#include "phonefile/trust_list.h"

namespace ringfence::app {

namespace {

using phonefile::SignedKind;

// Drops the value of a reading that was made only to see whether it can be made.
template <typename T>
Status status_of(const Result<T>& reading) {
    if (!reading) return fail(reading.error());
    return {};
}

// A set wants the blocks of a root file one behind another, parted by one blank line (reference 5.2), and nothing else.
Status check_blocks(std::string_view content) {
    content.remove_suffix(1);  // the last line's end, which check_content has seen
    bool is_inside = false;
    bool is_first = true;
    std::size_t blank_lines = 0;
    std::size_t number = 0;
    for (const auto raw : split(content, '\n')) {
        ++number;
        const auto line = trim(raw);
        if (is_inside) {
            is_inside = !line.starts_with("-----END ");
            continue;
        }
        if (line.empty()) {
            ++blank_lines;
            continue;
        }
        is_inside = line.starts_with("-----BEGIN ");
        if (!is_inside || blank_lines != (is_first ? 0U : 1U))
            return fail(
                FaultCode::malformed,
                fmt::format("line {}: a root file holds PEM blocks, one blank line between two, and nothing else",
                            number));
        is_first = false;
        blank_lines = 0;
    }
    if (blank_lines == 0) return {};
    return fail(FaultCode::malformed, "a root file ends with its last PEM block, without a blank line behind it");
}

Status check_authority(const crypto::Certificate& certificate, WallTime now) {
    const std::string subject = printable(certificate.subject());
    if (!certificate.is_ca())
        return fail(FaultCode::untrusted,
                    fmt::format("the certificate of {} is not a certificate authority's", subject));
    if (certificate.not_after() <= now)
        return fail(FaultCode::expired,
                    fmt::format("the certificate of {} ended on {}", subject, format_time(certificate.not_after())));
    return {};
}

Status check_roots(std::string_view content, const family::Limits& limits, WallTime now) {
    const auto certificates = crypto::Certificate::parse_bundle(content);
    if (!certificates) return fail(certificates.error());
    const auto lists = crypto::RevocationList::parse_bundle(content, limits.revocation_entries);
    if (!lists) return fail(lists.error());
    for (const auto& certificate : *certificates)
        if (auto good = check_authority(certificate, now); !good) return good;
    return check_blocks(content);
}

Status check_trust_list(std::string_view content, WallTime now) {
    const auto list = phonefile::parse_trust_list_strict(content);
    if (!list) return fail(list.error());
    if (list->not_after <= now)
        return fail(FaultCode::expired, "the trust list ended on " + format_time(list->not_after));
    for (const auto& pem : list->certificates)
        if (const auto certificate = crypto::Certificate::parse_pem(pem); !certificate)
            return fail(certificate.error().within("a certificate of the trust list"));
    return {};
}

}  // namespace

Result<phonefile::SignatureLabel> find_label(const family::Family& family, const registry::FileRecord& file) {
    const auto asked = family.recognise(file.path);
    if (asked && asked->role == family::Role::device_settings)
        return phonefile::SignatureLabel{SignedKind::settings, asked->mac};
    if (asked) return phonefile::SignatureLabel{SignedKind::manifest};
    if (!file.section.empty())
        if (const auto kind = phonefile::find_signed_kind(file.section)) return phonefile::SignatureLabel{*kind};
    return fail(FaultCode::forbidden,
                "sets look for our signature on manifests, settings, [USER_KEYS], [SEC_POLICY] and [CTL] only");
}

bool needs_signature(SignedKind kind) {
    return kind == SignedKind::root || kind == SignedKind::policy || kind == SignedKind::trust_list;
}

Status check_content(SignedKind kind, std::string_view content, const family::Limits& limits, WallTime now) {
    // The signature must begin a line, and nothing may stand before it that was not signed.
    if (!content.ends_with('\n')) return fail(FaultCode::malformed, "its last line has no line end");
    switch (kind) {
        case SignedKind::root: return check_roots(content, limits, now);
        case SignedKind::policy: return status_of(phonefile::parse_security_policy_strict(content));
        case SignedKind::trust_list: return check_trust_list(content, now);
        case SignedKind::settings: return status_of(phonefile::parse_settings_strict(content));
        case SignedKind::manifest: return status_of(phonefile::parse_manifest_strict(content));
    }
    RINGFENCE_ASSERT(false);
}

Result<std::string> FileSigner::sign(const phonefile::SignatureLabel& label, std::string_view content) const {
    if (!phonefile::split_signed(content).signature.empty()) return fail(FaultCode::conflict, "it is signed already");
    const WallTime now = clock_.wall_now();
    if (const auto good = check_content(label.kind, content, limits_, now); !good) return fail(good.error());
    const auto signer = authority_.file_signer();
    if (signer.certificate.not_after() <= now)
        return fail(FaultCode::expired,
                    "the file signer's certificate ended on " + format_time(signer.certificate.not_after()));
    const auto signature = crypto::sign_detached({content, phonefile::format_signature_label(label)}, signer,
                                                 authority_.file_signer_chain(), now);
    if (!signature) return fail(signature.error());
    auto bytes = phonefile::format_signed({content, *signature});
    if (bytes && label.kind == SignedKind::trust_list && bytes->size() > limits_.trust_list_bytes)
        return fail(FaultCode::too_large,
                    fmt::format("with its signature it has {} bytes, and sets take trust lists of "
                                "{} bytes at most",
                                bytes->size(), limits_.trust_list_bytes));
    return bytes;
}

}  // namespace ringfence::app
