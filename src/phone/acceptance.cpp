#include "phone/acceptance.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "crypto/pkcs12.h"
#include "crypto/scep_message.h"
#include "phone/device_profile.h"
#include "phone/file_signature.h"
#include "phone/firmware_image.h"
#include "phonefile/security_policy.h"
#include "phonefile/signed_file.h"
#include "phonefile/trust_list.h"

namespace ringfence::phone {

namespace {

// `time` is after it; the clock may be what is wrong.
Fault ended(std::string_view what, WallTime end, const crypto::JudgingTime& time) {
    return {FaultCode::expired,
            fmt::format("{} ended on {}, and it is {} here", what, format_time(end), format_time(*time.at))};
}

using phonefile::Acceptance;

// What the policy's SECURITY_POLICY_PARAM_CHANGE names configuration files.
bool is_configuration(std::string_view section) {
    return section.empty() || section == "DEVICE_CONFIG" || section == "USER_CONFIG";
}

std::optional<Fault> find_fault_in_roots(const RootFile& roots, const crypto::JudgingTime& time) {
    for (const auto& certificate : roots.certificates) {
        const std::string subject = printable(certificate.subject());
        if (!certificate.is_ca())
            return Fault{FaultCode::untrusted,
                         fmt::format("the certificate of {} is not a certificate authority's", subject)};
        if (time.is_after(certificate.not_after()))
            return ended(fmt::format("the root certificate of {}", subject), certificate.not_after(), time);
    }
    return std::nullopt;
}

// Whose list it is, and that nothing older takes the place of what is installed.
std::optional<Fault> find_fault_in_lists(const std::vector<crypto::RevocationList>& lists,
                                         const std::vector<crypto::Certificate>& issuers,
                                         const std::vector<crypto::RevocationList>& installed) {
    for (const auto& list : lists) {
        const bool is_signed =
            std::any_of(issuers.begin(), issuers.end(), [&](const auto& issuer) { return list.is_signed_by(issuer); });
        if (!is_signed)
            return Fault{FaultCode::untrusted,
                         fmt::format("no installed root signed the revocation list of {}", printable(list.issuer()))};
        for (const auto& held : installed)
            if (is_outdated_by(list, held))
                return Fault{
                    FaultCode::untrusted,
                    fmt::format("the revocation list of {} is older than the installed one", printable(list.issuer()))};
    }
    return std::nullopt;
}

std::vector<crypto::Certificate> joined(std::vector<crypto::Certificate> first,
                                        const std::vector<crypto::Certificate>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

}  // namespace

bool needs_vendor(std::string_view section) {
    return section == "FW" || section == "LANGUAGE" || section == "LICENSING";
}

// One call of accept().
class AcceptanceRule {
public:
    AcceptanceRule(const Candidate& candidate, const Circumstances& now, const std::optional<Answer>& answer)
        : candidate_(candidate),
          now_(now),
          answer_(answer),
          file_(phonefile::split_signed(candidate.bytes)),
          accepted_(candidate) {}

    Verdict judge() {
        const std::string_view section = candidate_.section;
        // The same manifest stays in place for the life of a phone, so meeting what is installed again is normal.
        if (is_trust_section(section) && now_.trust.holds_file(section, candidate_.bytes)) {
            accepted_.is_already_installed_ = true;
            return accept_because("the same file is already installed");
        }
        if (section == root_section) return judge_roots();
        if (section == policy_section) return judge_policy();
        if (section == trust_list_section) return judge_trust_list();
        if (section == revocation_section) return judge_revocation_lists();
        if (section == certificate_section) return judge_device_certificate();
        if (needs_vendor(section)) return judge_vendor_file();
        if (is_configuration(section)) return judge_configuration();
        return accept_because("taken as it came");
    }

private:
    bool has_signature() const { return !file_.signature.empty(); }

    Verdict accept_because(std::string basis) {
        accepted_.basis_ = std::move(basis);
        return std::move(accepted_);
    }
    static Verdict refuse(FaultCode code, std::string sentence) { return Fault{code, std::move(sentence)}; }

    Result<SignatureProof> verify(const std::vector<crypto::Certificate>& anchors) const {
        SignatureRule rule;
        rule.anchors = now_.trust.without_revoked(anchors);
        rule.time = now_.time;
        rule.is_revoked = [this](const crypto::Certificate& one) { return now_.trust.is_revoked(one); };
        if (now_.behaviour.is(Switch::file_signatures, "legacy")) rule.strength = crypto::Strength::legacy;
        return verify_signature(file_, rule);
    }

