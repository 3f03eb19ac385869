#include "crypto/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "crypto/chain.h"
#include "crypto/openssl.h"

namespace ringfence::crypto {

namespace {

constexpr int max_depth = 4;          // intermediates between leaf and anchor; ours have one, company CAs two or three
constexpr int modern_auth_level = 2;  // OpenSSL's 112 bits: RSA-2048, SHA-224
constexpr unsigned min_legacy_rsa_bits = 1024;
constexpr unsigned min_modern_ec_bits = 256;
constexpr unsigned min_legacy_ec_bits = 224;
constexpr int max_serial_octets = 20;  // RFC 5280 section 4.1.2.2

using StoreOwner = Owner<X509_STORE, X509_STORE_free>;
using StoreContextOwner = Owner<X509_STORE_CTX, X509_STORE_CTX_free>;
using UsagesOwner = Owner<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>;
using KeyIdOwner = Owner<AUTHORITY_KEYID, AUTHORITY_KEYID_free>;

using Refusal = tl::unexpected<ChainRefusal>;
using Check = tl::expected<void, ChainRefusal>;

Refusal refuse(int x509_error, FaultCode code, std::string sentence) {
    return Refusal(ChainRefusal{Fault{code, std::move(sentence)}, x509_error});
}

Refusal distrust(int x509_error, std::string sentence) {
    return refuse(x509_error, FaultCode::untrusted, std::move(sentence));
}

std::string quoted(std::string_view name) { return fmt::format("\"{}\"", printable(name)); }

std::string_view peer_name(Purpose purpose) {
    switch (purpose) {
        case Purpose::server: return "server";
        case Purpose::client: return "client";
        case Purpose::file_signer: return "file signer";
        case Purpose::registration: return "registration authority";
    }
    return {};
}

std::string_view use_of(Purpose purpose) {
    switch (purpose) {
        case Purpose::server: return "a TLS server";
        case Purpose::client: return "a TLS client";
        case Purpose::file_signer:
            return "signing files (key usage digitalSignature, extended key usage codeSigning and emailProtection)";
        case Purpose::registration: return "a registration authority (extended key usage cmcRA)";
    }
    return {};
}

// Files are signed in S/MIME's form, whose rules OpenSSL knows; check_file_signer adds the rest of the profile.
int openssl_purpose(Purpose purpose) {
    switch (purpose) {
        case Purpose::server: return X509_PURPOSE_SSL_SERVER;
        case Purpose::client: return X509_PURPOSE_SSL_CLIENT;
        case Purpose::file_signer: break;
        case Purpose::registration: return X509_PURPOSE_ANY;  // it knows none; check_leaf does
    }
    return X509_PURPOSE_SMIME_SIGN;
}

// "the server's certificate "CN=prov.lab"" or "the CA certificate "CN=...""
std::string describe(const Certificate& certificate, int depth, const VerifyPolicy& policy) {
    if (depth > 0) return "the CA certificate " + quoted(certificate.subject());
    return fmt::format("the {}'s certificate {}", peer_name(policy.purpose), quoted(certificate.subject()));
}

// What the strict form minds and we do not: key identifiers only help to find an issuer, whose signature is checked all
// the same; of an anchor only its name and key count (RFC 5280 section 6.1.1 (d)), and small companies' CAs lack the
// rest; a leaf that is a CA is refused in check_leaf, in plainer words.
bool is_borne(const X509_STORE_CTX* context, int error, const VerifyPolicy& policy) {
    const int depth = X509_STORE_CTX_get_error_depth(context);
    const auto* chain = X509_STORE_CTX_get0_chain(context);
    switch (error) {
        case X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER:
        case X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER: return true;
        case X509_V_ERR_CA_CERT_MISSING_KEY_USAGE:
        case X509_V_ERR_CA_BCONS_NOT_CRITICAL:
            return depth == 0 || (chain != nullptr && depth == sk_X509_num(chain) - 1);
        case X509_V_ERR_CERT_NOT_YET_VALID: return policy.time.is_floor;
        default: return false;
    }
}

int judge_error(int ok, X509_STORE_CTX* context) {
    if (ok == 1) return 1;
    const auto* policy = static_cast<const VerifyPolicy*>(X509_STORE_CTX_get_app_data(context));
    if (!is_borne(context, X509_STORE_CTX_get_error(context), *policy)) return 0;
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

std::vector<Certificate> only_cas(const std::vector<Certificate>& anchors) {
    std::vector<Certificate> cas;
    std::copy_if(anchors.begin(), anchors.end(), std::back_inserter(cas),
                 [](const Certificate& anchor) { return anchor.is_ca(); });
    return cas;
}

StoreOwner make_store(const std::vector<Certificate>& trusted) {
    StoreOwner store(X509_STORE_new());
    RINGFENCE_ASSERT(store != nullptr);
    for (const Certificate& certificate : trusted) {
        RINGFENCE_ASSERT(X509_STORE_add_cert(store.get(), certificate.native()) == 1);
    }
    return store;
}

void set_parameters(X509_STORE_CTX* context, const VerifyPolicy& policy) {
    X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context);
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST;
    if (policy.strength == Strength::modern) flags |= X509_V_FLAG_X509_STRICT;
    if (policy.time.at) {
        const auto seconds = std::chrono::floor<std::chrono::seconds>(*policy.time.at).time_since_epoch().count();
        X509_VERIFY_PARAM_set_time(parameters, static_cast<std::time_t>(seconds));
    } else {
        flags |= X509_V_FLAG_NO_CHECK_TIME;
    }
    X509_VERIFY_PARAM_set_flags(parameters, flags);
    X509_VERIFY_PARAM_set_depth(parameters, max_depth);
    X509_VERIFY_PARAM_set_auth_level(parameters, policy.strength == Strength::modern ? modern_auth_level : 0);
    RINGFENCE_ASSERT(X509_STORE_CTX_set_purpose(context, openssl_purpose(policy.purpose)) == 1);
}

std::vector<Certificate> take_chain(const X509_STORE_CTX* context) {
    std::vector<Certificate> certificates;
    const auto* chain = X509_STORE_CTX_get0_chain(context);
    for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
        certificates.push_back(Certificate::share(sk_X509_value(chain, i)));
    }
    return certificates;
}

// What the certificate itself says of its issuer's issuer, where it says it (RFC 5280 section 4.2.1.1).
std::string issuer_of_issuer(const Certificate& certificate) {
    const KeyIdOwner key_id(static_cast<AUTHORITY_KEYID*>(
        X509_get_ext_d2i(certificate.native(), NID_authority_key_identifier, nullptr, nullptr)));
    ERR_clear_error();
    if (key_id == nullptr || key_id->issuer == nullptr || sk_GENERAL_NAME_num(key_id->issuer) != 1) return {};
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(key_id->issuer, 0);
    return name->type == GEN_DIRNAME ? format_name(name->d.directoryName) : std::string();
}

// OpenSSL found no way up from the last certificate of `chain`. Tell a server that forgot its intermediate from one
// whose CA we do not hold, as well as its words allow.
Refusal no_issuer(const std::vector<Certificate>& chain, const std::vector<Certificate>& sent,
                  const std::vector<Certificate>& anchors, const VerifyPolicy& policy) {
    const Certificate& top = chain.back();
    const std::string missing = top.issuer();
    const std::string_view peer = peer_name(policy.purpose);
    const auto is_named = [](const std::vector<Certificate>& certificates, const std::string& name) {
        return std::any_of(certificates.begin(), certificates.end(),
                           [&name](const Certificate& one) { return one.subject() == name; });
    };
    constexpr int unknown = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;

    if (top.is_self_issued() && chain.size() == 1) {
        return distrust(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
                        fmt::format("self-signed: the {}'s certificate {} is signed by itself and by no CA that is "
                                    "trusted here",
                                    peer, quoted(top.subject())));
    }
    if (top.is_self_issued()) {
        return distrust(X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
                        fmt::format("unknown issuer: the {}'s chain ends at the root {}, which is not trusted here",
                                    peer, quoted(top.subject())));
    }
    if (is_named(anchors, missing) || is_named(sent, missing)) {
        return distrust(unknown, fmt::format("unknown issuer: the {}'s certificate names {} as its issuer, but another "
                                             "CA of that name signed it",
                                             peer, quoted(missing)));
    }
    const auto missing_intermediate = [&] {
        return distrust(unknown, fmt::format("missing intermediate: the {} did not send the CA certificate {} that "
                                             "signed {}",
                                             peer, quoted(missing), quoted(top.subject())));
    };
    const std::string above = issuer_of_issuer(top);
    if (!above.empty() && above != missing) return missing_intermediate();
    // It sent CAs, but none that leads on from here: the one between was forgotten.
    const bool sent_unused = std::any_of(sent.begin(), sent.end(), [&chain](const Certificate& one) {
        return one.is_ca() && std::find(chain.begin(), chain.end(), one) == chain.end();
    });
    if (sent_unused) return missing_intermediate();
    if (chain.size() > 1 || above == missing) {
        return distrust(unknown, fmt::format("unknown issuer: the {}'s chain ends at {}, which is not trusted here",
                                             peer, quoted(missing)));
    }
    return distrust(unknown,
                    fmt::format("unknown issuer or missing intermediate: the {} sent only its own certificate, and {}, "
                                "which signed it, is not held here",
                                peer, quoted(missing)));
}

Refusal out_of_dates(int error, const Certificate& certificate, int depth, const VerifyPolicy& policy) {
    const std::string what = describe(certificate, depth, policy);
    const WallTime now = policy.time.at.value_or(WallTime{});
    if (error == X509_V_ERR_CERT_HAS_EXPIRED) {
        return refuse(error, FaultCode::expired,
                      fmt::format("expired: {} ended on {}", what, format_time(certificate.not_after())));
    }
    return refuse(error, FaultCode::expired,
                  fmt::format("not yet valid: {} begins on {}, and it is {} here; if that is wrong, set the clock",
                              what, format_time(certificate.not_before()), format_time(now)));
}

Refusal weak_key(int error, const Certificate& certificate, int depth, const VerifyPolicy& policy) {
    return distrust(error, fmt::format("weak key: {} has a key of {} bits, which is too short or of a kind that is not "
                                       "accepted",
                                       describe(certificate, depth, policy), certificate.key_bits()));
}

Refusal weak_signature(const Certificate& certificate, int depth, const VerifyPolicy& policy) {
    return distrust(X509_V_ERR_CA_MD_TOO_WEAK, fmt::format("weak signature: {} is signed with a hash that is too old",
                                                           describe(certificate, depth, policy)));
}

Refusal wrong_purpose(const Certificate& certificate, int depth, const VerifyPolicy& policy) {
    const std::string what = describe(certificate, depth, policy);
    if (depth > 0) {
        return distrust(X509_V_ERR_INVALID_PURPOSE, fmt::format("wrong purpose: {} may not sign a {}'s certificate",
                                                                what, peer_name(policy.purpose)));
    }
    return distrust(X509_V_ERR_INVALID_PURPOSE,
                    fmt::format("wrong purpose: {} is not made for {}", what, use_of(policy.purpose)));
}

Refusal explain(const X509_STORE_CTX* context, const std::vector<Certificate>& sent,
                const std::vector<Certificate>& anchors, const VerifyPolicy& policy) {
    const int error = X509_STORE_CTX_get_error(context);
    const int depth = X509_STORE_CTX_get_error_depth(context);
    const std::vector<Certificate> chain = take_chain(context);
    RINGFENCE_ASSERT(!chain.empty());
    const std::size_t at = std::min(static_cast<std::size_t>(std::max(depth, 0)), chain.size() - 1);
    const Certificate& certificate = chain[at];
    switch (error) {
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_CERT_UNTRUSTED: return no_issuer(chain, sent, anchors, policy);
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID: return out_of_dates(error, certificate, depth, policy);
        case X509_V_ERR_EE_KEY_TOO_SMALL:
        case X509_V_ERR_CA_KEY_TOO_SMALL: return weak_key(error, certificate, depth, policy);
        case X509_V_ERR_CA_MD_TOO_WEAK: return weak_signature(certificate, depth, policy);
        case X509_V_ERR_INVALID_PURPOSE:
        case X509_V_ERR_INVALID_CA:
        case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
        case X509_V_ERR_PATH_LENGTH_EXCEEDED: return wrong_purpose(certificate, depth, policy);
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
            return distrust(error, fmt::format("broken certificate: the signature of {} does not hold",
                                               describe(certificate, depth, policy)));
        default:
            return distrust(error, fmt::format("broken certificate: {}: {}", describe(certificate, depth, policy),
                                               X509_verify_cert_error_string(error)));
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

Check check_key(const Certificate& certificate, int depth, const VerifyPolicy& policy) {
    const bool modern = policy.strength == Strength::modern;
    const unsigned bits = certificate.key_bits();
    const int error = depth == 0 ? X509_V_ERR_EE_KEY_TOO_SMALL : X509_V_ERR_CA_KEY_TOO_SMALL;
    bool good = false;
    switch (certificate.key_kind()) {
        case KeyKind::rsa:
            good = bits >= std::max(min_legacy_rsa_bits, policy.min_rsa_bits) && (!modern || bits % 8 == 0);
            break;
        case KeyKind::ec: good = bits >= (modern ? min_modern_ec_bits : min_legacy_ec_bits); break;
        case KeyKind::other: break;
    }
    if (!good) return weak_key(error, certificate, depth, policy);
    return {};
}

// Security level 0, which the legacy lane runs at, accepts every hash: this is the floor under it.
Check check_signature_hash(const Certificate& certificate, int depth, bool sha1_is_pinned, const VerifyPolicy& policy) {
    int hash = NID_undef;
    if (X509_get_signature_info(certificate.native(), &hash, nullptr, nullptr, nullptr) != 1) {
        return weak_signature(certificate, depth, policy);
    }
    switch (hash) {
        case NID_sha1:
            if (sha1_is_pinned) return {};
            return weak_signature(certificate, depth, policy);
        case NID_sha224:
        case NID_sha256:
        case NID_sha384:
        case NID_sha512: return {};
        default: return weak_signature(certificate, depth, policy);
    }
}

// What reference 5.6 asks of a signer beyond S/MIME's own rules.
Check check_file_signer(const Certificate& leaf, const VerifyPolicy& policy) {
    X509* native = leaf.native();
    const auto has = [native](int nid) { return X509_get_ext_by_NID(native, nid, -1) >= 0; };
    const auto refuse_for = [&](std::string_view why) {
        return distrust(X509_V_ERR_INVALID_PURPOSE,
                        fmt::format("wrong purpose: {} {}", describe(leaf, 0, policy), why));
    };
    if (leaf.is_self_issued()) return refuse_for("is signed by itself, which a file signer's must not be");
    if (X509_get_version(native) != X509_VERSION_3) return refuse_for("is not of version 3");
    constexpr unsigned usages = XKU_CODE_SIGN | XKU_SMIME;
    const bool for_files = has(NID_key_usage) && (X509_get_key_usage(native) & KU_DIGITAL_SIGNATURE) != 0 &&
                           has(NID_ext_key_usage) && (X509_get_extended_key_usage(native) & usages) == usages;
    if (!for_files) return wrong_purpose(leaf, 0, policy);
    if (!has(NID_subject_key_identifier)) return refuse_for("lacks the subject key identifier");
    if (!has(NID_authority_key_identifier)) return refuse_for("lacks the authority key identifier");
    return {};
}

// OpenSSL has judged the CA for emailProtection; one that is limited to that may not make code signers either.
Check check_ca_of_file_signer(const Certificate& ca, int depth, const VerifyPolicy& policy) {
    const auto usages = X509_get_extended_key_usage(ca.native());
    if ((usages & (XKU_CODE_SIGN | XKU_ANYEKU)) == 0) return wrong_purpose(ca, depth, policy);
    return {};
}

// `usages`: null: the certificate has none.
bool says_registration(const EXTENDED_KEY_USAGE* usages) {
    for (int i = 0; i < sk_ASN1_OBJECT_num(usages); ++i)
        if (OBJ_obj2nid(sk_ASN1_OBJECT_value(usages, i)) == NID_cmcRA) return true;
    return false;
}

Check check_leaf(const Certificate& leaf, const VerifyPolicy& policy) {
    if (policy.purpose == Purpose::file_signer) {
        if (auto checked = check_file_signer(leaf, policy); !checked) return checked;
    }
    if (leaf.is_ca()) {
        return distrust(X509_V_ERR_INVALID_PURPOSE,
                        fmt::format("wrong purpose: {} is a CA's, which a {} must not use as its own",
                                    describe(leaf, 0, policy), peer_name(policy.purpose)));
    }
    const UsagesOwner usages(
        static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(leaf.native(), NID_ext_key_usage, nullptr, nullptr)));
    ERR_clear_error();
    const bool is_empty = usages != nullptr && sk_ASN1_OBJECT_num(usages.get()) == 0;
    const bool says_client = usages != nullptr && (X509_get_extended_key_usage(leaf.native()) & XKU_SSL_CLIENT) != 0;
    const bool is_wrong = (policy.purpose == Purpose::client && !says_client) ||
                          (policy.purpose == Purpose::registration && !says_registration(usages.get()));
    if (is_empty || is_wrong) return wrong_purpose(leaf, 0, policy);
    if (X509_get_ext_by_NID(leaf.native(), NID_name_constraints, -1) >= 0) {
        return distrust(X509_V_ERR_INVALID_EXTENSION, fmt::format("broken certificate: {} has name constraints, which "
                                                                  "are for CAs",
                                                                  describe(leaf, 0, policy)));
    }
    return {};
}

// What vouches for a certificate below the anchor; an anchor's or a listed leaf's own signature proves nothing.
Check check_signature(const Certificate& certificate, int depth, bool sha1_is_pinned, const VerifyPolicy& policy) {
    if (auto checked = check_signature_hash(certificate, depth, sha1_is_pinned, policy); !checked) return checked;
    if (policy.strength == Strength::modern && !has_serial_of_rfc5280(certificate)) {
        return distrust(X509_V_ERR_INVALID_EXTENSION,
                        fmt::format("broken certificate: {} has a serial number that is zero, negative or too long",
                                    describe(certificate, depth, policy)));
    }
    return {};
}

// The checks that OpenSSL leaves out (reference A.10) and the legacy lane's floor.
Check check_beyond_openssl(const std::vector<Certificate>& chain, const VerifyPolicy& policy) {
    if (auto checked = check_leaf(chain.front(), policy); !checked) return checked;
    const auto& pinned = policy.pinned_legacy_anchors;
    const bool sha1_is_pinned =
        policy.strength == Strength::legacy && std::find(pinned.begin(), pinned.end(), chain.back()) != pinned.end();
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const int depth = static_cast<int>(i);
        const bool is_top = i + 1 == chain.size();
        const Certificate& certificate = chain[i];
        if (auto checked = check_key(certificate, depth, policy); !checked) return checked;
        if (!is_top) {
            if (auto checked = check_signature(certificate, depth, sha1_is_pinned, policy); !checked) return checked;
        }
        if (!is_top && depth > 0 && policy.purpose == Purpose::file_signer) {
            if (auto checked = check_ca_of_file_signer(certificate, depth, policy); !checked) return checked;
        }
        const bool is_anchor = is_top && !policy.only_leaves;
        if (!is_anchor && policy.is_revoked && policy.is_revoked(certificate)) {
            return distrust(X509_V_ERR_CERT_REVOKED,
                            fmt::format("revoked: {} was revoked", describe(certificate, depth, policy)));
        }
    }
    return {};
}

bool is_among(const std::vector<Certificate>& certificates, const Certificate& certificate) {
    return std::find(certificates.begin(), certificates.end(), certificate) != certificates.end();
}

Check check_listed(const Certificate& leaf, const VerifyPolicy& policy) {
    if (!policy.only_leaves || is_among(*policy.only_leaves, leaf)) return {};
    return distrust(X509_V_ERR_CERT_UNTRUSTED,
                    fmt::format("not in the trust list: {} is none of the {} that the trust list names",
                                describe(leaf, 0, policy), policy.only_leaves->size()));
}

Check check_held(const std::vector<Certificate>& sent, const std::vector<Certificate>& anchors,
                 const VerifyPolicy& policy) {
    if (!policy.sent_chain_must_be_held || policy.only_leaves) return {};
    const auto strange = std::find_if(sent.begin(), sent.end(), [&anchors](const Certificate& certificate) {
        return certificate.is_ca() && !is_among(anchors, certificate);
    });
    if (strange == sent.end()) return {};
    return distrust(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
                    fmt::format("not held: the {} sent the CA certificate {}, which is not installed here",
                                peer_name(policy.purpose), quoted(strange->subject())));
}

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
Check check_host(const Certificate& leaf, const VerifyPolicy& policy) {
    if (policy.host.empty()) return {};
    constexpr unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
    std::string_view host = policy.host;
    const auto address = IpAddress::parse(host);
    bool matches = false;
    if (address) {
        const std::string bytes = address->bytes();
        matches =
            X509_check_ip(leaf.native(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), 0) == 1;
    } else if (host.front() != '.') {  // OpenSSL would take it for "any name below"
        if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
        matches = X509_check_host(leaf.native(), host.data(), host.size(), flags, nullptr) == 1;
    }
    ERR_clear_error();
    if (matches) return {};
    const int error = address ? X509_V_ERR_IP_ADDRESS_MISMATCH : X509_V_ERR_HOSTNAME_MISMATCH;
    const bool in_common_name = equals_ignoring_case(leaf.common_name(), host);
    return distrust(error, fmt::format("wrong name: the server's certificate does not name {} ({}); its alternative "
                                       "names: {}",
                                       quoted(host),
                                       in_common_name ? "it stands only in the common name, which does not count"
                                                      : "neither as a DNS name nor as an address",
                                       names_of(leaf)));
}

}  // namespace

