// What the phone believes: vendor and customer anchors apart, revocation lists, the trust list and the security policy,
// as they stand in the flash (reference 5.1 to 5.6). A value: load it anew after something was installed.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/revocation_list.h"
#include "crypto/tls_client.h"
#include "phone/behaviour.h"
#include "phonefile/security_policy.h"

namespace ringfence::phone {

class Flash;

// The sections of the flash that trust is made of.
inline constexpr std::string_view root_section = "USER_KEYS";
inline constexpr std::string_view policy_section = "SEC_POLICY";
inline constexpr std::string_view trust_list_section = "CTL";
inline constexpr std::string_view revocation_section = "CRL";
inline constexpr std::string_view certificate_section = "DEV_CERT";
// No sections of a manifest: the authorities that an enrolment brought, by SCEP as sets do, or by EST or CMP.
inline constexpr std::string_view scep_section = "SCEP";
inline constexpr std::string_view token_section = "TOKEN";

bool is_trust_section(std::string_view section);

// A certificate trust list with its certificates read.
struct TrustList {
    WallTime not_before{};
    WallTime not_after{};
    std::vector<crypto::Certificate> certificates;
};

// Faults: malformed (dates or certificates that cannot be read), too_large.
Result<TrustList> read_trust_list(std::string_view content);

// The content of a file of roots or of revocation lists.
struct RootFile {
    std::vector<crypto::Certificate> certificates;
    std::vector<crypto::RevocationList> revocation_lists;
};

// Faults: malformed, too_large.
Result<RootFile> read_root_file(std::string_view content);
// PEM, several perhaps, or one in DER; at most as many entries as a set keeps.
Result<std::vector<crypto::RevocationList>> read_revocation_lists(std::string_view content);
// By section: what stands in revocation_section holds lists alone.
Result<RootFile> read_roots_and_lists(std::string_view section, std::string_view content);

// Of the same issuer, and made earlier.
bool is_outdated_by(const crypto::RevocationList& list, const crypto::RevocationList& other);

class TrustStore {
public:
    TrustStore() = default;  // a phone fresh from the factory, without vendor roots
    explicit TrustStore(std::vector<crypto::Certificate> vendor_anchors) : vendor_(std::move(vendor_anchors)) {}
    // Reads what is installed. corrupt when a file is not what was installed.
    static Result<TrustStore> load(Flash& flash, std::vector<crypto::Certificate> vendor_anchors);

    bool has_customer_root() const { return !customer_.empty(); }
    const std::vector<crypto::Certificate>& vendor_anchors() const { return vendor_; }
    const std::vector<crypto::Certificate>& customer_anchors() const { return customer_; }
    // Of these, those that came by EST or CMP.
    const std::vector<crypto::Certificate>& token_anchors() const { return token_; }
    const phonefile::SecurityPolicy& policy() const { return policy_; }
    const std::optional<TrustList>& trust_list() const { return trust_list_; }
    const std::vector<crypto::RevocationList>& revocation_lists() const { return revocation_lists_; }

    // Byte for byte, in a section that is not empty.
    bool holds_file(std::string_view section, std::string_view bytes) const;
    bool holds_root(const crypto::Certificate& certificate) const;
    bool holds_list(const crypto::RevocationList& list) const;  // that one, or a later one of its issuer
    // By a list whose issuer is an installed customer root and signed it.
    bool is_revoked(const crypto::Certificate& certificate) const;
    // Those of `anchors` that no list revokes: what is verified leads to these only.
    std::vector<crypto::Certificate> without_revoked(std::vector<crypto::Certificate> anchors) const;
    // The trust list, while it counts. Once it has ended the classic check holds again (reference 5.6).
    const TrustList* trust_list_at(const crypto::JudgingTime& time, const Behaviour& behaviour) const;

    // For the TLS connections of a boot. Holds its own copy of all it needs.
    std::shared_ptr<const crypto::ServerTrust> server_trust(const crypto::JudgingTime& time,
                                                            const Behaviour& behaviour) const;

    // The content of one installed file. Faults as of the readers above.
    Status add_file(std::string_view section, std::string bytes);

private:
    Status add_content(std::string_view section, std::string_view content);
    void add_revocation_list(crypto::RevocationList list);

    std::vector<crypto::Certificate> vendor_;
    std::vector<crypto::Certificate> customer_;
    std::vector<crypto::Certificate> token_;
    std::vector<crypto::RevocationList> revocation_lists_;
    phonefile::SecurityPolicy policy_;
    std::optional<TrustList> trust_list_;
    std::map<std::string, std::set<std::string, std::less<>>, std::less<>> files_;  // whole, by section
};

}  // namespace ringfence::phone
