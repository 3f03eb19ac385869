#include "crypto/certificate_builder.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/url.h"
#include "crypto/openssl.h"

namespace ringfence::crypto {

namespace {

constexpr std::size_t serial_size = 16;    // 127 random bits below a zero sign bit
constexpr std::size_t max_name_part = 64;  // ub-common-name and ub-organization-name
constexpr std::size_t max_dns_name = 253;
constexpr std::size_t max_dns_label = 63;

using ExtensionOwner = Owner<X509_EXTENSION, X509_EXTENSION_free>;
using NumberOwner = Owner<BIGNUM, BN_free>;

bool is_ca_role(CertificateRole role) { return role == CertificateRole::root || role == CertificateRole::issuing; }

bool is_letter_or_digit(char c) { return is_ascii_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z'); }

bool is_dns_label(std::string_view label) {
    if (label.empty() || label.size() > max_dns_label) return false;
    if (label.front() == '-' || label.back() == '-') return false;
    return std::all_of(label.begin(), label.end(), [&](char c) { return is_letter_or_digit(c) || c == '-'; });
}

bool is_dns_name(std::string_view name) {
    if (name.size() > max_dns_name) return false;
    if (name.substr(0, 2) == "*.") name.remove_prefix(2);
    const auto labels = split(name, '.');
    return std::all_of(labels.begin(), labels.end(), is_dns_label);
}

bool is_name_part(std::string_view part) {
    return part.size() <= max_name_part &&
           std::none_of(part.begin(), part.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

// PrintableString (X.680), which X.520 prescribes for it.
bool is_serial_number(std::string_view text) {
    constexpr std::string_view signs = " '()+,-./:=?";
    return text.size() <= max_name_part && std::all_of(text.begin(), text.end(), [&](char c) {
               return is_letter_or_digit(c) || signs.find(c) != std::string_view::npos;
           });
}

// Without a login, and without what OpenSSL's language of extensions takes for itself: ',' and ';'.
bool is_plain_http_url(std::string_view text) {
    constexpr std::string_view signs = "-._~/:%[]?&=+";
    const bool is_plain = std::all_of(text.begin(), text.end(), [&](char c) {
        return is_letter_or_digit(c) || signs.find(c) != std::string_view::npos;
    });
    const auto url = Url::parse(text);
    return is_plain && text.substr(0, 7) == "http://" && url.has_value();
}

Status check_urls(const CertificateRequest& request) {
    for (const std::string_view url : {request.revocation_list_url, request.ocsp_url}) {
        if (url.empty() || is_plain_http_url(url)) continue;
        return fail(FaultCode::malformed, fmt::format("\"{}\" is not a plain http URL", printable(url)));
    }
    return {};
}

Status check_request(const CertificateRequest& request) {
    if (request.common_name.empty() || !is_name_part(request.common_name) || !is_name_part(request.organization)) {
        return fail(FaultCode::malformed, "a certificate's subject needs a name of 1 to 64 plain characters");
    }
    if (request.not_after <= request.not_before) {
        return fail(FaultCode::malformed, "a certificate would end before it begins");
    }
    for (const std::string& name : request.dns_names) {
        if (is_dns_name(name)) continue;
        return fail(FaultCode::malformed, fmt::format("\"{}\" is not a DNS name", printable(name, max_dns_name)));
    }
    if (request.role == CertificateRole::server && request.dns_names.empty() && request.addresses.empty()) {
        return fail(FaultCode::malformed, "a server certificate needs a DNS name or an address");
    }
    if (request.is_registration_authority && request.role != CertificateRole::server) {
        return fail(FaultCode::malformed, "only a server's certificate can say that it registers too");
    }
    if (request.is_client && (request.role != CertificateRole::server || request.is_registration_authority)) {
        return fail(FaultCode::malformed, "only a plain server's certificate can say that it asks too");
    }
    if (!is_serial_number(request.serial_number)) {
        return fail(FaultCode::malformed, "a device's serial number has 1 to 64 letters, digits and plain signs");
    }
    return check_urls(request);
}

std::string key_usage(CertificateRole role, const PublicKey& key) {
    if (is_ca_role(role)) return "critical,keyCertSign,cRLSign";
    // RSA key exchange, which the old sets use, needs keyEncipherment in the server's certificate; what SCEP sends to a
    // registration authority is enveloped to its key.
    const bool is_sent_keys = role == CertificateRole::server || role == CertificateRole::registration;
    return is_sent_keys && key.kind() == KeyKind::rsa ? "critical,digitalSignature,keyEncipherment"
                                                      : "critical,digitalSignature";
}

std::string_view basic_constraints(CertificateRole role) {
    switch (role) {
        case CertificateRole::root: return "critical,CA:TRUE";
        case CertificateRole::issuing: return "critical,CA:TRUE,pathlen:0";
        case CertificateRole::server:
        case CertificateRole::device:
        case CertificateRole::file_signer:
        case CertificateRole::registration:
        case CertificateRole::ocsp_signer: break;
    }
    return "critical,CA:FALSE";
}

std::string extended_key_usage(const CertificateRequest& request) {
    switch (request.role) {
        case CertificateRole::server:
            if (request.is_client) return "serverAuth,clientAuth";
            return request.is_registration_authority ? "serverAuth,cmcRA" : "serverAuth";
        case CertificateRole::device: return "clientAuth";
        case CertificateRole::file_signer: return "codeSigning,emailProtection";
        case CertificateRole::registration: return "cmcRA";
        case CertificateRole::ocsp_signer: return "OCSPSigning";
        case CertificateRole::root:
        case CertificateRole::issuing: break;
    }
    return {};
}

std::string alternative_names(const CertificateRequest& request) {
    std::string names;
    const auto add = [&names](std::string_view kind, std::string_view name) {
        if (!names.empty()) names += ',';
        names += fmt::format("{}:{}", kind, name);
    };
    for (const std::string& name : request.dns_names) add("DNS", name);
    for (const IpAddress& address : request.addresses) add("IP", address.to_string());
    return names;
}

class Builder {
public:
    Builder() : certificate_(X509_new()) { RINGFENCE_ASSERT(certificate_ != nullptr); }

    bool set_version_and_serial(Random& random) {
        std::string serial = random.bytes(serial_size);
        serial[0] = static_cast<char>(serial[0] & 0x7f);
        serial.back() = static_cast<char>(serial.back() | 1);  // never zero
        const NumberOwner number(
            BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()), static_cast<int>(serial.size()), nullptr));
        return number != nullptr && X509_set_version(certificate_.get(), X509_VERSION_3) == 1 &&
               BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate_.get())) != nullptr;
    }

