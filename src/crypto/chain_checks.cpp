#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "crypto/chain.h"
#include "crypto/openssl.h"

namespace ringfence::crypto {

namespace {

constexpr unsigned min_legacy_rsa_bits = 1024;
constexpr unsigned min_modern_ec_bits = 256;
constexpr unsigned min_legacy_ec_bits = 224;
constexpr int max_serial_octets = 20;  // RFC 5280 section 4.1.2.2

using UsagesOwner = Owner<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>;
using ConstraintsOwner = Owner<NAME_CONSTRAINTS, NAME_CONSTRAINTS_free>;

bool is_modern(const Place& place) { return place.policy.strength == Strength::modern; }

bool has_extension(const Certificate& certificate, int nid) {
    return X509_get_ext_by_NID(certificate.native(), nid, -1) >= 0;
}

Refusal ill_formed(const Place& place, std::string_view how) {
    return broken(X509_V_ERR_INVALID_EXTENSION, place, how);
}

// ---- every certificate

Check check_key(const Place& place) {
    const unsigned bits = place.certificate.key_bits();
    const bool modern = is_modern(place);
    bool good = false;
    switch (place.certificate.key_kind()) {
        case KeyKind::rsa:
            good = bits >= std::max(min_legacy_rsa_bits, place.policy.min_rsa_bits) && (!modern || bits % 8 == 0);
            break;
        case KeyKind::ec: good = bits >= (modern ? min_modern_ec_bits : min_legacy_ec_bits); break;
        case KeyKind::other: break;  // DSA among them
    }
    if (!good) return weak_key(place);
    return {};
}

// A root that names another key than its own as its issuer's is put together wrongly. One that was signed by the CA's
// older key (RFC 4210 section 4.4) rightly names that key.
Check check_key_identifiers(const Place& place) {
    X509* native = place.certificate.native();
    const ASN1_OCTET_STRING* own = X509_get0_subject_key_id(native);
    const ASN1_OCTET_STRING* issuers = X509_get0_authority_key_id(native);
    if (!place.certificate.is_self_issued() || own == nullptr || issuers == nullptr) return {};
    if (ASN1_OCTET_STRING_cmp(own, issuers) == 0) return {};
    EVP_PKEY* key = X509_get0_pubkey(native);
    const bool signed_itself = key != nullptr && X509_verify(native, key) == 1;
    ERR_clear_error();
    if (!signed_itself) return {};
    return ill_formed(place, "signed itself, but its key identifiers name two keys");
}

// ---- every certificate below the anchor

// Security level 0, which the legacy lane runs at, accepts every hash: this is the floor under it.
Check check_signature_hash(const Place& place, const Certificate& anchor) {
    int hash = NID_undef;
    if (X509_get_signature_info(place.certificate.native(), &hash, nullptr, nullptr, nullptr) != 1) {
        return weak_signature(place);
    }
    const auto& pinned = place.policy.pinned_legacy_anchors;
    switch (hash) {
        case NID_sha1:
            if (!is_modern(place) && std::find(pinned.begin(), pinned.end(), anchor) != pinned.end()) return {};
            return weak_signature(place);
        case NID_sha224:
        case NID_sha256:
        case NID_sha384:
        case NID_sha512: return {};
        default: return weak_signature(place);
    }
}

bool has_serial_of_rfc5280(const Certificate& certificate) {
    const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate.native());
    if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER) return false;
    const unsigned char* octets = ASN1_STRING_get0_data(serial);
    const int size = ASN1_STRING_length(serial);
    return size <= max_serial_octets &&
           std::any_of(octets, octets + size, [](unsigned char octet) { return octet != 0; });
}

bool has_uncritical_name_constraints(const Certificate& certificate) {
    const int index = X509_get_ext_by_NID(certificate.native(), NID_name_constraints, -1);
    return index >= 0 && X509_EXTENSION_get_critical(X509_get_ext(certificate.native(), index)) == 0;
}

