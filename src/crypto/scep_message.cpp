#include "crypto/scep_message.h"

#include <openssl/cms.h>
#include <openssl/provider.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "crypto/openssl.h"

namespace ringfence::crypto {

namespace {

// Signed attributes, RFC 8894 section 3.2.1.
constexpr const char* message_type_oid = "2.16.840.1.113733.1.9.2";
constexpr const char* status_oid = "2.16.840.1.113733.1.9.3";
constexpr const char* failure_oid = "2.16.840.1.113733.1.9.4";
constexpr const char* sender_nonce_oid = "2.16.840.1.113733.1.9.5";
constexpr const char* recipient_nonce_oid = "2.16.840.1.113733.1.9.6";
constexpr const char* transaction_id_oid = "2.16.840.1.113733.1.9.7";
constexpr const char* failure_text_oid = "1.3.6.1.5.5.7.24.1";
// Extended key usages that say "registration authority": Microsoft's enrolment agent and id-kp-cmcRA (RFC 6402).
constexpr std::array ra_usage_oids = {"1.3.6.1.4.1.311.20.2.1", "1.3.6.1.5.5.7.3.28"};

constexpr std::size_t max_nonce = 64;          // ours have 16; others may be longer
constexpr std::size_t max_failure_text = 512;  // a sentence
constexpr unsigned max_rsa_bits = 16384;       // OpenSSL verifies nothing larger
constexpr auto signer_life = std::chrono::hours(24) * 365;
constexpr auto signer_head_start = std::chrono::hours(24);  // clocks differ
constexpr std::size_t serial_size = 16;

void release_certificates(STACK_OF(X509) * certificates) { sk_X509_pop_free(certificates, X509_free); }
void release_bytes(unsigned char* bytes) { OPENSSL_free(bytes); }

using CmsOwner = Owner<CMS_ContentInfo, CMS_ContentInfo_free>;
using CertificatesOwner = Owner<STACK_OF(X509), release_certificates>;
using DerOwner = Owner<unsigned char, release_bytes>;
using ObjectOwner = Owner<ASN1_OBJECT, ASN1_OBJECT_free>;
using UsagesOwner = Owner<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>;
using NumberOwner = Owner<BIGNUM, BN_free>;
using ExtensionOwner = Owner<X509_EXTENSION, X509_EXTENSION_free>;

// Single DES stands in OpenSSL's legacy provider. It is loaded here alone, so that nothing else of the program can meet
// its algorithms. Lives as long as the program; null: OpenSSL failed, or the provider is not installed.
OSSL_LIB_CTX* single_des_context() {
    static OSSL_LIB_CTX* const context = [] {
        OSSL_LIB_CTX* made = OSSL_LIB_CTX_new();
        const bool is_whole = made != nullptr && OSSL_PROVIDER_load(made, "default") != nullptr &&
                              OSSL_PROVIDER_load(made, "legacy") != nullptr;
        ERR_clear_error();
        if (is_whole) return made;
        OSSL_LIB_CTX_free(made);
        return static_cast<OSSL_LIB_CTX*>(nullptr);
    }();
    return context;
}

template <typename T, typename Encode>
std::string encode(T* object, Encode encoder) {
    unsigned char* der = nullptr;
    const int size = encoder(object, &der);
    if (size <= 0) return {};
    const DerOwner owner(der);
    return {reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)};
}

// Null: it is no CMS message, or bytes follow it.
CmsOwner parse_cms(std::string_view der, OSSL_LIB_CTX* context = nullptr) {
    CMS_ContentInfo* cms = CMS_ContentInfo_new_ex(context, nullptr);
    const auto* cursor = reinterpret_cast<const unsigned char*>(der.data());
    const auto* const end = cursor + der.size();
    const bool is_whole =
        cms != nullptr && d2i_CMS_ContentInfo(&cms, &cursor, static_cast<long>(der.size())) != nullptr && cursor == end;
    CmsOwner owner(cms);
    ERR_clear_error();
    return is_whole ? std::move(owner) : CmsOwner();
}

bool is_of_type(const CMS_ContentInfo* cms, int nid) { return OBJ_obj2nid(CMS_get0_type(cms)) == nid; }

Result<std::vector<Certificate>> embedded_certificates(CMS_ContentInfo* cms) {
    const CertificatesOwner stack(CMS_get1_certs(cms));
    ERR_clear_error();
    const int count = stack != nullptr ? sk_X509_num(stack.get()) : 0;
    if (count > static_cast<int>(max_scep_certificates))
        return fail(FaultCode::too_large, "a SCEP message holds more than 16 certificates");
    std::vector<Certificate> certificates;
    for (int i = 0; i < count; ++i) certificates.push_back(Certificate::share(sk_X509_value(stack.get(), i)));
    return certificates;
}

bool has_rsa_key(const Certificate& certificate) {
    return certificate.key_kind() == KeyKind::rsa && certificate.key_bits() <= max_rsa_bits;
}

// Without key usage everything is allowed.
bool may(const Certificate& certificate, std::uint32_t usage) {
    const std::uint32_t usages = X509_get_key_usage(certificate.native());
    ERR_clear_error();
    return (usages & usage) != 0;
}

// --- attributes ---------------------------------------------------------------------------------------------------

struct NamedNumber {
    ScepFailure failure;
    std::string_view name;
};
constexpr std::array failure_names = {
    NamedNumber{ScepFailure::bad_algorithm, "badAlg"},
    NamedNumber{ScepFailure::bad_message_check, "badMessageCheck"},
    NamedNumber{ScepFailure::bad_request, "badRequest"},
    NamedNumber{ScepFailure::bad_time, "badTime"},
    NamedNumber{ScepFailure::bad_certificate_id, "badCertId"},
};

// Empty: absent, there twice, or of another type.
std::optional<std::string> find_attribute(CMS_SignerInfo* signer, const char* oid, int type) {
    constexpr int exactly_one_value = -3;
    const ObjectOwner object(OBJ_txt2obj(oid, 1));
    const auto* value =
        static_cast<const ASN1_STRING*>(CMS_signed_get0_data_by_OBJ(signer, object.get(), exactly_one_value, type));
    ERR_clear_error();
    if (value == nullptr) return std::nullopt;
    return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                       static_cast<std::size_t>(ASN1_STRING_length(value)));
}

