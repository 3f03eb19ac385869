// One generation of the installation's keys and certificates on disk: a root, the issuing CAs below it and what these
// certify. The first lies in DIR/keys/ and DIR/pki/, the n-th in DIR/keys/n/ and DIR/pki/n/. Which of them counts is
// told by DIR/root.pem alone (load_standing), so that one rename decides. For this room's source files only; one thread
// at a time.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authority/authority.h"

namespace ringfence::authority {

// Everything that the authority keeps: a key and its certificate each.
enum class Part {
    root,
    issuing_rsa,
    issuing_p256,
    issuing_legacy,
    server_rsa,
    server_p256,
    server_legacy,
    registration_rsa,
    registration_legacy,
    ocsp_rsa,
    ocsp_p256,
    ocsp_legacy,
    file_signer
};
inline constexpr std::size_t part_count = 13;

struct PartPlan {
    Part part;
    std::string_view file;  // stem of *.key and *.pem
    crypto::CertificateRole role;
    crypto::KeyType key;
    Part issuer;  // itself: self-signed
    bool legacy_dates;
    int days;  // when the dates are not the legacy ones
    std::string_view name;

    bool is_authority() const {
        return role == crypto::CertificateRole::root || role == crypto::CertificateRole::issuing;
    }
};

// In order of Part; issuers stand before what they sign.
extern const std::array<PartPlan, part_count> plans;

constexpr std::size_t index_of(Part part) { return static_cast<std::size_t>(part); }
inline const PartPlan& plan_of(Part part) { return plans[index_of(part)]; }
Part issuing_part(Issuer issuer);

inline constexpr std::string_view root_path = "root.pem";
inline constexpr std::size_t max_subject_part = 64;  // RFC 5280 appendix A.1

// Begins in 2000 and ends with 2037, as the header of authority.h says.
CertificateLife legacy_life();
// From now on, back-dated, and within the issuer's.
CertificateLife life_from(WallTime now, int days, WallTime issuer_end);
std::string cut_to_subject(const std::string& text);
Status check_names(const ServerNames& names);

// What a certificate of a plan says beyond the plan itself.
struct PartSubject {
    std::string organization;
    std::string suffix;   // tells two authorities' CAs apart: hexadecimal digits
    ServerNames names{};  // of server certificates
};
std::string make_suffix(Random& random);
std::string common_name_of(const PartPlan& plan, std::string_view suffix);

// A root for its own key.
Result<crypto::Certificate> certify_root(const PartSubject& subject, const crypto::PrivateKey& key, Random& random);
// What stands below a root.
Result<crypto::Certificate> certify(const PartPlan& plan, const crypto::PublicKey& key, const PartSubject& subject,
                                    const crypto::Signer& issuer, Random& random, WallTime now);

class Generation {
public:
    // `disk` outlives it.
    Generation(Disk& disk, std::string directory, unsigned number);

    unsigned number() const { return number_; }
    const crypto::Certificate& certificate(Part part) const { return *certificates_[index_of(part)]; }
    bool has_key(Part part) const { return keys_[index_of(part)].has_value(); }
    const crypto::PrivateKey& key(Part part) const;
    crypto::Signer at(Part part) const { return {certificate(part), key(part)}; }
    crypto::TlsIdentity identity(Part server) const;
    ServerNames server_names() const;
    // The CAs that a set must hold, as root.pem has them (authority.h says why these).
    std::vector<crypto::Certificate> root_certificates() const;
    std::string root_bundle() const { return crypto::format_bundle(root_certificates()); }
    registry::CertificateRecord record_of(Part part, const crypto::Certificate& certificate) const;
    registry::CertificateRecord record_of(Part part) const { return record_of(part, certificate(part)); }

    // Whether the root's or anybody's certificate was ever written.
    bool exists() const;
    std::string requests_path() const { return path("pki", "requests.pem"); }
    bool waits_for_root() const { return disk_.exists(requests_path()); }

    // Faults: corrupt (missing, damaged, not fitting each other), unavailable.
    Status load(KeySet wanted);
    // The root's and the issuing CAs' certificates; with their keys, as far as they are here, or without any.
    enum class AuthorityKeys { none, issuing };
    Status load_authorities(AuthorityKeys keys);

    // New keys and certificates of root and issuing CAs.
    Status make_authorities(const std::string& organization, Random& random, WallTime now);
    // The same for a root that is elsewhere: the issuing CAs' keys, and requests.pem behind them.
    Status make_requests(const std::string& organization, Random& random);
    // Root and issuing CAs that answer requests.pem, in the order of the plans, PEM. Faults: not_found (there are no
    // requests), malformed, untrusted (not what was asked for), each with a sentence.
    Status take_certificates(std::string_view bundle);
    // All below the issuing CAs, whose keys are loaded. Faults: also untrusted when a set that holds the root bundle
    // would refuse a server of ours.
    Status make_the_rest(const ServerNames& names, Random& random, WallTime now);
    // A new key and certificate in the place of the present one; one rename decides.
    Status renew(Part part, Random& random, WallTime now);
    Status save_certificate(Part part, const crypto::Certificate& certificate);
    // Removes its files; `requests.pem` first.
    Status discard();

private:
    std::string path(std::string_view folder, std::string_view name) const;
    std::string key_path(Part part) const;
    std::string next_key_path(Part part) const;
    std::string certificate_path(Part part) const;
    Status make_folders();
    Status make_part(const PartPlan& plan, const PartSubject& subject, Random& random, WallTime now);
    Status keep(Part part, const crypto::PrivateKey& key, const crypto::Certificate& certificate);
    Status load_certificate(Part part);
    Status load_key(Part part);
    Result<crypto::PrivateKey> read_key(const std::string& path);
    std::string suffix() const;
    Status check_servers(WallTime now) const;

    Disk& disk_;
    std::string directory_;
    unsigned number_;
    std::array<std::optional<crypto::Certificate>, part_count> certificates_;
    std::array<std::optional<crypto::PrivateKey>, part_count> keys_;
};

// What DIR/root.pem says: the generation whose CAs it begins with is the present one; a signature of the one before may
// stand behind them, and before that the CAs of the next one, once it is announced.
struct Standing {
    std::vector<Generation> former;  // oldest first: their CA certificates
    Generation present;
    std::optional<Generation> announced;  // its CA certificates
    std::string root_file;                // the bytes of root.pem
};

// Faults: not_found (no authority, or one that waits for its root), corrupt.
Result<Standing> load_standing(Disk& disk, const std::string& directory, KeySet wanted);

Status record_once(registry::Registry& registry, const registry::CertificateRecord& record);

}  // namespace ringfence::authority