    enum class Ageing { rises_only, any };

    Verdict accept_signed(const std::vector<crypto::Certificate>& anchors, Ageing ageing) {
        auto proof = verify(anchors);
        if (!proof) return std::move(proof.error());
        if (proof->label())
            if (auto fault = find_fault_in_label(*proof->label())) return std::move(*fault);
        const auto& signed_at = proof->signed_at();
        const bool goes_back = now_.latest_signature && (!signed_at || *signed_at < *now_.latest_signature);
        if (goes_back && ageing == Ageing::rises_only)
            return refuse(FaultCode::untrusted, goes_back_sentence(signed_at));
        accepted_.signed_at_ = signed_at;
        accepted_.anchor_ = proof->anchor();
        return accept_because(
            fmt::format("signed by {}, which leads to {}", printable(proof->signer()), printable(proof->anchor())));
    }

    std::optional<Fault> find_fault_in_label(const phonefile::SignatureLabel& label) const {
        if (phonefile::find_signed_kind(candidate_.section) != label.kind)
            return Fault{FaultCode::untrusted,
                         fmt::format("it was signed as a file of another kind ({})", to_string(label.kind))};
        if (label.device && *label.device != now_.mac)
            return Fault{FaultCode::untrusted, "it was signed for another phone: " + label.device->colons()};
        return std::nullopt;
    }

    std::string goes_back_sentence(const std::optional<WallTime>& signed_at) const {
        const std::string latest = format_time(*now_.latest_signature);
        if (!signed_at)
            return fmt::format("its signature tells no time, and what it would replace was signed on {}", latest);
        return fmt::format("it was signed on {}, earlier than what it would replace ({})", format_time(*signed_at),
                           latest);
    }

    Verdict judge_roots() {
        auto roots = read_root_file(file_.content);
        if (!roots) return std::move(roots.error());
        if (auto fault = find_fault_in_roots(*roots, now_.time)) return std::move(*fault);
        const auto issuers = joined(now_.trust.customer_anchors(), roots->certificates);
        if (auto fault = find_fault_in_lists(roots->revocation_lists, issuers, now_.trust.revocation_lists()))
            return std::move(*fault);
        const bool is_installed = std::all_of(roots->certificates.begin(), roots->certificates.end(),
                                              [&](const auto& one) { return now_.trust.holds_root(one); });
        const bool brings_roots = !roots->certificates.empty() && !is_installed;
        if (!brings_roots && !brings_lists(roots->revocation_lists)) return accept_known();
        // Revocation lists prove themselves.
        if (!brings_roots) return accept_because("its certificates are installed, and its issuers signed its lists");
        return now_.trust.has_customer_root() ? judge_later_root(*roots) : judge_first_root();
    }

    // Stored again under every name it would fill the flash.
    Verdict accept_known() {
        accepted_.is_already_installed_ = true;
        return accept_because("what it holds is already installed");
    }

    bool brings_lists(const std::vector<crypto::RevocationList>& lists) const {
        return std::any_of(lists.begin(), lists.end(), [&](const auto& list) { return !now_.trust.holds_list(list); });
    }

    Verdict judge_first_root() {
        if (has_signature() && !now_.trust.vendor_anchors().empty()) {
            auto by_vendor = accept_signed(now_.trust.vendor_anchors(), Ageing::rises_only);
            if (std::holds_alternative<AcceptedFile>(by_vendor)) return by_vendor;
        }
        return judge_fingerprint(now_.trust.policy().customer_certificates, "root file");
    }

    // No set has such roots. The files of a Ringfence server hold the CAs below its root, too.
    bool is_below_token_anchor(const crypto::Certificate& one) const {
        const auto anchors = now_.trust.without_revoked(now_.trust.token_anchors());
        return !now_.trust.is_revoked(one) && std::any_of(anchors.begin(), anchors.end(), [&](const auto& anchor) {
            return crypto::check_issued_by(one, anchor).has_value();
        });
    }

    Verdict judge_later_root(const RootFile& roots) {
        if (has_signature()) return accept_signed(now_.trust.customer_anchors(), Ageing::rises_only);
        const bool are_all_below =
            std::all_of(roots.certificates.begin(), roots.certificates.end(),
                        [&](const auto& one) { return now_.trust.holds_root(one) || is_below_token_anchor(one); });
        if (are_all_below)
            return accept_because("the root that enrolment brought issued every certificate that is new in it");
        if (now_.trust.policy().customer_certificates != Acceptance::no_check)
            return refuse(FaultCode::untrusted,
                          "a root certificate is already installed, and another one is taken only if it is signed by "
                          "one that an installed root stands behind");
        accepted_.is_unchecked_ = true;
        return accept_because("taken without a check, because the security policy says VAL_NO_CHECK");
    }