// RFC 8894 says PrintableString, and a transaction id that is none is written in another form.
std::optional<std::string> find_text(CMS_SignerInfo* signer, const char* oid) {
    for (const int type : {V_ASN1_PRINTABLESTRING, V_ASN1_UTF8STRING, V_ASN1_IA5STRING, V_ASN1_T61STRING})
        if (auto text = find_attribute(signer, oid, type)) return text;
    return std::nullopt;
}

template <typename Number>
std::optional<Number> find_number(CMS_SignerInfo* signer, const char* oid, std::initializer_list<Number> known) {
    const auto number = parse_number(find_text(signer, oid).value_or(""));
    for (const Number one : known)
        if (number == static_cast<std::uint64_t>(one)) return one;
    return std::nullopt;
}

Fault no_message(std::string_view why) {
    return Fault{FaultCode::malformed, "this is no SCEP message: " + std::string(why)};
}

Result<ScepAttributes> read_attributes(CMS_SignerInfo* signer) {
    const auto type = find_number(signer, message_type_oid,
                                  {ScepMessageType::certificate_reply, ScepMessageType::renewal_request,
                                   ScepMessageType::pkcs_request, ScepMessageType::certificate_poll});
    if (!type) return fail(no_message("its type is missing or not known"));
    ScepAttributes out;
    out.type = *type;
    out.transaction_id = find_text(signer, transaction_id_oid).value_or("");
    if (out.transaction_id.empty() || out.transaction_id.size() > max_transaction_id)
        return fail(no_message("its transaction id is missing or too long"));
    out.sender_nonce = find_attribute(signer, sender_nonce_oid, V_ASN1_OCTET_STRING).value_or("");
    out.recipient_nonce = find_attribute(signer, recipient_nonce_oid, V_ASN1_OCTET_STRING).value_or("");
    if (out.sender_nonce.size() > max_nonce || out.recipient_nonce.size() > max_nonce)
        return fail(no_message("a nonce is too long"));
    if (*type != ScepMessageType::certificate_reply) {
        if (out.sender_nonce.empty()) return fail(no_message("its nonce is missing"));
        return out;
    }
    out.status = find_number(signer, status_oid, {ScepStatus::success, ScepStatus::failure, ScepStatus::pending});
    if (!out.status) return fail(no_message("its status is missing or not known"));
    if (*out.status != ScepStatus::failure) return out;
    out.failure = find_number(signer, failure_oid,
                              {ScepFailure::bad_algorithm, ScepFailure::bad_message_check, ScepFailure::bad_request,
                               ScepFailure::bad_time, ScepFailure::bad_certificate_id});
    out.failure_text =
        find_attribute(signer, failure_text_oid, V_ASN1_UTF8STRING).value_or("").substr(0, max_failure_text);
    return out;
}

