#include "crypto/cmp_request.h"

#include "crypto/der.h"
#include "crypto/names.h"
#include "crypto/openssl.h"
#include "crypto/public_key.h"

namespace ringfence::crypto {

namespace {

using namespace std::string_view_literals;

void release_extensions(X509_EXTENSIONS* extensions) { sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free); }

using ExtensionsOwner = Owner<X509_EXTENSIONS, release_extensions>;

constexpr auto crl_reason_oid = "\x55\x1d\x15"sv;  // 2.5.29.21
constexpr std::uint64_t max_crl_reason = 10;       // aACompromise
constexpr std::uint64_t max_status = 6;            // keyUpdateWarning

// CertReqMsg -> certReq -> certTemplate -> publicKey, RFC 4211 sections 3 to 5. Empty: none.
std::string key_in_template(std::string_view der) {
    constexpr unsigned char public_key = der_context(6);
    DerReader outer(der);
    DerReader message(outer.take(der_sequence).content);
    DerReader wanted(message.take(der_sequence).content);
    wanted.take(der_integer);  // certReqId
    DerReader form(wanted.take(der_sequence).content);
    while (form.has_more() && !form.is_next(public_key)) form.take();
    return form.has_more() ? format_der(der_sequence, form.take().content) : std::string();
}

// CertificationRequest -> certificationRequestInfo -> subjectPKInfo, RFC 2986 section 4. Empty: none.
std::string key_in_pkcs10(std::string_view der) {
    DerReader outer(der);
    DerReader request(outer.take(der_sequence).content);
    DerReader info(request.take(der_sequence).content);
    info.take(der_integer);   // version
    info.take(der_sequence);  // subject
    return std::string(info.take(der_sequence).whole);
}

std::vector<std::string> dns_names_of(const X509_EXTENSIONS* extensions) {
    const NamesOwner names(extensions == nullptr ? nullptr
                                                 : static_cast<GENERAL_NAMES*>(X509V3_get_d2i(
                                                       extensions, NID_subject_alt_name, nullptr, nullptr)));
    ERR_clear_error();
    return dns_names_in(names.get());
}

}  // namespace

CmpRequestKind cmp_request_kind(const OSSL_CMP_MSG* message) {
    switch (static_cast<CmpBody>(OSSL_CMP_MSG_get_bodytype(message))) {
        case CmpBody::cr: return CmpRequestKind::certificate;
        case CmpBody::p10cr: return CmpRequestKind::pkcs10;
        case CmpBody::kur: return CmpRequestKind::key_update;
        default: return CmpRequestKind::initial;
    }
}

bool is_key_taken(CmpBody body, std::string_view content) {
    switch (body) {
        case CmpBody::ir:
        case CmpBody::cr:
        case CmpBody::kur: {
            DerReader outer(content);
            DerReader requests(outer.take(der_sequence).content);
            return PublicKey::parse_der(key_in_template(requests.take(der_sequence).whole)).has_value();
        }
        case CmpBody::p10cr: return PublicKey::parse_der(key_in_pkcs10(content)).has_value();
        default: return true;
    }
}

void read_cmp_template(const OSSL_CRMF_MSG* message, CmpRequest& out) {
    const OSSL_CRMF_CERTTEMPLATE* form = OSSL_CRMF_MSG_get0_tmpl(message);
    const X509_NAME* subject = OSSL_CRMF_CERTTEMPLATE_get0_subject(form);
    out.public_key_der = key_in_template(encode_der(message, i2d_OSSL_CRMF_MSG));
    if (subject != nullptr) out.subject = format_name(subject);
    out.dns_names = dns_names_of(OSSL_CRMF_CERTTEMPLATE_get0_extensions(form));
}

void read_cmp_pkcs10(const X509_REQ* pkcs10, CmpRequest& out) {
    // OpenSSL's getters want to be able to change it.
    auto* const asked = const_cast<X509_REQ*>(pkcs10);
    out.public_key_der = encode_der(X509_REQ_get_X509_PUBKEY(asked), i2d_X509_PUBKEY);
    out.subject = format_name(X509_REQ_get_subject_name(pkcs10));
    const ExtensionsOwner extensions(X509_REQ_get_extensions(asked));
    out.dns_names = dns_names_of(extensions.get());
}

bool names(const CertificateId& id, const Certificate& certificate) {
    return id.issuer != nullptr && id.serial != nullptr &&
           X509_NAME_cmp(id.issuer, X509_get_issuer_name(certificate.native())) == 0 &&
           ASN1_INTEGER_cmp(id.serial, X509_get0_serialNumber(certificate.native())) == 0;
}

// RevReqContent -> RevDetails -> crlEntryDetails -> reasonCode, RFC 9810 section 5.3.9.
int reason_of_revocation(std::string_view body) {
    DerReader outer(body);
    DerReader list(outer.take(der_sequence).content);
    DerReader details(list.take(der_sequence).content);
    details.take();  // certDetails
    DerReader extensions(details.has_more() ? details.take(der_sequence).content : std::string_view());
    while (extensions.has_more()) {
        DerReader extension(extensions.take(der_sequence).content);
        if (extension.take(der_oid).content != crl_reason_oid) continue;
        while (extension.has_more() && !extension.is_next(der_octet_string)) extension.take();  // critical
        DerReader value(extension.take(der_octet_string).content);
        const auto reason = parse_der_number(value.take(der_enumerated).content, max_crl_reason);
        return reason <= max_crl_reason ? static_cast<int>(reason) : 0;
    }
    return 0;
}

bool says_accepted(const OSSL_CMP_PKISI* status) {
    if (status == nullptr) return true;
    const std::string der = encode_der(status, i2d_OSSL_CMP_PKISI);
    DerReader outer(der);
    DerReader info(outer.take(der_sequence).content);
    const auto number = parse_der_number(info.take(der_integer).content, max_status);
    return number == OSSL_CMP_PKISTATUS_accepted || number == OSSL_CMP_PKISTATUS_grantedWithMods;
}

}  // namespace ringfence::crypto
