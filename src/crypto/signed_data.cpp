#include "crypto/signed_data.h"

#include <openssl/cms.h>
#include <openssl/pem.h>

#include <algorithm>

#include "crypto/openssl.h"
#include "crypto/pem.h"

namespace ringfence::crypto {

namespace {

void release_certificates(STACK_OF(X509) * certificates) { sk_X509_pop_free(certificates, X509_free); }
void release_values(ASN1_SEQUENCE_ANY* values) { sk_ASN1_TYPE_pop_free(values, ASN1_TYPE_free); }

using CmsOwner = Owner<CMS_ContentInfo, CMS_ContentInfo_free>;
using CertificatesOwner = Owner<STACK_OF(X509), release_certificates>;
using StringOwner = Owner<ASN1_STRING, ASN1_STRING_free>;
using ValueOwner = Owner<ASN1_TYPE, ASN1_TYPE_free>;
using SequenceOwner = Owner<ASN1_SEQUENCE_ANY, release_values>;

// ContentHints ::= SEQUENCE { contentDescription UTF8String OPTIONAL, contentType OBJECT IDENTIFIER }
constexpr int hints_attribute = NID_id_smime_aa_contentHint;

Result<CmsOwner> parse_cms(std::string_view pem) {
    if (pem.size() > max_signature_size) return fail(FaultCode::too_large, "a signature is larger than 64 kB");
    const auto block = read_only_block(pem);
    if (!block) return fail(block.error().within("the signature"));
    if (block->label != PEM_STRING_PKCS7 && block->label != PEM_STRING_CMS) {
        return fail(FaultCode::malformed, "the signature is not a PEM block of kind PKCS7 or CMS");
    }
    const auto* cursor = reinterpret_cast<const unsigned char*>(block->der.data());
    const auto* const end = cursor + block->der.size();
    CmsOwner cms(d2i_CMS_ContentInfo(nullptr, &cursor, static_cast<long>(block->der.size())));
    ERR_clear_error();
    if (cms == nullptr || cursor != end) return fail(FaultCode::malformed, "the signature's encoding is damaged");
    return cms;
}

Status check_form(CMS_ContentInfo* cms) {
    if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed) {
        return fail(FaultCode::malformed, "the signature's block is not signed data");
    }
    if (CMS_is_detached(cms) != 1) {
        return fail(FaultCode::malformed, "the signature carries content of its own instead of being detached");
    }
    if (OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data) {
        return fail(FaultCode::malformed, "the signature is over something else than plain data");
    }
    return {};
}

Result<CMS_SignerInfo*> only_signer(CMS_ContentInfo* cms) {
    auto* signers = CMS_get0_SignerInfos(cms);
    const int count = signers != nullptr ? sk_CMS_SignerInfo_num(signers) : 0;
    if (count < 1) return fail(FaultCode::malformed, "the signature names no signer");
    if (count > 1) return fail(FaultCode::malformed, "the signature has more than one signer");
    return sk_CMS_SignerInfo_value(signers, 0);
}

Status check_digest(CMS_SignerInfo* signer, Strength floor) {
    X509_ALGOR* digest = nullptr;
    CMS_SignerInfo_get0_algs(signer, nullptr, nullptr, &digest, nullptr);
    switch (OBJ_obj2nid(digest->algorithm)) {
        case NID_sha256:
        case NID_sha384:
        case NID_sha512: return {};
        case NID_sha1:
            if (floor == Strength::legacy) return {};
            return fail(FaultCode::untrusted, "weak signature: the file is signed over a SHA-1 hash");
        default: return fail(FaultCode::untrusted, "weak signature: the file is signed over a hash that is not taken");
    }
}

Result<std::vector<Certificate>> embedded_certificates(CMS_ContentInfo* cms) {
    const CertificatesOwner stack(CMS_get1_certs(cms));
    ERR_clear_error();
    const int count = stack != nullptr ? sk_X509_num(stack.get()) : 0;
    if (count > static_cast<int>(max_embedded_certificates)) {
        return fail(FaultCode::too_large, "a signature embeds more than 16 certificates");
    }
    std::vector<Certificate> certificates;
    certificates.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) certificates.push_back(Certificate::share(sk_X509_value(stack.get(), i)));
    return certificates;
}