bool is_printable_string(std::string_view text) {
    constexpr std::string_view marks = " '()+,-./:=?";  // X.680 section 41.4
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return is_ascii_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || marks.find(c) != marks.npos;
    });
}

bool add_attribute(CMS_SignerInfo* signer, const char* oid, int type, std::string_view bytes) {
    return CMS_signed_add1_attr_by_txt(signer, oid, type, bytes.data(), static_cast<int>(bytes.size())) == 1;
}

template <typename Number>
bool add_number(CMS_SignerInfo* signer, const char* oid, Number number) {
    return add_attribute(signer, oid, V_ASN1_PRINTABLESTRING, std::to_string(static_cast<int>(number)));
}

bool add_attributes(CMS_SignerInfo* signer, const ScepAttributes& attributes) {
    const int id_type = is_printable_string(attributes.transaction_id) ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING;
    const auto add_nonce = [&](const char* oid, const std::string& nonce) {
        return nonce.empty() || add_attribute(signer, oid, V_ASN1_OCTET_STRING, nonce);
    };
    return add_number(signer, message_type_oid, attributes.type) &&
           add_attribute(signer, transaction_id_oid, id_type, attributes.transaction_id) &&
           add_nonce(sender_nonce_oid, attributes.sender_nonce) &&
           add_nonce(recipient_nonce_oid, attributes.recipient_nonce) &&
           (!attributes.status || add_number(signer, status_oid, *attributes.status)) &&
           (!attributes.failure || add_number(signer, failure_oid, *attributes.failure)) &&
           (attributes.failure_text.empty() ||
            add_attribute(signer, failure_text_oid, V_ASN1_UTF8STRING, attributes.failure_text));
}

// --- the outer layer: SignedData ----------------------------------------------------------------------------------

const EVP_MD* native_digest(ScepDigest digest) {
    switch (digest) {
        case ScepDigest::sha1: return EVP_sha1();
        case ScepDigest::sha256: return EVP_sha256();
        case ScepDigest::sha512: return EVP_sha512();
    }
    return EVP_sha256();
}

// Of a message that arrived; a reply is made with the same.
std::optional<ScepDigest> digest_of(CMS_SignerInfo* signer) {
    X509_ALGOR* digest = nullptr;
    CMS_SignerInfo_get0_algs(signer, nullptr, nullptr, &digest, nullptr);
    switch (OBJ_obj2nid(digest->algorithm)) {
        case NID_sha1: return ScepDigest::sha1;
        case NID_sha256:
        case NID_sha384: return ScepDigest::sha256;
        case NID_sha512: return ScepDigest::sha512;
        default: return std::nullopt;
    }
}

const Certificate* find_signer(CMS_SignerInfo* signer, const std::vector<Certificate>& candidates) {
    const auto found = std::find_if(candidates.begin(), candidates.end(), [&](const Certificate& one) {
        return CMS_SignerInfo_cert_cmp(signer, one.native()) == 0;
    });
    return found == candidates.end() ? nullptr : &*found;
}

// What was signed; the signer's certificate has been set.
Result<std::string> verified_content(CMS_ContentInfo* cms) {
    const BioOwner nothing = read_memory("");
    const BioOwner out = make_memory_bio();
    const bool is_empty = CMS_is_detached(cms) == 1;  // some servers' PENDING and FAILURE
    const bool holds = CMS_verify(cms, nullptr, nullptr, is_empty ? nothing.get() : nullptr, out.get(),
                                  CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) == 1;
    ERR_clear_error();
    if (!holds) return fail(FaultCode::unauthenticated, "the signature of the SCEP message does not hold");
    return take_bytes(out.get());
}