// What vouches for a certificate below the anchor; an anchor's or a listed leaf's own words prove nothing, and small
// companies' CAs get them wrong.
Check check_form(const Place& place) {
    if (!is_modern(place)) return {};
    if (!has_serial_of_rfc5280(place.certificate)) {
        return ill_formed(place, "has a serial number that is zero, negative or too long");
    }
    if (has_uncritical_name_constraints(place.certificate)) {
        return ill_formed(place, "has name constraints that others may pass over, since they are not marked critical");
    }
    return {};
}

// OpenSSL has judged the CA for emailProtection; one that is limited to that may not make code signers either.
Check check_ca_of_file_signer(const Place& place) {
    if (place.depth == 0 || place.policy.purpose != Purpose::file_signer) return {};
    const auto usages = X509_get_extended_key_usage(place.certificate.native());
    if ((usages & (XKU_CODE_SIGN | XKU_ANYEKU)) == 0) return wrong_purpose(place);
    return {};
}

Check check_below_anchor(const Place& place, const Certificate& anchor) {
    if (auto checked = check_signature_hash(place, anchor); !checked) return checked;
    if (auto checked = check_form(place); !checked) return checked;
    return check_ca_of_file_signer(place);
}

// ---- revocation

Check check_list(const Place& place, const RevocationList& list) {
    const auto refuse_for = [&](std::string_view what, std::string_view how) {
        return distrust(
            X509_V_ERR_UNABLE_TO_GET_CRL, place,
            fmt::format("{}: that of {}, which speaks for {}, {}", what, quoted(list.issuer()), describe(place), how));
    };
    if (!list.number()) return refuse_for("broken revocation list", "bears no number");
    if (!list.next_update()) return refuse_for("broken revocation list", "does not say how long it holds");
    if (!list.has_strong_hash(place.policy.strength)) {
        return refuse_for("broken revocation list", "is signed with a hash that is too old");
    }
    return {};
}

// What RFC 5280 sections 5.1.2.5 and 5.2.3 want of every list; OpenSSL has judged the rest.
Check check_revocation(const Place& place) {
    const VerifyPolicy& policy = place.policy;
    if (policy.is_revoked && policy.is_revoked(place.certificate)) return revoked(place);
    if (!policy.revocation_lists) return {};
    const std::string issuer = place.certificate.issuer();
    for (const RevocationList& list : *policy.revocation_lists) {
        if (list.issuer() != issuer) continue;
        if (auto checked = check_list(place, list); !checked) return checked;
    }
    return {};
}

// ---- the leaf

// What reference 5.6 asks of a signer beyond S/MIME's own rules.
Check check_file_signer(const Place& leaf) {
    X509* native = leaf.certificate.native();
    const auto refuse_for = [&](std::string_view why) {
        return distrust(X509_V_ERR_INVALID_PURPOSE, leaf, fmt::format("wrong purpose: {} {}", describe(leaf), why));
    };
    if (leaf.certificate.is_self_issued()) return refuse_for("is signed by itself, which a file signer's must not be");
    if (X509_get_version(native) != X509_VERSION_3) return refuse_for("is not of version 3");
    constexpr unsigned usages = XKU_CODE_SIGN | XKU_SMIME;
    const bool for_files =
        has_extension(leaf.certificate, NID_key_usage) && (X509_get_key_usage(native) & KU_DIGITAL_SIGNATURE) != 0 &&
        has_extension(leaf.certificate, NID_ext_key_usage) && (X509_get_extended_key_usage(native) & usages) == usages;
    if (!for_files) return wrong_purpose(leaf);
    if (!has_extension(leaf.certificate, NID_subject_key_identifier)) {
        return refuse_for("lacks the subject key identifier");
    }
    if (!has_extension(leaf.certificate, NID_authority_key_identifier)) {
        return refuse_for("lacks the authority key identifier");
    }
    return {};
}

// `usages`: null: the certificate has none.
bool says_registration(const EXTENDED_KEY_USAGE* usages) {
    for (int i = 0; i < sk_ASN1_OBJECT_num(usages); ++i)
        if (OBJ_obj2nid(sk_ASN1_OBJECT_value(usages, i)) == NID_cmcRA) return true;
    return false;
}