tl::expected<VerifiedChain, ChainRefusal> build_chain(const Certificate& leaf,
                                                      const std::vector<Certificate>& intermediates,
                                                      const std::vector<Certificate>& anchors,
                                                      const VerifyPolicy& policy) {
    if (auto listed = check_listed(leaf, policy); !listed) return Refusal(std::move(listed).error());
    const StoreOwner store = make_store(policy.only_leaves ? std::vector<Certificate>{leaf} : only_cas(anchors));
    const X509StackOwner untrusted = make_stack(policy.only_leaves ? std::vector<Certificate>{} : intermediates);
    const StoreContextOwner context(X509_STORE_CTX_new());
    RINGFENCE_ASSERT(context != nullptr);
    RINGFENCE_ASSERT(X509_STORE_CTX_init(context.get(), store.get(), leaf.native(), untrusted.get()) == 1);
    set_parameters(context.get(), policy);
    X509_STORE_CTX_set_app_data(context.get(), const_cast<VerifyPolicy*>(&policy));
    X509_STORE_CTX_set_verify_cb(context.get(), judge_error);

    const bool built = X509_verify_cert(context.get()) == 1;
    ERR_clear_error();
    if (!built) return explain(context.get(), intermediates, anchors, policy);

    std::vector<Certificate> chain = take_chain(context.get());
    if (auto held = check_held(intermediates, anchors, policy); !held) return Refusal(std::move(held).error());
    if (auto checked = check_beyond_openssl(chain, policy); !checked) return Refusal(std::move(checked).error());
    if (auto checked = check_host(chain.front(), policy); !checked) return Refusal(std::move(checked).error());
    return VerifiedChain(std::move(chain));
}

Result<VerifiedChain> verify_chain(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                                   const std::vector<Certificate>& anchors, const VerifyPolicy& policy) {
    auto chain = build_chain(leaf, intermediates, anchors, policy);
    if (!chain) return fail(std::move(chain).error().fault);
    return *std::move(chain);
}

}  // namespace ringfence::crypto