// Empty: the signer did not sign a time. OpenSSL has checked that there is at most one.
Result<std::optional<WallTime>> signing_time(CMS_SignerInfo* signer) {
    const int at = CMS_signed_get_attr_by_NID(signer, NID_pkcs9_signingTime, -1);
    if (at < 0) return std::optional<WallTime>{};
    const ASN1_TYPE* value = X509_ATTRIBUTE_get0_type(CMS_signed_get_attr(signer, at), 0);
    const bool is_time = value != nullptr && (value->type == V_ASN1_UTCTIME || value->type == V_ASN1_GENERALIZEDTIME);
    if (!is_time || ASN1_TIME_check(value->value.asn1_string) != 1) {
        ERR_clear_error();
        return fail(FaultCode::malformed, "the signature's time cannot be read");
    }
    return std::optional<WallTime>{to_wall_time(value->value.asn1_string)};
}

SequenceOwner parse_sequence(const ASN1_STRING* der) {
    const unsigned char* cursor = ASN1_STRING_get0_data(der);
    SequenceOwner values(d2i_ASN1_SEQUENCE_ANY(nullptr, &cursor, ASN1_STRING_length(der)));
    ERR_clear_error();
    return values;
}

// Empty: the signer says nothing of the content. What cannot be read may be a limit, so it is not passed over.
Result<std::optional<std::string>> content_description(CMS_SignerInfo* signer) {
    const int at = CMS_signed_get_attr_by_NID(signer, hints_attribute, -1);
    if (at < 0) return std::optional<std::string>{};
    const auto malformed = fail(FaultCode::malformed, "what the signature says of its content cannot be read");
    X509_ATTRIBUTE* attribute = CMS_signed_get_attr(signer, at);
    const bool is_only = CMS_signed_get_attr_by_NID(signer, hints_attribute, at) < 0;
    if (!is_only || X509_ATTRIBUTE_count(attribute) != 1) return malformed;
    const ASN1_TYPE* value = X509_ATTRIBUTE_get0_type(attribute, 0);
    if (value->type != V_ASN1_SEQUENCE) return malformed;
    const auto hints = parse_sequence(value->value.sequence);
    if (hints == nullptr || sk_ASN1_TYPE_num(hints.get()) == 0) return malformed;
    const ASN1_TYPE* first = sk_ASN1_TYPE_value(hints.get(), 0);
    if (first->type != V_ASN1_UTF8STRING) return std::optional<std::string>{};
    const ASN1_STRING* text = first->value.utf8string;
    return std::optional<std::string>(std::in_place, reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                      static_cast<std::size_t>(ASN1_STRING_length(text)));
}

// The certificate whose key the signature was checked with; null: it is not embedded.
X509* certificate_of(CMS_SignerInfo* signer) {
    X509* certificate = nullptr;
    CMS_SignerInfo_get0_algs(signer, nullptr, &certificate, nullptr, nullptr);
    return certificate;
}

Status check_signature(CMS_ContentInfo* cms, CMS_SignerInfo* signer, std::string_view content) {
    constexpr unsigned flags = CMS_DETACHED | CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY;
    const bool holds = CMS_verify(cms, nullptr, nullptr, read_memory(content).get(), nullptr, flags) == 1;
    ERR_clear_error();
    if (certificate_of(signer) == nullptr) {
        return fail(FaultCode::malformed, "the signature does not carry its signer's certificate");
    }
    if (!holds) return fail(FaultCode::unauthenticated, "the signature does not belong to these bytes");
    return {};
}

bool push(ASN1_SEQUENCE_ANY* values, int type, const void* value) {
    ValueOwner added(ASN1_TYPE_new());
    if (added == nullptr || ASN1_TYPE_set1(added.get(), type, value) != 1) return false;
    if (sk_ASN1_TYPE_push(values, added.get()) <= 0) return false;
    static_cast<void>(added.release());
    return true;
}

bool add_description(CMS_SignerInfo* signer, std::string_view description) {
    if (description.empty()) return true;
    const StringOwner text(ASN1_STRING_type_new(V_ASN1_UTF8STRING));
    const SequenceOwner hints(sk_ASN1_TYPE_new_null());
    const bool is_filled = text != nullptr && hints != nullptr &&
                           ASN1_STRING_set(text.get(), description.data(), static_cast<int>(description.size())) == 1 &&
                           push(hints.get(), V_ASN1_UTF8STRING, text.get()) &&
                           push(hints.get(), V_ASN1_OBJECT, OBJ_nid2obj(NID_pkcs7_data));
    if (!is_filled) return false;
    unsigned char* der = nullptr;
    const int size = i2d_ASN1_SEQUENCE_ANY(hints.get(), &der);
    const BytesOwner<unsigned char> owner(der);
    return size > 0 && CMS_signed_add1_attr_by_NID(signer, hints_attribute, V_ASN1_SEQUENCE, der, size) == 1;
}