// `signers` empty: the signer's certificate is the embedded one.
Result<ScepMessage> parse_message(std::string_view der, const std::vector<Certificate>& signers) {
    if (der.size() > max_scep_message) return fail(FaultCode::too_large, "a SCEP message is larger than 64 kB");
    const CmsOwner cms = parse_cms(der);
    if (cms == nullptr || !is_of_type(cms.get(), NID_pkcs7_signed)) return fail(no_message("it is not signed data"));
    if (OBJ_obj2nid(CMS_get0_eContentType(cms.get())) != NID_pkcs7_data)
        return fail(no_message("what it holds is not plain data"));
    auto* infos = CMS_get0_SignerInfos(cms.get());
    if (infos == nullptr || sk_CMS_SignerInfo_num(infos) != 1) return fail(no_message("it has not exactly one signer"));
    CMS_SignerInfo* info = sk_CMS_SignerInfo_value(infos, 0);
    const auto digest = digest_of(info);
    if (!digest) return fail(FaultCode::untrusted, "the SCEP message is signed over a hash that is not taken");

    auto embedded = embedded_certificates(cms.get());
    if (!embedded) return fail(std::move(embedded.error()));
    const Certificate* signer = find_signer(info, signers.empty() ? *embedded : signers);
    if (signer == nullptr)
        return signers.empty() ? fail(no_message("its signer's certificate is missing"))
                               : fail(FaultCode::untrusted, "somebody else than the authority signed the SCEP message");
    if (!has_rsa_key(*signer)) return fail(no_message("its signer's key is not of RSA"));
    if (signers.empty() && !signer->public_key()) return fail(no_message("its signer's key is none that is taken"));
    CMS_SignerInfo_set1_signer_cert(info, signer->native());
    auto content = verified_content(cms.get());
    if (!content) return fail(std::move(content.error()));
    auto attributes = read_attributes(info);
    if (!attributes) return fail(std::move(attributes.error()));
    return ScepMessage{std::move(*attributes), *signer, *digest, std::move(*content)};
}

Status check_attributes(const ScepAttributes& attributes) {
    if (attributes.transaction_id.empty() || attributes.transaction_id.size() > max_transaction_id)
        return fail(FaultCode::malformed, "a SCEP transaction id has 1 to 256 bytes");
    if (attributes.sender_nonce.empty() || attributes.sender_nonce.size() > max_nonce ||
        attributes.recipient_nonce.size() > max_nonce || attributes.failure_text.size() > max_failure_text)
        return fail(FaultCode::malformed, "a SCEP message cannot carry these nonces and texts");
    return {};
}

// `envelope` empty: the content is there and has no bytes. Where it is absent, which CMS allows too, certmonger cannot
// check the signature and neither learns that it was refused nor polls.
Result<std::string> sign_message(const ScepAttributes& attributes, std::string_view envelope, const Signer& signer,
                                 ScepDigest digest) {
    if (auto checked = check_attributes(attributes); !checked) return fail(std::move(checked.error()));
    if (!signer.key.matches(signer.certificate))
        return fail(FaultCode::conflict, "the signing key does not belong to the signing certificate");
    constexpr unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
    const CmsOwner cms(CMS_sign(nullptr, nullptr, nullptr, nullptr, flags));
    CMS_SignerInfo* info = cms == nullptr ? nullptr
                                          : CMS_add1_signer(cms.get(), signer.certificate.native(), signer.key.native(),
                                                            native_digest(digest), flags);
    const bool is_signed = info != nullptr && add_attributes(info, attributes) &&
                           CMS_final(cms.get(), read_memory(envelope).get(), nullptr, flags) == 1;
    std::string der = is_signed ? encode(cms.get(), i2d_CMS_ContentInfo) : std::string();
    if (der.empty()) return fail(openssl_fault("signing a SCEP message"));
    return der;
}

// --- the inner layer: EnvelopedData -------------------------------------------------------------------------------

// Said of everything that goes wrong inside: who sends ciphertext to be tried must not learn how far it came.
auto cannot_open() { return fail(FaultCode::malformed, "the SCEP message could not be opened"); }

// Walks over DER; every step may fail, and then all later ones do.
class DerWalk {
public:
    explicit DerWalk(std::string_view der) : rest_(der) {}

    // Into an element with this tag.
    DerWalk& enter(int tag, int tag_class = V_ASN1_UNIVERSAL) {
        const auto element = take();
        rest_ = element && element->tag == tag && element->tag_class == tag_class ? element->content : stop();
        return *this;
    }
    DerWalk& skip() {
        if (!take()) rest_ = stop();
        return *this;
    }
    // Passes over an element with this tag, if it is next.
    DerWalk& skip_if(int tag, int tag_class) {
        const auto before = rest_;
        const auto element = take();
        if (!element || element->tag != tag || element->tag_class != tag_class) rest_ = before;
        return *this;
    }
    // The object that is next; NID_undef: none, or one that is not known.
    int object() const {
        const auto* cursor = reinterpret_cast<const unsigned char*>(rest_.data());
        const ObjectOwner object(rest_.empty() ? nullptr
                                               : d2i_ASN1_OBJECT(nullptr, &cursor, static_cast<long>(rest_.size())));
        ERR_clear_error();
        return object == nullptr ? NID_undef : OBJ_obj2nid(object.get());
    }

private:
    struct Element {
        int tag = 0;
        int tag_class = 0;
        std::string_view content;
    };
    static std::string_view stop() { return {}; }
    std::optional<Element> take() {
        const auto* cursor = reinterpret_cast<const unsigned char*>(rest_.data());
        long length = 0;
        Element element;
        constexpr int error = 0x80, indefinite = 0x01;
        const int seen =
            ASN1_get_object(&cursor, &length, &element.tag, &element.tag_class, static_cast<long>(rest_.size()));
        ERR_clear_error();
        if (rest_.empty() || (seen & (error | indefinite)) != 0) return std::nullopt;
        const auto head = static_cast<std::size_t>(reinterpret_cast<const char*>(cursor) - rest_.data());
        element.content = rest_.substr(head, static_cast<std::size_t>(length));
        rest_.remove_prefix(head + element.content.size());
        return element;
    }
    std::string_view rest_;
};