// For the purposes that must be said outright.
bool says_purpose(const Place& leaf, const EXTENDED_KEY_USAGE* usages) {
    if (leaf.policy.purpose == Purpose::registration) return says_registration(usages);
    if (leaf.policy.purpose != Purpose::client) return true;
    return usages != nullptr && (X509_get_extended_key_usage(leaf.certificate.native()) & XKU_SSL_CLIENT) != 0;
}

// An extended key usage that is there and empty permits nothing.
Check check_extended_usage(const Place& leaf) {
    const UsagesOwner usages(static_cast<EXTENDED_KEY_USAGE*>(
        X509_get_ext_d2i(leaf.certificate.native(), NID_ext_key_usage, nullptr, nullptr)));
    ERR_clear_error();
    const bool is_empty = usages != nullptr && sk_ASN1_OBJECT_num(usages.get()) == 0;
    if (is_empty || !says_purpose(leaf, usages.get())) return wrong_purpose(leaf);
    return {};
}

// RFC 5280 section 4.2.1.6 wants host names. An underscore inside a name is common; one in front marks a service.
Check check_dns_names(const Place& leaf) {
    if (!is_modern(leaf)) return {};
    for (const std::string& name : leaf.certificate.dns_names()) {
        if (!name.starts_with('.') && !name.starts_with('_')) continue;
        return ill_formed(leaf, fmt::format("has the DNS name {}, which no host can have", quoted(name)));
    }
    return {};
}

Check check_leaf(const Place& leaf) {
    if (leaf.policy.purpose == Purpose::file_signer) {
        if (auto checked = check_file_signer(leaf); !checked) return checked;
    }
    if (leaf.certificate.is_ca()) {
        return distrust(X509_V_ERR_INVALID_PURPOSE, leaf,
                        fmt::format("wrong purpose: {} is a CA's, which a {} must not use as its own", describe(leaf),
                                    peer_name(leaf.policy.purpose)));
    }
    if (auto checked = check_extended_usage(leaf); !checked) return checked;
    if (has_extension(leaf.certificate, NID_name_constraints)) {
        return ill_formed(leaf, "has name constraints, which are for CAs");
    }
    return check_dns_names(leaf);
}

// ---- the whole path

std::vector<std::string> excluded_dns_names(const Certificate& ca) {
    const ConstraintsOwner constraints(
        static_cast<NAME_CONSTRAINTS*>(X509_get_ext_d2i(ca.native(), NID_name_constraints, nullptr, nullptr)));
    ERR_clear_error();
    std::vector<std::string> names;
    if (constraints == nullptr) return names;
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(constraints->excludedSubtrees); ++i) {
        const GENERAL_NAME* base = sk_GENERAL_SUBTREE_value(constraints->excludedSubtrees, i)->base;
        if (base->type != GEN_DNS) continue;
        names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(base->d.dNSName)),
                           static_cast<std::size_t>(ASN1_STRING_length(base->d.dNSName)));
    }
    return names;
}

// "*.lab" is no name below "secret.lab", and yet stands for it.
bool wildcard_reaches(std::string_view name, const std::string& excluded) {
    const std::size_t dot = excluded.find('.');
    return name.starts_with("*.") && dot != excluded.npos &&
           equals_ignoring_case(name.substr(1), std::string_view(excluded).substr(dot));
}

// CVE-2025-61727: names that a CA on the path excludes stay excluded behind a wildcard.
Check check_wildcards(const std::vector<Certificate>& path, const VerifyPolicy& policy) {
    const std::vector<std::string> names = path.front().dns_names();
    for (std::size_t i = 1; i < path.size(); ++i) {
        for (const std::string& excluded : excluded_dns_names(path[i])) {
            const auto reaching = std::find_if(names.begin(), names.end(), [&excluded](const std::string& name) {
                return wildcard_reaches(name, excluded);
            });
            if (reaching == names.end()) continue;
            return ill_formed(Place{path.front(), 0, policy},
                              fmt::format("has the DNS name {}, and its CA {} excludes {}", quoted(*reaching),
                                          quoted(path[i].subject()), quoted(excluded)));
        }
    }
    return {};
}