bool add_certificates(CMS_ContentInfo* cms, const std::vector<Certificate>& chain, const Certificate& signer) {
    std::vector<Certificate> added{signer};  // OpenSSL refuses to add one twice
    for (const Certificate& certificate : chain) {
        if (std::find(added.begin(), added.end(), certificate) != added.end()) continue;
        if (CMS_add1_cert(cms, certificate.native()) != 1) return false;
        added.push_back(certificate);
    }
    return true;
}

}  // namespace

Result<SignedData> verify_detached(std::string_view content, std::string_view pem, Strength floor) {
    if (content.size() > max_signed_content) return fail(FaultCode::too_large, "a signed file is larger than 64 MB");
    const auto cms = parse_cms(pem);
    if (!cms) return fail(cms.error());
    if (auto checked = check_form(cms->get()); !checked) return fail(std::move(checked).error());
    const auto signer = only_signer(cms->get());
    if (!signer) return fail(signer.error());
    if (auto checked = check_digest(*signer, floor); !checked) return fail(std::move(checked).error());
    auto certificates = embedded_certificates(cms->get());
    if (!certificates) return fail(std::move(certificates).error());
    if (auto checked = check_signature(cms->get(), *signer, content); !checked) return fail(std::move(checked).error());
    const auto signed_at = signing_time(*signer);
    if (!signed_at) return fail(signed_at.error());
    auto description = content_description(*signer);
    if (!description) return fail(std::move(description).error());

    const Certificate certificate = Certificate::share(certificate_of(*signer));
    certificates->erase(std::remove(certificates->begin(), certificates->end(), certificate), certificates->end());
    return SignedData{certificate, std::move(*certificates), *signed_at, std::move(*description)};
}

Result<std::string> sign_detached(const DetachedContent& content, const Signer& signer,
                                  const std::vector<Certificate>& chain, WallTime now) {
    if (content.bytes.size() > max_signed_content)
        return fail(FaultCode::too_large, "a file to sign is larger than 64 MB");
    if (content.description.size() > max_signature_size) {
        return fail(FaultCode::too_large, "a signature cannot say more than 64 kB of its content");
    }
    if (chain.size() >= max_embedded_certificates) {
        return fail(FaultCode::too_large, "a signature cannot embed more than 16 certificates");
    }
    if (!signer.key.matches(signer.certificate)) {
        return fail(FaultCode::conflict, "the signing key does not belong to the signing certificate");
    }
    constexpr unsigned flags = CMS_DETACHED | CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
    const CmsOwner cms(CMS_sign(nullptr, nullptr, nullptr, nullptr, flags));
    CMS_SignerInfo* info = cms == nullptr ? nullptr
                                          : CMS_add1_signer(cms.get(), signer.certificate.native(), signer.key.native(),
                                                            EVP_sha256(), flags);
    const TimeOwner time = make_time(now);
    constexpr int whole_object = -1;
    const bool is_signed = info != nullptr && time != nullptr &&
                           CMS_signed_add1_attr_by_NID(info, NID_pkcs9_signingTime, ASN1_STRING_type(time.get()),
                                                       time.get(), whole_object) == 1 &&
                           add_description(info, content.description) &&
                           add_certificates(cms.get(), chain, signer.certificate) &&
                           CMS_final(cms.get(), read_memory(content.bytes).get(), nullptr, flags) == 1;
    if (!is_signed) return fail(openssl_fault("signing a file"));

    unsigned char* der = nullptr;
    const int size = i2d_CMS_ContentInfo(cms.get(), &der);
    const BytesOwner<unsigned char> owner(der);
    const BioOwner bio = make_memory_bio();
    if (size <= 0 || PEM_write_bio(bio.get(), PEM_STRING_PKCS7, "", der, size) <= 0) {
        return fail(openssl_fault("signing a file"));
    }
    return take_bytes(bio.get());
}

}  // namespace ringfence::crypto