// No function of CMS_* tells the cipher of EnvelopedData (RFC 5652 section 6.1) before it is opened.
int content_cipher(CMS_ContentInfo* enveloped) {
    const std::string der = encode(enveloped, i2d_CMS_ContentInfo);
    return DerWalk(der)
        .enter(V_ASN1_SEQUENCE)               // ContentInfo
        .skip()                               // contentType
        .enter(0, V_ASN1_CONTEXT_SPECIFIC)    // content
        .enter(V_ASN1_SEQUENCE)               // EnvelopedData
        .skip()                               // version
        .skip_if(0, V_ASN1_CONTEXT_SPECIFIC)  // originatorInfo
        .skip()                               // recipientInfos
        .enter(V_ASN1_SEQUENCE)               // encryptedContentInfo
        .skip()                               // contentType
        .enter(V_ASN1_SEQUENCE)               // contentEncryptionAlgorithm
        .object();
}

bool has_only_recipient(CMS_ContentInfo* enveloped, const Certificate& recipient) {
    auto* infos = CMS_get0_RecipientInfos(enveloped);
    if (infos == nullptr || sk_CMS_RecipientInfo_num(infos) != 1) return false;
    CMS_RecipientInfo* info = sk_CMS_RecipientInfo_value(infos, 0);
    if (CMS_RecipientInfo_type(info) != CMS_RECIPINFO_TRANS) return false;
    X509_ALGOR* transport = nullptr;
    if (CMS_RecipientInfo_ktri_get0_algs(info, nullptr, nullptr, &transport) != 1) return false;
    return OBJ_obj2nid(transport->algorithm) == NID_rsaEncryption &&
           CMS_RecipientInfo_ktri_cert_cmp(info, recipient.native()) == 0;
}

// The certificate is always handed to CMS_decrypt: without it, it would try the key on every recipient
// (CVE-2026-42768).
Result<std::string> decrypt(CMS_ContentInfo* enveloped, const Signer& recipient) {
    const BioOwner out = make_memory_bio();
    const bool is_open = CMS_decrypt(enveloped, recipient.key.native(), recipient.certificate.native(), nullptr,
                                     out.get(), CMS_BINARY) == 1;
    ERR_clear_error();
    if (!is_open) return cannot_open();
    return take_bytes(out.get());
}

Result<std::string> open_envelope(std::string_view envelope, const Signer& recipient, SingleDes single_des) {
    CmsOwner cms = parse_cms(envelope);
    if (cms == nullptr || !is_of_type(cms.get(), NID_pkcs7_enveloped)) return cannot_open();
    switch (content_cipher(cms.get())) {
        case NID_aes_128_cbc:
        case NID_aes_192_cbc:
        case NID_aes_256_cbc:
        case NID_des_ede3_cbc:
            if (!has_only_recipient(cms.get(), recipient.certificate)) return cannot_open();
            return decrypt(cms.get(), recipient);
        case NID_des_cbc: break;
        default: return cannot_open();
    }
    if (single_des == SingleDes::refused)
        return fail(FaultCode::forbidden, "the SCEP message is encrypted with single DES, which anybody can break");
    if (single_des_context() == nullptr)
        return fail(FaultCode::unavailable, "OpenSSL's legacy provider, which knows single DES, is not installed");
    cms = parse_cms(envelope, single_des_context());
    if (cms == nullptr || !has_only_recipient(cms.get(), recipient.certificate)) return cannot_open();
    return decrypt(cms.get(), recipient);
}

