#include "phone/acceptance.h"

#include <fmt/format.h>

#include "base/text.h"
#include "crypto/certificate.h"

namespace ringfence::phone {

namespace {

std::optional<Fault> find_fault_in_roots(std::string_view bytes) {
    const auto certificates = crypto::Certificate::parse_bundle(bytes);
    if (!certificates) return certificates.error().within("this is no file of root certificates");
    for (const auto& certificate : *certificates)
        if (!certificate.is_ca())
            return Fault{FaultCode::untrusted, fmt::format("the certificate of {} is not a certificate authority's",
                                                           printable(certificate.subject()))};
    return std::nullopt;
}

std::string basis_of_unsigned(std::string_view section) {
    const bool is_vendors = section == "FW" || section == "LANGUAGE" || section == "LICENSING";
    return is_vendors ? "the vendor's signature was not judged" : "taken as it came";
}

}  // namespace

std::optional<std::string> reason_never_accepted(std::string_view section) {
    if (section == "SEC_POLICY")
        return "security policies are not understood yet, and keeping one unobeyed would mislead";
    if (section == "CTL") return "a certificate trust list must be signed, and signed files are not understood yet";
    if (section == "CRL") return "revocation lists are not understood yet, and keeping one unobeyed would mislead";
    if (section == "DEV_CERT")
        return "a PKCS#12 device certificate needs its password typed on the set; load certificate and key from files";
    return std::nullopt;
}

Verdict accept(const Candidate& candidate, const TrustStore& trust, const std::optional<FingerprintAnswer>& answer) {
    if (auto reason = reason_never_accepted(candidate.section)) return Fault{FaultCode::forbidden, std::move(*reason)};
    if (candidate.section != root_section) return AcceptedFile(candidate, basis_of_unsigned(candidate.section), false);

    // The same manifest stays in place for the life of a phone, so meeting the installed root again is normal.
    if (trust.holds_file(candidate.bytes)) return AcceptedFile(candidate, "the same file is already installed", true);
    if (!trust.empty())
        return Fault{FaultCode::untrusted,
                     "a root certificate is already installed, and this other one is not signed in a way that this "
                     "phone understands"};
    if (auto fault = find_fault_in_roots(candidate.bytes)) return std::move(*fault);

    const Fingerprints fingerprints = fingerprints_of(candidate.bytes);
    if (!answer) return NeedsFingerprint{fingerprints};
    if (!answer->yes)
        return Fault{FaultCode::untrusted,
                     fmt::format("the fingerprint of the root file was not accepted ({}): SHA-1 {}", answer->how,
                                 in_pairs(fingerprints.sha1))};
    return AcceptedFile(
        candidate, fmt::format("its fingerprint was accepted ({}): SHA-1 {}", answer->how, in_pairs(fingerprints.sha1)),
        false);
}

}  // namespace ringfence::phone