Check check_places(const std::vector<Certificate>& path, const VerifyPolicy& policy) {
    for (std::size_t i = 0; i < path.size(); ++i) {
        const Place place{path[i], i, policy};
        const bool is_top = i + 1 == path.size();
        if (auto checked = check_key(place); !checked) return checked;
        if (auto checked = check_key_identifiers(place); !checked) return checked;
        if (!is_top) {
            if (auto checked = check_below_anchor(place, path.back()); !checked) return checked;
        }
        const bool is_anchor = is_top && !policy.only_leaves;
        if (!is_anchor) {
            if (auto checked = check_revocation(place); !checked) return checked;
        }
    }
    return {};
}

bool is_among(const std::vector<Certificate>& certificates, const Certificate& certificate) {
    return std::find(certificates.begin(), certificates.end(), certificate) != certificates.end();
}

Check check_held(const std::vector<Certificate>& sent, const std::vector<Certificate>& anchors,
                 const VerifyPolicy& policy) {
    if (!policy.sent_chain_must_be_held || policy.only_leaves) return {};
    const auto strange = std::find_if(sent.begin(), sent.end(), [&anchors](const Certificate& certificate) {
        return certificate.is_ca() && !is_among(anchors, certificate);
    });
    if (strange == sent.end()) return {};
    return Refusal(ChainRefusal{
        .fault = Fault{FaultCode::untrusted, fmt::format("not held: the {} sent the CA certificate {}, which is not "
                                                         "installed here",
                                                         peer_name(policy.purpose), quoted(strange->subject()))},
        .x509_error = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        .at_fault = *strange});
}

// ---- the name

std::string names_of(const Certificate& leaf) {
    constexpr std::size_t max_shown = 8;
    std::vector<std::string> names = leaf.dns_names();
    for (const IpAddress& address : leaf.addresses()) names.push_back(address.to_string());
    if (names.empty()) return "no name at all";
    std::string text;
    for (std::size_t i = 0; i < names.size() && i < max_shown; ++i) {
        text += (i == 0 ? "" : ", ") + printable(names[i], 64);
    }
    return names.size() > max_shown ? text + " and more" : text;
}

// RFC 9525: the name as given must stand in the subjectAltName; the common name never counts.
Check check_host(const Place& leaf) {
    std::string_view host = leaf.policy.host;
    if (host.empty()) return {};
    constexpr unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
    X509* native = leaf.certificate.native();
    const auto address = IpAddress::parse(host);
    bool matches = false;
    if (address) {
        const std::string bytes = address->bytes();
        matches = X509_check_ip(native, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), 0) == 1;
    } else if (host.front() != '.') {  // OpenSSL would take it for "any name below"
        if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
        matches = X509_check_host(native, host.data(), host.size(), flags, nullptr) == 1;
    }
    ERR_clear_error();
    if (matches) return {};
    const int error = address ? X509_V_ERR_IP_ADDRESS_MISMATCH : X509_V_ERR_HOSTNAME_MISMATCH;
    const bool in_common_name = equals_ignoring_case(leaf.certificate.common_name(), host);
    return distrust(error, leaf,
                    fmt::format("wrong name: the server's certificate does not name {} ({}); its alternative "
                                "names: {}",
                                quoted(host),
                                in_common_name ? "it stands only in the common name, which does not count"
                                               : "neither as a DNS name nor as an address",
                                names_of(leaf.certificate)));
}

}  // namespace

Check check_beyond_openssl(const std::vector<Certificate>& path, const std::vector<Certificate>& sent,
                           const std::vector<Certificate>& anchors, const VerifyPolicy& policy) {
    const Place leaf{path.front(), 0, policy};
    if (auto checked = check_held(sent, anchors, policy); !checked) return checked;
    if (auto checked = check_leaf(leaf); !checked) return checked;
    if (auto checked = check_places(path, policy); !checked) return checked;
    if (auto checked = check_wildcards(path, policy); !checked) return checked;
    return check_host(leaf);
}

}  // namespace ringfence::crypto