Result<std::string> seal_envelope(std::string_view content, const Certificate& recipient, ScepCipher cipher) {
    if (!has_rsa_key(recipient))
        return fail(FaultCode::malformed, "only an RSA key can be the recipient of a SCEP message");
    const X509StackOwner recipients = make_stack({recipient});
    const auto* native = cipher == ScepCipher::aes128 ? EVP_aes_128_cbc() : EVP_des_ede3_cbc();
    const CmsOwner cms(CMS_encrypt(recipients.get(), read_memory(content).get(), native, CMS_BINARY));
    std::string der = cms == nullptr ? std::string() : encode(cms.get(), i2d_CMS_ContentInfo);
    if (der.empty()) return fail(openssl_fault("encrypting a SCEP message"));
    return der;
}

// --- the authority's certificates ---------------------------------------------------------------------------------

bool is_issued_by_name(const Certificate& certificate, const Certificate& issuer) {
    return X509_NAME_cmp(X509_get_issuer_name(certificate.native()), X509_get_subject_name(issuer.native())) == 0;
}

// The CA that issues: the issuer of an RA's certificate, else the lowest one.
const Certificate* find_ca(const std::vector<Certificate>& certificates) {
    const auto find = [&](auto&& is_wanted) {
        const auto found = std::find_if(certificates.begin(), certificates.end(), is_wanted);
        return found == certificates.end() ? nullptr : &*found;
    };
    const Certificate* ra = find([](const Certificate& one) { return !one.is_ca(); });
    if (ra != nullptr) return find([&](const Certificate& one) { return one.is_ca() && is_issued_by_name(*ra, one); });
    return find([&](const Certificate& one) {
        return std::none_of(certificates.begin(), certificates.end(),
                            [&](const Certificate& other) { return !(other == one) && is_issued_by_name(other, one); });
    });
}

bool has_ra_usage(const EXTENDED_KEY_USAGE* usages) {
    for (int i = 0; i < sk_ASN1_OBJECT_num(usages); ++i)
        for (const char* oid : ra_usage_oids) {
            const ObjectOwner wanted(OBJ_txt2obj(oid, 1));
            if (OBJ_cmp(sk_ASN1_OBJECT_value(usages, i), wanted.get()) == 0) return true;
        }
    return false;
}

bool is_made_for_tls_alone(const Certificate& certificate) {
    const UsagesOwner usages(
        static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(certificate.native(), NID_ext_key_usage, nullptr, nullptr)));
    ERR_clear_error();
    const bool says_tls = usages != nullptr &&
                          (X509_get_extended_key_usage(certificate.native()) & (XKU_SSL_CLIENT | XKU_SSL_SERVER)) != 0;
    ERR_clear_error();
    return says_tls && !has_ra_usage(usages.get());
}

Status check_ra(const Certificate& ra, const Certificate& ca) {
    if (auto issued = check_issued_by(ra, ca); !issued) return issued;
    if (is_made_for_tls_alone(ra))
        return fail(FaultCode::untrusted,
                    "what came as a registration authority's certificate is one for a device or a server: " +
                        printable(ra.subject()));
    return {};
}

Result<ScepAuthority> choose_authority(const std::vector<Certificate>& certificates) {
    const Certificate* ca = find_ca(certificates);
    if (ca == nullptr || !ca->is_ca())
        return fail(FaultCode::malformed, "the authority did not send the certificate of a CA");
    ScepAuthority out{*ca, *ca, {}};
    for (const auto& ra : certificates) {
        if (ra.is_ca()) continue;
        if (auto checked = check_ra(ra, *ca); !checked) return fail(std::move(checked.error()));
        if (has_rsa_key(ra) && may(ra, KU_KEY_ENCIPHERMENT)) out.encryption = ra;
        if (has_rsa_key(ra) && may(ra, KU_DIGITAL_SIGNATURE)) out.signers.push_back(ra);
    }
    // Many a CA that answers by itself lacks the key usages of RFC 8894 section 2.1.2.
    out.signers.push_back(*ca);
    if (!has_rsa_key(out.encryption))
        return fail(FaultCode::malformed, "the authority has no RSA certificate that a request can be encrypted to");
    return out;
}

