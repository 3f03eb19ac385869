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

void release_list_references(STACK_OF(X509_CRL) * lists) { sk_X509_CRL_free(lists); }

using StoreOwner = Owner<X509_STORE, X509_STORE_free>;
using StoreContextOwner = Owner<X509_STORE_CTX, X509_STORE_CTX_free>;
using KeyIdOwner = Owner<AUTHORITY_KEYID, AUTHORITY_KEYID_free>;
// A stack that does not own what stands in it.
using ListStackOwner = Owner<STACK_OF(X509_CRL), release_list_references>;

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
        case Purpose::registration: return X509_PURPOSE_ANY;  // it knows none; the extended usage is judged here
    }
    return X509_PURPOSE_SMIME_SIGN;
}

bool is_about_revocation(int error) {
    switch (error) {
        case X509_V_ERR_UNABLE_TO_GET_CRL:
        case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
        case X509_V_ERR_CRL_SIGNATURE_FAILURE:
        case X509_V_ERR_CRL_NOT_YET_VALID:
        case X509_V_ERR_CRL_HAS_EXPIRED:
        case X509_V_ERR_DIFFERENT_CRL_SCOPE:
        case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
        case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
        case X509_V_ERR_CERT_REVOKED: return true;
        default: return false;
    }
}

// What the strict form minds and we do not: key identifiers only help to find an issuer, whose signature is checked all
// the same; of an anchor only its name and key count (RFC 5280 section 6.1.1 (d)), small companies' CAs lack the rest,
// and nobody above it revokes it; a leaf that is a CA is refused in check_leaf, in plainer words.
bool is_borne(const X509_STORE_CTX* context, int error, const VerifyPolicy& policy) {
    const int depth = X509_STORE_CTX_get_error_depth(context);
    const auto* chain = X509_STORE_CTX_get0_chain(context);
    const bool is_top = chain != nullptr && depth == sk_X509_num(chain) - 1;
    switch (error) {
        case X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER:
        case X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER: return true;
        case X509_V_ERR_CA_CERT_MISSING_KEY_USAGE:
        case X509_V_ERR_CA_BCONS_NOT_CRITICAL: return depth == 0 || is_top;
        case X509_V_ERR_CERT_NOT_YET_VALID:
        case X509_V_ERR_CRL_NOT_YET_VALID: return policy.time.is_floor;
        default: return is_top && !policy.only_leaves && is_about_revocation(error);
    }
}