    // VAL_NO_CHECK does not reach here: the first root needs a person, or the vendor (reference 5.2).
    Verdict judge_fingerprint(Acceptance mode, std::string_view what) {
        const Fingerprints fingerprints = fingerprints_of(candidate_.bytes);
        const bool must_be_typed = mode == Acceptance::manual_b;
        if (!answer_)
            return Question{Question::Kind::fingerprint, candidate_.section, candidate_.name, fingerprints,
                            must_be_typed};
        if (answer_->yes && must_be_typed && !answer_->is_typed_fingerprint)
            return refuse(FaultCode::untrusted,
                          fmt::format("the security policy wants the fingerprint of the {} typed (VAL_MANUAL_B), and "
                                      "got a mere yes",
                                      what));
        const std::string sha1 = in_pairs(fingerprints.sha1);
        if (!answer_->yes)
            return refuse(FaultCode::untrusted, fmt::format("the fingerprint of the {} was not accepted ({}): SHA-1 {}",
                                                            what, answer_->how, sha1));
        return accept_because(fmt::format("its fingerprint was accepted ({}): SHA-1 {}", answer_->how, sha1));
    }

    Verdict judge_policy() {
        auto reading = phonefile::parse_security_policy_as_phone(file_.content);
        if (!reading) return std::move(reading.error());
        if (reading->lines.empty())
            return refuse(FaultCode::malformed, "this is no security policy: it has no line that a phone obeys");
        // A signature says who made a file, not what for: signed settings must not pass for a policy of defaults.
        if (has_signature() && reading->dropped.size() > reading->lines.size())
            return refuse(FaultCode::malformed, "most of its lines are none of a security policy");
        if (now_.trust.has_customer_root()) {
            if (has_signature()) return accept_signed(now_.trust.customer_anchors(), Ageing::rises_only);
            return refuse(FaultCode::untrusted,
                          "a root certificate is installed, so a security policy is taken only if it is signed");
        }
        if (has_signature() && !now_.trust.vendor_anchors().empty())
            return accept_signed(now_.trust.vendor_anchors(), Ageing::rises_only);
        return judge_fingerprint(now_.trust.policy().security_policy, "security policy");
    }

    Verdict judge_trust_list() {
        if (!has_signature())
            return refuse(FaultCode::untrusted, "a certificate trust list must be signed, and this one is not");
        if (candidate_.bytes.size() > phonefile::max_trust_list_size)
            return refuse(FaultCode::too_large,
                          fmt::format("a set takes trust lists of {} bytes at most", phonefile::max_trust_list_size));
        auto list = read_trust_list(file_.content);
        if (!list) return std::move(list.error());
        if (now_.time.is_after(list->not_after)) return ended("the certificate trust list", list->not_after, now_.time);
        if (!now_.trust.has_customer_root())
            return refuse(FaultCode::untrusted, "no root certificate is installed that could stand behind its signer");
        return accept_signed(now_.trust.customer_anchors(), Ageing::rises_only);
    }

    Verdict judge_revocation_lists() {
        auto lists = read_revocation_lists(file_.content);
        if (!lists) return std::move(lists.error());
        if (lists->empty()) return refuse(FaultCode::malformed, "this is no revocation list");
        if (auto fault = find_fault_in_lists(*lists, now_.trust.customer_anchors(), now_.trust.revocation_lists()))
            return std::move(*fault);
        if (!brings_lists(*lists)) return accept_known();
        return accept_because(fmt::format("signed by {}, an installed root", printable(lists->front().issuer())));
    }

    Verdict judge_device_certificate() {
        if (!answer_) return Question{Question::Kind::password, candidate_.section, candidate_.name, {}, false};
        if (!answer_->yes)
            return refuse(FaultCode::unauthenticated, fmt::format("its password was not given ({})", answer_->how));
        auto opened = crypto::parse_pkcs12(candidate_.bytes, answer_->password);
        if (!opened) return std::move(opened.error());
        crypto::ClientIdentity identity{opened->certificate, std::move(opened->chain), std::move(opened->key)};
        if (auto fault = find_fault_in(identity)) return std::move(*fault);
        accepted_.identity_text_ = std::string(format_identity(identity).reveal());
        accepted_.identity_ = std::move(identity);
        return accept_because(fmt::format("opened with its password ({}); its certificate of {} is good", answer_->how,
                                          printable(accepted_.identity_->leaf.subject())));
    }