bool fill_signer(X509* certificate, const CertificationRequest& request, const PrivateKey& key, WallTime now,
                 Random& random) {
    std::string serial = random.bytes(serial_size);
    serial[0] = static_cast<char>(serial[0] & 0x7f);
    serial.back() = static_cast<char>(serial.back() | 1);  // never zero
    const NumberOwner number(
        BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()), static_cast<int>(serial.size()), nullptr));
    const auto seconds = [](WallTime time) {
        return static_cast<std::time_t>(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
    };
    const ExtensionOwner usage(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_key_usage, "critical,digitalSignature,keyEncipherment"));
    const X509_NAME* subject = X509_REQ_get_subject_name(request.native());
    return number != nullptr && usage != nullptr && X509_set_version(certificate, X509_VERSION_3) == 1 &&
           BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr &&
           X509_set_subject_name(certificate, subject) == 1 && X509_set_issuer_name(certificate, subject) == 1 &&
           ASN1_TIME_set(X509_getm_notBefore(certificate), seconds(now - signer_head_start)) != nullptr &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), seconds(now + signer_life)) != nullptr &&
           X509_set_pubkey(certificate, key.native()) == 1 && X509_add_ext(certificate, usage.get(), -1) == 1 &&
           X509_sign(certificate, key.native(), EVP_sha256()) > 0;
}

}  // namespace

std::string_view to_string(ScepFailure failure) {
    for (const auto& known : failure_names)
        if (known.failure == failure) return known.name;
    return "";
}

ScepCapabilities parse_scep_capabilities(std::string_view text) {
    ScepCapabilities out;
    for (const auto line : split(text, '\n')) {
        const auto word = trim(line);
        const auto is = [&](std::string_view keyword) { return equals_ignoring_case(word, keyword); };
        const bool is_standard = is("SCEPStandard");  // implies the three
        out.aes = out.aes || is("AES") || is_standard;
        out.sha256 = out.sha256 || is("SHA-256") || is_standard;
        out.post = out.post || is("POSTPKIOperation") || is_standard;
        out.sha512 = out.sha512 || is("SHA-512");
        out.renewal = out.renewal || is("Renewal");
    }
    return out;
}

ScepAlgorithms choose_algorithms(const ScepCapabilities& capabilities) {
    ScepAlgorithms out{capabilities.aes ? ScepCipher::aes128 : ScepCipher::triple_des, ScepDigest::sha1};
    if (capabilities.sha512) out.digest = ScepDigest::sha512;
    if (capabilities.sha256) out.digest = ScepDigest::sha256;
    return out;
}

Result<std::string> format_certificates(const std::vector<Certificate>& certificates) {
    const X509StackOwner stack = make_stack(certificates);
    const CmsOwner cms(CMS_sign(nullptr, nullptr, stack.get(), nullptr, CMS_PARTIAL | CMS_DETACHED | CMS_BINARY));
    std::string der = cms == nullptr ? std::string() : encode(cms.get(), i2d_CMS_ContentInfo);
    if (der.empty()) return fail(openssl_fault("writing certificates as PKCS#7"));
    return der;
}

Result<std::vector<Certificate>> parse_certificates(std::string_view der) {
    if (der.size() > max_scep_message) return fail(FaultCode::too_large, "a PKCS#7 file is larger than 64 kB");
    const CmsOwner cms = parse_cms(der);
    if (cms == nullptr || !is_of_type(cms.get(), NID_pkcs7_signed))
        return fail(FaultCode::malformed, "this is no PKCS#7 file of certificates");
    auto certificates = embedded_certificates(cms.get());
    if (certificates && certificates->empty())
        return fail(FaultCode::malformed, "the PKCS#7 file holds no certificate");
    return certificates;
}

Status check_issued_by(const Certificate& certificate, const Certificate& issuer) {
    int hash = NID_undef;
    const bool is_named = issuer.is_ca() && X509_check_issued(issuer.native(), certificate.native()) == X509_V_OK;
    const bool is_signed = is_named && X509_verify(certificate.native(), X509_get0_pubkey(issuer.native())) == 1;
    const bool has_hash = X509_get_signature_info(certificate.native(), &hash, nullptr, nullptr, nullptr) == 1;
    ERR_clear_error();
    if (!is_signed)
        return fail(FaultCode::untrusted, "the certificate of " + printable(certificate.subject()) +
                                              " was not issued by " + printable(issuer.subject()));
    const bool is_strong = hash == NID_sha224 || hash == NID_sha256 || hash == NID_sha384 || hash == NID_sha512;
    if (!has_hash || !is_strong)
        return fail(FaultCode::untrusted, "the certificate of " + printable(certificate.subject()) +
                                              " is signed over a hash that is too old");
    return {};
}

Result<ScepAuthority> parse_scep_authority(std::string_view bytes) {
    auto alone = Certificate::parse_der(bytes);
    if (alone) return choose_authority({*alone});
    auto several = parse_certificates(bytes);
    if (several) return choose_authority(*several);
    if (several.error().code == FaultCode::too_large) return fail(std::move(several.error()));
    return fail(FaultCode::malformed, "what the authority sent is neither a certificate nor PKCS#7 with certificates");
}

