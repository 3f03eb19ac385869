#include "crypto/certificate_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/host_name.h"
#include "base/text.h"
#include "crypto/names.h"
#include "crypto/openssl.h"
#include "crypto/pem.h"

namespace ringfence::crypto {

namespace {

constexpr std::size_t max_name_part = 64;  // ub-common-name and ub-organization-name
constexpr std::string_view request_label = "CERTIFICATE REQUEST";
constexpr std::size_t max_shown_label = 40;

void release_extensions(STACK_OF(X509_EXTENSION) * extensions) {
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

using RequestOwner = Owner<X509_REQ, X509_REQ_free>;
using NameOwner = Owner<X509_NAME, X509_NAME_free>;
using ExtensionOwner = Owner<X509_EXTENSION, X509_EXTENSION_free>;
using ExtensionsOwner = Owner<STACK_OF(X509_EXTENSION), release_extensions>;

std::shared_ptr<X509_REQ> share_owned(X509_REQ* request) { return {request, X509_REQ_free}; }

bool is_name_part(std::string_view part) {
    return part.size() <= max_name_part &&
           std::none_of(part.begin(), part.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

Status check_names(const RequestedNames& names) {
    if (names.common_name.empty() || !is_name_part(names.common_name) || !is_name_part(names.organization))
        return fail(FaultCode::malformed, "a certificate's subject needs a name of 1 to 64 plain characters");
    for (const auto& name : names.dns_names)
        if (!is_host_name(name))
            return fail(FaultCode::malformed, fmt::format("\"{}\" is not a DNS name", printable(name)));
    return {};
}

Status check_challenge(const Secret& challenge) {
    if (challenge.reveal().size() > CertificationRequest::max_challenge)
        return fail(FaultCode::malformed, "a challenge password has up to 255 characters");
    return {};
}

bool add_name(X509_NAME* name, const char* field, const std::string& value) {
    return value.empty() ||
           X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                      static_cast<int>(value.size()), -1, 0) == 1;
}

NameOwner make_subject(const RequestedNames& names) {
    NameOwner name(X509_NAME_new());
    const bool is_filled = name != nullptr && add_name(name.get(), "O", names.organization) &&
                           add_name(name.get(), "CN", names.common_name);
    return is_filled ? std::move(name) : NameOwner();
}

// Null: there are no names.
ExtensionOwner make_alternative_names(const RequestedNames& names) {
    std::string text;
    for (const auto& name : names.dns_names) text += fmt::format("{}DNS:{}", text.empty() ? "" : ",", name);
    for (const auto& address : names.addresses)
        text += fmt::format("{}IP:{}", text.empty() ? "" : ",", address.to_string());
    if (text.empty()) return nullptr;
    return ExtensionOwner(X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, text.c_str()));
}

ExtensionOwner copy_alternative_names(const Certificate& certificate) {
    const int at = X509_get_ext_by_NID(certificate.native(), NID_subject_alt_name, -1);
    if (at < 0) return nullptr;
    return ExtensionOwner(X509_EXTENSION_dup(X509_get_ext(certificate.native(), at)));
}

bool add_extension(X509_REQ* request, ExtensionOwner extension) {
    const ExtensionsOwner extensions(sk_X509_EXTENSION_new_null());
    RINGFENCE_ASSERT(extensions != nullptr);
    if (sk_X509_EXTENSION_push(extensions.get(), extension.get()) <= 0) return false;
    static_cast<void>(extension.release());  // the stack's
    return X509_REQ_add_extensions(request, extensions.get()) == 1;
}

bool add_challenge(X509_REQ* request, const Secret& challenge) {
    const std::string_view text = challenge.reveal();
    return X509_REQ_add1_attr_by_NID(request, NID_pkcs9_challengePassword, MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size())) == 1;
}

// `alternative_names` may be null.
RequestOwner build(const X509_NAME* subject, ExtensionOwner alternative_names, const Secret& challenge,
                   const PrivateKey& key) {
    RequestOwner request(X509_REQ_new());
    const bool is_made = request != nullptr && X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1 &&
                         X509_REQ_set_subject_name(request.get(), subject) == 1 &&
                         X509_REQ_set_pubkey(request.get(), key.native()) == 1 &&
                         (alternative_names == nullptr || add_extension(request.get(), std::move(alternative_names))) &&
                         (challenge.empty() || add_challenge(request.get(), challenge)) &&
                         X509_REQ_sign(request.get(), key.native(), EVP_sha256()) > 0;
    return is_made ? std::move(request) : RequestOwner();
}

NamesOwner alternative_names_of(X509_REQ* request) {
    const ExtensionsOwner extensions(X509_REQ_get_extensions(request));
    NamesOwner names(extensions == nullptr ? nullptr
                                           : static_cast<GENERAL_NAMES*>(X509V3_get_d2i(
                                                 extensions.get(), NID_subject_alt_name, nullptr, nullptr)));
    ERR_clear_error();
    return names;
}

}  // namespace

Result<CertificationRequest> CertificationRequest::make(const RequestedNames& names, const Secret& challenge,
                                                        const PrivateKey& key) {
    if (auto checked = check_names(names); !checked) return fail(std::move(checked).error());
    if (auto checked = check_challenge(challenge); !checked) return fail(std::move(checked).error());
    auto public_key = key.public_key();
    if (!public_key) return fail(std::move(public_key).error());
    const NameOwner subject = make_subject(names);
    auto alternative_names = make_alternative_names(names);
    const bool lacks_names = alternative_names == nullptr && !(names.dns_names.empty() && names.addresses.empty());
    if (subject == nullptr || lacks_names) return fail(openssl_fault("making a certification request"));
    auto request = build(subject.get(), std::move(alternative_names), challenge, key);
    if (request == nullptr) return fail(openssl_fault("making a certification request"));
    return CertificationRequest(share_owned(request.release()), std::move(*public_key));
}

Result<CertificationRequest> CertificationRequest::renew(const Certificate& present, const Secret& challenge,
                                                         const PrivateKey& key) {
    if (auto checked = check_challenge(challenge); !checked) return fail(std::move(checked).error());
    auto public_key = key.public_key();
    if (!public_key) return fail(std::move(public_key).error());
    auto request = build(X509_get_subject_name(present.native()), copy_alternative_names(present), challenge, key);
    if (request == nullptr) return fail(openssl_fault("making a certification request"));
    return CertificationRequest(share_owned(request.release()), std::move(*public_key));
}

Result<CertificationRequest> CertificationRequest::parse_der(std::string_view der) {
    if (der.size() > max_size) return fail(FaultCode::too_large, "a certification request is larger than 16 kB");
    const auto* cursor = reinterpret_cast<const unsigned char*>(der.data());
    const auto* const end = cursor + der.size();
    RequestOwner parsed(d2i_X509_REQ(nullptr, &cursor, static_cast<long>(der.size())));
    ERR_clear_error();
    if (parsed == nullptr || cursor != end)
        return fail(FaultCode::malformed, "this is not a certification request (PKCS#10)");
    auto key = PublicKey::parse_der(encode_der(X509_REQ_get_X509_PUBKEY(parsed.get()), i2d_X509_PUBKEY));
    if (!key) return fail(std::move(key).error().within("a certification request"));
    const bool is_proved = X509_REQ_verify(parsed.get(), key->native()) == 1;
    ERR_clear_error();
    if (!is_proved)
        return fail(FaultCode::unauthenticated, "the certification request is not signed by the key that it carries");
    return CertificationRequest(share_owned(parsed.release()), std::move(*key));
}

Result<std::vector<CertificationRequest>> CertificationRequest::parse_bundle(std::string_view pem) {
    if (pem.size() > max_in_bundle * max_size)
        return fail(FaultCode::too_large, "a file of certification requests is larger than 256 kB");
    const BioOwner bio = read_memory(pem);
    std::vector<CertificationRequest> requests;
    while (true) {
        auto block = read_block(bio.get());
        if (!block) return fail(std::move(block).error());
        if (block->label.empty()) break;
        if (block->label != request_label) {
            wipe(block->der);
            return fail(FaultCode::malformed,
                        fmt::format("a file of certification requests must not hold a block of kind {}",
                                    printable(block->label, max_shown_label)));
        }
        if (requests.size() == max_in_bundle)
            return fail(FaultCode::too_large,
                        fmt::format("a file holds more than {} certification requests", max_in_bundle));
        auto request = parse_der(block->der);
        if (!request) return fail(std::move(request).error());
        requests.push_back(std::move(*request));
    }
    if (requests.empty()) return fail(FaultCode::malformed, "there is no certification request in PEM form");
    return requests;
}

std::string CertificationRequest::subject() const { return format_name(X509_REQ_get_subject_name(request_.get())); }

std::string CertificationRequest::common_name() const {
    return common_name_in(X509_REQ_get_subject_name(request_.get()));
}

std::string CertificationRequest::organization() const {
    return organization_in(X509_REQ_get_subject_name(request_.get()));
}

std::vector<std::string> CertificationRequest::dns_names() const {
    return dns_names_in(alternative_names_of(request_.get()).get());
}

std::vector<IpAddress> CertificationRequest::addresses() const {
    return addresses_in(alternative_names_of(request_.get()).get());
}

std::optional<Secret> CertificationRequest::challenge() const {
    const int at = X509_REQ_get_attr_by_NID(request_.get(), NID_pkcs9_challengePassword, -1);
    if (at < 0) return std::nullopt;
    const ASN1_TYPE* value = X509_ATTRIBUTE_get0_type(X509_REQ_get_attr(request_.get(), at), 0);
    constexpr unsigned long texts =
        B_ASN1_PRINTABLESTRING | B_ASN1_UTF8STRING | B_ASN1_T61STRING | B_ASN1_IA5STRING | B_ASN1_BMPSTRING;
    if (value == nullptr || (ASN1_tag2bit(value->type) & texts) == 0) return std::nullopt;
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, value->value.asn1_string);
    ERR_clear_error();
    if (size < 0) return std::nullopt;
    Secret out(std::string(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size)));
    OPENSSL_clear_free(utf8, static_cast<std::size_t>(size));
    return out;
}

std::string CertificationRequest::to_der() const {
    std::string der = encode_der(request_.get(), i2d_X509_REQ);
    RINGFENCE_ASSERT(!der.empty());
    return der;
}

std::string CertificationRequest::to_pem() const {
    const BioOwner bio = make_memory_bio();
    RINGFENCE_ASSERT(PEM_write_bio_X509_REQ(bio.get(), request_.get()) == 1);
    return take_bytes(bio.get());
}

}  // namespace ringfence::crypto