    std::optional<Fault> find_fault_in(const crypto::ClientIdentity& identity) {
        const auto& policy = now_.trust.policy();
        if (identity.key.kind() != crypto::KeyKind::rsa)
            return Fault{FaultCode::untrusted, "wrong key algorithm: the security policy says KEY_ALG_RSA"};
        if (identity.key.bits() < policy.key_size)
            return Fault{FaultCode::untrusted,
                         fmt::format("weak key: it has {} bits, and the security policy's KEY_SIZE is {}",
                                     identity.key.bits(), policy.key_size)};
        if (now_.time.is_after(identity.leaf.not_after()))
            return ended("the device certificate", identity.leaf.not_after(), now_.time);
        if (now_.trust.is_revoked(identity.leaf))
            return Fault{FaultCode::untrusted, "revoked: the device certificate stands in a revocation list"};
        if (now_.behaviour.is(Switch::certificate_issuer, "any")) return std::nullopt;
        crypto::VerifyPolicy rule;
        rule.purpose = crypto::Purpose::client;
        rule.time = now_.time;
        rule.strength = crypto::Strength::legacy;
        const auto anchors = now_.trust.without_revoked(now_.trust.customer_anchors());
        rule.pinned_legacy_anchors = anchors;
        rule.is_revoked = [this](const crypto::Certificate& one) { return now_.trust.is_revoked(one); };
        auto chain = crypto::verify_chain(identity.leaf, identity.chain, anchors, rule);
        if (!chain) return std::move(chain.error()).within("the device certificate");
        accepted_.anchor_ = chain->anchor().subject();
        return std::nullopt;
    }

    Verdict judge_vendor_file() {
        const bool is_firmware = candidate_.section == "FW";
        if (now_.trust.vendor_anchors().empty()) return accept_because(std::string(unjudged_basis));
        if (!has_signature()) return refuse(FaultCode::untrusted, "authentication failed: the vendor did not sign it");
        auto verdict = accept_signed(now_.trust.vendor_anchors(), Ageing::any);
        if (auto* fault = std::get_if<Fault>(&verdict)) return std::move(*fault).within("authentication failed");
        if (!is_firmware) return verdict;
        if (auto fault = find_fault_in_image()) return std::move(*fault);
        std::get<AcceptedFile>(verdict).is_runnable_ = true;
        return verdict;
    }

    std::optional<Fault> find_fault_in_image() const {
        const auto image = parse_firmware_image(file_.content);
        if (!image) return image.error();
        if (!now_.family.is_load_name(image->load_name, now_.model))
            return Fault{FaultCode::untrusted,
                         fmt::format("the image {} is not for model {}", image->load_name, printable(now_.model))};
        // A genuine older image under a newer version's name would be a way back that AUTO does not see.
        if (now_.family.is_load_name(now_.version, {}) && now_.version != image->load_name)
            return Fault{FaultCode::untrusted, fmt::format("the image is {}, and the manifest announces {}",
                                                           image->load_name, printable(now_.version))};
        return std::nullopt;
    }

    Verdict judge_configuration() {
        const bool must_be_signed = now_.trust.policy().signed_configuration && now_.trust.has_customer_root();
        if (!has_signature()) {
            if (!must_be_signed) return accept_because("taken as it came");
            return refuse(FaultCode::untrusted,
                          "the security policy wants it signed (SECURITY_POLICY_PARAM_CHANGE), "
                          "and it is not");
        }
        if (!now_.trust.has_customer_root())
            return accept_because("taken as it came: no root is installed to judge its signature by");
        return accept_signed(now_.trust.customer_anchors(), Ageing::rises_only);
    }

    const Candidate& candidate_;
    const Circumstances& now_;
    const std::optional<Answer>& answer_;
    phonefile::SignedFile file_;
    AcceptedFile accepted_;
};

Verdict accept(const Candidate& candidate, const Circumstances& now, const std::optional<Answer>& answer) {
    return AcceptanceRule(candidate, now, answer).judge();
}

std::string_view AcceptedFile::content() const { return phonefile::split_signed(file_.bytes).content; }

const std::string& AcceptedFile::stored() const { return identity_ ? identity_text_ : file_.bytes; }

}  // namespace ringfence::phone