    bool set_dates(WallTime begin, WallTime end) {
        return ASN1_TIME_set(X509_getm_notBefore(certificate_.get()), to_seconds(begin)) != nullptr &&
               ASN1_TIME_set(X509_getm_notAfter(certificate_.get()), to_seconds(end)) != nullptr;
    }

    bool set_subject(const CertificateRequest& request) {
        X509_NAME* name = X509_get_subject_name(certificate_.get());
        if (!request.organization.empty() && !add_name(name, "O", request.organization)) return false;
        if (!request.serial_number.empty() && !add_name(name, "serialNumber", request.serial_number)) return false;
        return add_name(name, "CN", request.common_name);
    }

    bool set_issuer(const X509* issuer) {
        return X509_set_issuer_name(certificate_.get(), X509_get_subject_name(issuer)) == 1;
    }

    bool set_key(const PublicKey& key) { return X509_set_pubkey(certificate_.get(), key.native()) == 1; }

    // `issuer` may be this certificate itself.
    bool add_extensions(const CertificateRequest& request, const PublicKey& subject_key, X509* issuer) {
        const bool is_unchecked = request.role == CertificateRole::ocsp_signer;
        return add(issuer, NID_basic_constraints, std::string(basic_constraints(request.role))) &&
               add(issuer, NID_key_usage, key_usage(request.role, subject_key)) &&
               add(issuer, NID_subject_key_identifier, "hash") &&
               add(issuer, NID_authority_key_identifier, "keyid:always") &&
               add_unless_empty(issuer, NID_ext_key_usage, "", extended_key_usage(request)) &&
               add_unless_empty(issuer, NID_subject_alt_name, "", alternative_names(request)) &&
               add_unless_empty(issuer, NID_crl_distribution_points, "URI:", request.revocation_list_url) &&
               add_unless_empty(issuer, NID_info_access, "OCSP;URI:", request.ocsp_url) &&
               (!is_unchecked || add(issuer, NID_id_pkix_OCSP_noCheck, "ignored"));
    }