// Called for the path and, within that, for the path of whoever signed a revocation list.
int judge_error(int ok, X509_STORE_CTX* context) {
    if (ok == 1) return 1;
    X509_STORE_CTX* outer = X509_STORE_CTX_get0_parent_ctx(context);
    const auto* policy = static_cast<const VerifyPolicy*>(X509_STORE_CTX_get_app_data(outer ? outer : context));
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

ListStackOwner make_list_stack(const std::vector<RevocationList>& lists) {
    ListStackOwner stack(sk_X509_CRL_new_null());
    RINGFENCE_ASSERT(stack != nullptr);
    for (const RevocationList& list : lists) RINGFENCE_ASSERT(sk_X509_CRL_push(stack.get(), list.native()) > 0);
    return stack;
}

void set_parameters(X509_STORE_CTX* context, const VerifyPolicy& policy) {
    X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context);
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_POLICY_CHECK;
    if (policy.strength == Strength::modern) flags |= X509_V_FLAG_X509_STRICT;
    if (policy.revocation_lists) {
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL | X509_V_FLAG_EXTENDED_CRL_SUPPORT;
    }
    if (policy.time.at) {
        X509_VERIFY_PARAM_set_time(parameters, to_seconds(*policy.time.at));
    } else {
        flags |= X509_V_FLAG_NO_CHECK_TIME;
    }
    X509_VERIFY_PARAM_set_flags(parameters, flags);
    RINGFENCE_ASSERT(X509_VERIFY_PARAM_add0_policy(parameters, OBJ_nid2obj(NID_any_policy)) == 1);
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
    const Place place{top, chain.size() - 1, policy};
    const std::string missing = top.issuer();
    const std::string_view peer = peer_name(policy.purpose);
    const auto is_named = [](const std::vector<Certificate>& certificates, const std::string& name) {
        return std::any_of(certificates.begin(), certificates.end(),
                           [&name](const Certificate& one) { return one.subject() == name; });
    };
    constexpr int unknown = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;

    if (top.is_self_issued() && chain.size() == 1) {
        return distrust(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, place,
                        fmt::format("self-signed: the {}'s certificate {} is signed by itself and by no CA that is "
                                    "trusted here",
                                    peer, quoted(top.subject())));
    }
    if (top.is_self_issued()) {
        return distrust(X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, place,
                        fmt::format("unknown issuer: the {}'s chain ends at the root {}, which is not trusted here",
                                    peer, quoted(top.subject())));
    }
    if (is_named(anchors, missing) || is_named(sent, missing)) {
        return distrust(unknown, place,
                        fmt::format("unknown issuer: the {}'s certificate names {} as its issuer, but another "
                                    "CA of that name signed it",
                                    peer, quoted(missing)));
    }
    const auto missing_intermediate = [&] {
        return distrust(unknown, place,
                        fmt::format("missing intermediate: the {} did not send the CA certificate {} that "
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
        return distrust(
            unknown, place,
            fmt::format("unknown issuer: the {}'s chain ends at {}, which is not trusted here", peer, quoted(missing)));
    }
    return distrust(unknown, place,
                    fmt::format("unknown issuer or missing intermediate: the {} sent only its own certificate, and {}, "
                                "which signed it, is not held here",
                                peer, quoted(missing)));
}

Refusal out_of_dates(int error, const Place& place) {
    const std::string what = describe(place);
    const WallTime now = place.policy.time.at.value_or(WallTime{});
    if (error == X509_V_ERR_CERT_HAS_EXPIRED) {
        return refuse(error, FaultCode::expired, place,
                      fmt::format("expired: {} ended on {}, and it is {} here", what,
                                  format_time(place.certificate.not_after()), format_time(now)));
    }
    return refuse(error, FaultCode::expired, place,
                  fmt::format("not yet valid: {} begins on {}, and it is {} here; if that is wrong, set the clock",
                              what, format_time(place.certificate.not_before()), format_time(now)));
}

// What is wrong with the revocation list that speaks for this certificate, or would have to.
Refusal no_good_list(int error, const Place& place) {
    const std::string what = describe(place);
    const std::string issuer = quoted(place.certificate.issuer());
    switch (error) {
        case X509_V_ERR_CRL_HAS_EXPIRED:
            return refuse(error, FaultCode::expired, place,
                          fmt::format("revocation list expired: that of {}, which speaks for {}, should have been "
                                      "followed by a newer one",
                                      issuer, what));
        case X509_V_ERR_CRL_NOT_YET_VALID:
            return refuse(error, FaultCode::expired, place,
                          fmt::format("revocation list not yet valid: that of {}, which speaks for {}, begins later; "
                                      "if that is wrong, set the clock",
                                      issuer, what));
        case X509_V_ERR_CRL_SIGNATURE_FAILURE:
            return distrust(error, place,
                            fmt::format("broken revocation list: the signature of that of {}, which speaks for {}, "
                                        "does not hold",
                                        issuer, what));
        case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
            return distrust(
                error, place,
                fmt::format("wrong purpose: {}, which issued {}, may not sign revocation lists", issuer, what));
        case X509_V_ERR_DIFFERENT_CRL_SCOPE:
            return distrust(error, place,
                            fmt::format("no revocation list for {}: those of {} speak of other certificates or other "
                                        "reasons only",
                                        what, issuer));
        case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
        case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
            return distrust(error, place,
                            fmt::format("no revocation list for {}: the one that bears the name {} is not signed by a "
                                        "certificate that holds",
                                        what, issuer));
        default:
            return distrust(error, place,
                            fmt::format("no revocation list for {}: none of those given is that of {}", what, issuer));
    }
}

Refusal explain(const X509_STORE_CTX* context, const std::vector<Certificate>& path,
                const std::vector<Certificate>& sent, const std::vector<Certificate>& anchors,
                const VerifyPolicy& policy) {
    const int error = X509_STORE_CTX_get_error(context);
    const int depth = X509_STORE_CTX_get_error_depth(context);
    const std::size_t at = std::min(static_cast<std::size_t>(std::max(depth, 0)), path.size() - 1);
    const Place place{path[at], at, policy};
    switch (error) {
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_CERT_UNTRUSTED: return no_issuer(path, sent, anchors, policy);
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID: return out_of_dates(error, place);
        case X509_V_ERR_EE_KEY_TOO_SMALL:
        case X509_V_ERR_CA_KEY_TOO_SMALL: return weak_key(place);
        case X509_V_ERR_CA_MD_TOO_WEAK: return weak_signature(place);
        case X509_V_ERR_INVALID_PURPOSE:
        case X509_V_ERR_INVALID_CA:
        case X509_V_ERR_KEYUSAGE_NO_CERTSIGN: return wrong_purpose(place);
        case X509_V_ERR_PATH_LENGTH_EXCEEDED:
            return distrust(error, place,
                            fmt::format("wrong purpose: {} may not have so many CAs below it", describe(place)));
        case X509_V_ERR_CERT_SIGNATURE_FAILURE: return broken(error, place, "bears a signature that does not hold");
        case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
            return broken(error, place, "has a critical extension that is not understood here");
        case X509_V_ERR_PERMITTED_VIOLATION:
        case X509_V_ERR_EXCLUDED_VIOLATION:
            return broken(error, place, "bears a name that a CA above it may not give out");
        case X509_V_ERR_INVALID_POLICY_EXTENSION:
            return broken(error, place, "has certificate policies that contradict the standard or each other");
        case X509_V_ERR_CERT_REVOKED: return revoked(place);
        case X509_V_ERR_NO_EXPLICIT_POLICY: {  // it is the path's fault, told of its end
            const Place leaf{path.front(), 0, policy};
            return distrust(error, leaf,
                            fmt::format("no common policy: a CA asks for one certificate policy from itself down to "
                                        "{}, and there is none",
                                        describe(leaf)));
        }
        default: break;
    }
    if (is_about_revocation(error)) return no_good_list(error, place);
    return broken(error, place, fmt::format("is refused: {}", X509_verify_cert_error_string(error)));
}

bool is_listed(const Certificate& leaf, const VerifyPolicy& policy) {
    if (!policy.only_leaves) return true;
    const auto& listed = *policy.only_leaves;
    return std::find(listed.begin(), listed.end(), leaf) != listed.end();
}

}  // namespace

Refusal refuse(int x509_error, FaultCode code, const Place& place, std::string sentence) {
    return Refusal(ChainRefusal{.fault = Fault{code, std::move(sentence)},
                                .x509_error = x509_error,
                                .at_fault = place.certificate,
                                .depth = place.depth});
}

Refusal distrust(int x509_error, const Place& place, std::string sentence) {
    return refuse(x509_error, FaultCode::untrusted, place, std::move(sentence));
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

std::string describe(const Place& place) {
    const std::string subject = quoted(place.certificate.subject());
    if (place.depth > 0) return "the CA certificate " + subject;
    return fmt::format("the {}'s certificate {}", peer_name(place.policy.purpose), subject);
}

Refusal weak_key(const Place& place) {
    const int error = place.depth == 0 ? X509_V_ERR_EE_KEY_TOO_SMALL : X509_V_ERR_CA_KEY_TOO_SMALL;
    if (place.certificate.key_kind() == KeyKind::other) {
        return distrust(error, place,
                        fmt::format("weak key: {} has a key of a kind that is not accepted", describe(place)));
    }
    return distrust(error, place,
                    fmt::format("weak key: {} has a key of {} bits, which is too short or an odd size", describe(place),
                                place.certificate.key_bits()));
}

Refusal weak_signature(const Place& place) {
    return distrust(X509_V_ERR_CA_MD_TOO_WEAK, place,
                    fmt::format("weak signature: {} is signed with a hash that is too old", describe(place)));
}

Refusal broken(int x509_error, const Place& place, std::string_view how) {
    return distrust(x509_error, place, fmt::format("broken certificate: {} {}", describe(place), how));
}

Refusal wrong_purpose(const Place& place) {
    const Purpose purpose = place.policy.purpose;
    if (place.depth > 0) {
        return distrust(
            X509_V_ERR_INVALID_PURPOSE, place,
            fmt::format("wrong purpose: {} may not sign a {}'s certificate", describe(place), peer_name(purpose)));
    }
    return distrust(X509_V_ERR_INVALID_PURPOSE, place,
                    fmt::format("wrong purpose: {} is not made for {}", describe(place), use_of(purpose)));
}

Refusal revoked(const Place& place) {
    return distrust(X509_V_ERR_CERT_REVOKED, place, fmt::format("revoked: {} was revoked", describe(place)));
}

tl::expected<VerifiedChain, ChainRefusal> build_chain(const Certificate& leaf,
                                                      const std::vector<Certificate>& intermediates,
                                                      const std::vector<Certificate>& anchors,
                                                      const VerifyPolicy& policy) {
    if (!is_listed(leaf, policy)) {
        const Place place{leaf, 0, policy};
        return distrust(X509_V_ERR_CERT_UNTRUSTED, place,
                        fmt::format("not in the trust list: {} is none of the {} that the trust list names",
                                    describe(place), policy.only_leaves->size()));
    }
    const StoreOwner store = make_store(policy.only_leaves ? std::vector<Certificate>{leaf} : only_cas(anchors));
    const X509StackOwner untrusted = make_stack(policy.only_leaves ? std::vector<Certificate>{} : intermediates);
    const ListStackOwner lists = make_list_stack(policy.revocation_lists.value_or(std::vector<RevocationList>{}));
    const StoreContextOwner context(X509_STORE_CTX_new());
    RINGFENCE_ASSERT(context != nullptr);
    RINGFENCE_ASSERT(X509_STORE_CTX_init(context.get(), store.get(), leaf.native(), untrusted.get()) == 1);
    set_parameters(context.get(), policy);
    X509_STORE_CTX_set0_crls(context.get(), lists.get());
    X509_STORE_CTX_set_app_data(context.get(), const_cast<VerifyPolicy*>(&policy));
    X509_STORE_CTX_set_verify_cb(context.get(), judge_error);

    const bool built = X509_verify_cert(context.get()) == 1;
    ERR_clear_error();
    std::vector<Certificate> path = take_chain(context.get());
    RINGFENCE_ASSERT(!path.empty());
    Check checked = built ? check_beyond_openssl(path, intermediates, anchors, policy)
                          : Check(explain(context.get(), path, intermediates, anchors, policy));
    if (checked) return VerifiedChain(std::move(path));
    checked.error().path = std::move(path);
    return Refusal(std::move(checked).error());
}

Result<VerifiedChain> verify_chain(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                                   const std::vector<Certificate>& anchors, const VerifyPolicy& policy) {
    auto chain = build_chain(leaf, intermediates, anchors, policy);
    if (!chain) return fail(std::move(chain).error().fault);
    return *std::move(chain);
}

}  // namespace ringfence::crypto