Result<ScepMessage> parse_scep_message(std::string_view der) { return parse_message(der, {}); }

Result<Certificate> make_scep_signer(const CertificationRequest& request, const PrivateKey& key, WallTime now,
                                     Random& random) {
    const X509Owner certificate(X509_new());
    if (certificate == nullptr || !fill_signer(certificate.get(), request, key, now, random))
        return fail(openssl_fault("making the certificate of a SCEP request"));
    return Certificate::parse_der(encode(certificate.get(), i2d_X509));
}

Result<std::string> format_issuer_and_subject(const Certificate& ca, const CertificationRequest& request) {
    std::string names = encode(X509_get_subject_name(ca.native()), i2d_X509_NAME) +
                        encode(X509_REQ_get_subject_name(request.native()), i2d_X509_NAME);
    const int size = ASN1_object_size(1, static_cast<int>(names.size()), V_ASN1_SEQUENCE);
    std::string out(static_cast<std::size_t>(size), '\0');
    auto* cursor = reinterpret_cast<unsigned char*>(out.data());
    ASN1_put_object(&cursor, 1, static_cast<int>(names.size()), V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    std::copy(names.begin(), names.end(), reinterpret_cast<char*>(cursor));
    return out;
}

Result<std::string> format_scep_request(const ScepRequest& request, const Signer& signer, const Certificate& recipient,
                                        ScepAlgorithms algorithms) {
    const auto envelope = seal_envelope(request.content, recipient, algorithms.cipher);
    if (!envelope) return fail(envelope.error());
    return sign_message(request.attributes, *envelope, signer, algorithms.digest);
}

Result<ScepReply> open_scep_reply(std::string_view der, const ScepExpectation& expected) {
    RINGFENCE_ASSERT(!expected.signers.empty());
    auto message = parse_message(der, expected.signers);
    if (!message) return fail(std::move(message.error()));
    const ScepAttributes& got = message->attributes;
    if (got.type != ScepMessageType::certificate_reply) return fail(no_message("it is not a reply"));
    if (got.transaction_id != expected.transaction_id || got.recipient_nonce != expected.sender_nonce)
        return fail(FaultCode::conflict, "the SCEP reply belongs to another request");
    ScepReply reply{*got.status, got.failure, got.failure_text, {}};
    if (reply.status != ScepStatus::success) return reply;
    const auto opened = open_envelope(message->envelope, expected.recipient, expected.single_des);
    if (!opened) return fail(opened.error());
    auto certificates = parse_certificates(*opened);
    if (!certificates) return cannot_open();
    reply.certificates = std::move(*certificates);
    return reply;
}

std::optional<ScepCipher> find_cipher(const ScepMessage& message) {
    const CmsOwner cms = parse_cms(message.envelope);
    if (cms == nullptr || !is_of_type(cms.get(), NID_pkcs7_enveloped)) return std::nullopt;
    switch (content_cipher(cms.get())) {
        case NID_aes_128_cbc:
        case NID_aes_192_cbc:
        case NID_aes_256_cbc: return ScepCipher::aes128;
        case NID_des_ede3_cbc:
        case NID_des_cbc: return ScepCipher::triple_des;
        default: return std::nullopt;
    }
}

Result<CertificationRequest> open_scep_request(const ScepMessage& message, const Signer& recipient,
                                               SingleDes single_des) {
    auto content = open_envelope(message.envelope, recipient, single_des);
    if (!content) return fail(std::move(content.error()));
    switch (message.attributes.type) {
        case ScepMessageType::certificate_reply:
        case ScepMessageType::certificate_poll: return cannot_open();
        case ScepMessageType::renewal_request:
        case ScepMessageType::pkcs_request: break;
    }
    auto request = CertificationRequest::parse_der(*content);
    wipe(*content);  // it may hold a challenge
    if (!request) return cannot_open();
    return request;
}

Result<std::string> format_scep_reply(const ScepAttributes& attributes, const std::optional<IssuedCertificates>& issued,
                                      const Signer& signer, ScepAlgorithms algorithms) {
    RINGFENCE_ASSERT(issued.has_value() == (attributes.status == ScepStatus::success));
    if (!issued) return sign_message(attributes, "", signer, algorithms.digest);
    const auto content = format_certificates(issued->certificates);
    if (!content) return fail(content.error());
    const auto envelope = seal_envelope(*content, issued->recipient, algorithms.cipher);
    if (!envelope) return fail(envelope.error());
    return sign_message(attributes, *envelope, signer, algorithms.digest);
}

}  // namespace ringfence::crypto