    bool sign(const PrivateKey& key) { return X509_sign(certificate_.get(), key.native(), EVP_sha256()) > 0; }

    X509* get() const { return certificate_.get(); }

private:
    static bool add_name(X509_NAME* name, const char* field, const std::string& value) {
        return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                          reinterpret_cast<const unsigned char*>(value.data()),
                                          static_cast<int>(value.size()), -1, 0) == 1;
    }

    bool add_unless_empty(X509* issuer, int nid, std::string_view before, const std::string& value) {
        return value.empty() || add(issuer, nid, std::string(before) + value);
    }

    bool add(X509* issuer, int nid, const std::string& value) {
        X509V3_CTX context;
        X509V3_set_ctx_nodb(&context);
        X509V3_set_ctx(&context, issuer, certificate_.get(), nullptr, nullptr, 0);
        const ExtensionOwner extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
        return extension != nullptr && X509_add_ext(certificate_.get(), extension.get(), -1) == 1;
    }

    X509Owner certificate_;
};

// An empty issuer: the certificate signs itself.
Result<Certificate> build(const CertificateRequest& request, const PublicKey& subject_key, const X509* issuer,
                          const PrivateKey& signing_key, Random& random) {
    Builder builder;
    const bool filled = builder.set_version_and_serial(random) &&
                        builder.set_dates(request.not_before, request.not_after) && builder.set_subject(request) &&
                        builder.set_key(subject_key) && builder.set_issuer(issuer != nullptr ? issuer : builder.get());
    // The extension code takes a mutable issuer but only reads it.
    X509* extension_issuer = issuer != nullptr ? const_cast<X509*>(issuer) : builder.get();
    if (!filled || !builder.add_extensions(request, subject_key, extension_issuer) || !builder.sign(signing_key)) {
        return fail(openssl_fault("making a certificate"));
    }
    // Parsed again, so that what is handed out is what its bytes say.
    const Certificate made = Certificate::share(builder.get());
    return Certificate::parse_der(made.to_der());
}

}  // namespace

Result<Certificate> make_root(const CertificateRequest& request, const PrivateKey& key, Random& random) {
    RINGFENCE_ASSERT(request.role == CertificateRole::root);
    if (auto checked = check_request(request); !checked) return fail(std::move(checked).error());
    auto subject_key = key.public_key();
    if (!subject_key) return fail(std::move(subject_key).error());
    return build(request, *subject_key, nullptr, key, random);
}

Result<Certificate> sign_certificate(const CertificateRequest& request, const PrivateKey& subject_key,
                                     const Signer& signer, Random& random) {
    auto public_key = subject_key.public_key();
    if (!public_key) return fail(std::move(public_key).error());
    return sign_certificate(request, *public_key, signer, random);
}

Result<Certificate> sign_certificate(const CertificateRequest& request, const PublicKey& subject_key,
                                     const Signer& signer, Random& random) {
    RINGFENCE_ASSERT(request.role != CertificateRole::root);
    if (auto checked = check_request(request); !checked) return fail(std::move(checked).error());
    if (!signer.key.matches(signer.certificate)) {
        return fail(FaultCode::conflict, "the signing key does not belong to the signing certificate");
    }
    if (request.not_after > signer.certificate.not_after()) {
        return fail(FaultCode::conflict, fmt::format("a certificate cannot outlive its issuer, which ends on {}",
                                                     format_time(signer.certificate.not_after())));
    }
    return build(request, subject_key, signer.certificate.native(), signer.key, random);
}

}  // namespace ringfence::crypto
