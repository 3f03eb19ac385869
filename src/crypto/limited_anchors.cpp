#include "crypto/limited_anchors.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/host_name.h"
#include "crypto/certificate_builder.h"
#include "crypto/openssl.h"

namespace ringfence::crypto {

namespace {

using ExtensionOwner = Owner<X509_EXTENSION, X509_EXTENSION_free>;

constexpr std::string_view limit_name = "Limit of this phone";
constexpr std::string_view nobody = "invalid";  // no server has a name below it (RFC 2606 section 2)
constexpr std::string_view whole_v4 = "255.255.255.255";
constexpr std::string_view whole_v6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

// In the configuration language of X509V3_EXT_conf_nid, in which a host name cannot say anything else.
Result<std::string> name_constraints(const PermittedHosts& hosts) {
    if (hosts.dns_names.empty() && hosts.addresses.empty())
        return fail(FaultCode::malformed, "anchors are limited to one host at least");
    std::string out = "critical";
    for (const auto& name : hosts.dns_names) {
        if (!is_host_name(name)) return fail(FaultCode::malformed, "anchors can be limited to host names only");
        out += fmt::format(",permitted;DNS:{}", name);
    }
    if (hosts.dns_names.empty()) out += fmt::format(",permitted;DNS:{}", nobody);
    for (const auto& address : hosts.addresses) {
        out += fmt::format(",permitted;IP:{}/{}", address.to_string(), address.is_v4() ? whole_v4 : whole_v6);
        // OpenSSL takes an IPv4 address that stands as the common name for a DNS name.
        if (address.is_v4()) out += fmt::format(",permitted;DNS:{}", address.to_string());
    }
    if (hosts.addresses.empty()) out += ",excluded;IP:0.0.0.0/0.0.0.0,excluded;IP:::/::";
    return out;
}

Result<Signer> make_limit(const std::vector<Certificate>& anchors, Random& random) {
    auto key = PrivateKey::generate(KeyType::p256);
    if (!key) return fail(std::move(key.error()));
    CertificateRequest request;
    request.role = CertificateRole::root;
    request.common_name = limit_name;
    request.not_before = anchors.front().not_before();
    request.not_after = anchors.front().not_after();
    for (const auto& anchor : anchors) {
        request.not_before = std::min(request.not_before, anchor.not_before());
        request.not_after = std::max(request.not_after, anchor.not_after());
    }
    auto certificate = make_root(request, *key, random);
    if (!certificate) return fail(std::move(certificate.error()));
    return Signer{std::move(*certificate), std::move(*key)};
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const ExtensionOwner extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

void remove_extension(X509* certificate, int nid) {
    const int at = X509_get_ext_by_NID(certificate, nid, -1);
    if (at >= 0) ExtensionOwner(X509_delete_ext(certificate, at));
}

// Everything else stays: subject, key, dates, path length, key identifier.
Result<Certificate> sign_again(const Certificate& anchor, const std::string& constraints, const Signer& limit) {
    const X509Owner copy(X509_dup(anchor.native()));
    RINGFENCE_ASSERT(copy != nullptr);
    if (X509_get_ext_by_NID(copy.get(), NID_name_constraints, -1) >= 0)
        return fail(FaultCode::conflict,
                    fmt::format("{} has name constraints of its own and cannot be limited further", anchor.subject()));
    X509* issuer = limit.certificate.native();
    remove_extension(copy.get(), NID_authority_key_identifier);
    const bool made = X509_set_issuer_name(copy.get(), X509_get_subject_name(issuer)) == 1 &&
                      add_extension(copy.get(), issuer, NID_authority_key_identifier, "keyid:always") &&
                      add_extension(copy.get(), issuer, NID_name_constraints, constraints) &&
                      X509_sign(copy.get(), limit.key.native(), EVP_sha256()) > 0;
    if (!made) return fail(openssl_fault("limiting an anchor"));
    return Certificate::parse_der(Certificate::share(copy.get()).to_der());
}

}  // namespace

Result<std::vector<Certificate>> limit_anchors(const std::vector<Certificate>& anchors, const PermittedHosts& hosts,
                                               Random& random) {
    const auto constraints = name_constraints(hosts);
    if (!constraints) return fail(constraints.error());
    std::vector<Certificate> authorities;
    std::copy_if(anchors.begin(), anchors.end(), std::back_inserter(authorities),
                 [](const Certificate& anchor) { return anchor.is_ca(); });
    if (authorities.empty()) return fail(FaultCode::untrusted, "there is no certificate authority among the anchors");
    const auto limit = make_limit(authorities, random);
    if (!limit) return fail(limit.error());
    std::vector<Certificate> out{limit->certificate};
    for (const auto& authority : authorities) {
        auto limited = sign_again(authority, *constraints, *limit);
        if (!limited) return fail(std::move(limited.error()));
        out.push_back(std::move(*limited));
    }
    return out;
}

}  // namespace ringfence::crypto
