#include "crypto/certificate.h"

#include <fmt/format.h>
#include <openssl/pem.h>

#include <array>
#include <cstdlib>

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/names.h"
#include "crypto/openssl.h"
#include "crypto/pem.h"

namespace ringfence::crypto {

namespace {

std::shared_ptr<X509> share_owned(X509* certificate) { return {certificate, X509_free}; }

NamesOwner subject_alternative_names(const X509* certificate) {
    NamesOwner names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    ERR_clear_error();
    return names;
}

}  // namespace

Certificate Certificate::share(x509_st* native) {
    X509_up_ref(native);
    return Certificate(share_owned(native));
}

Result<Certificate> Certificate::parse_der(std::string_view der) {
    if (der.size() > max_size) return fail(FaultCode::too_large, "a certificate is larger than 16 kB");
    const auto* cursor = reinterpret_cast<const unsigned char*>(der.data());
    const auto* const end = cursor + der.size();
    X509* parsed = d2i_X509(nullptr, &cursor, static_cast<long>(der.size()));
    ERR_clear_error();
    if (parsed == nullptr) return fail(FaultCode::malformed, "this is not an X.509 certificate");
    Certificate certificate(share_owned(parsed));
    if (cursor != end) return fail(FaultCode::malformed, "there are bytes after the end of a certificate");
    return certificate;
}

Result<Certificate> Certificate::parse_pem(std::string_view pem) {
    auto bundle = parse_bundle(pem);
    if (!bundle) return fail(std::move(bundle).error());
    if (bundle->size() != 1) return fail(FaultCode::malformed, "there is more than one certificate");
    return bundle->front();
}

Result<std::vector<Certificate>> Certificate::parse_bundle(std::string_view pem) {
    if (pem.size() > max_bundle_size) return fail(FaultCode::too_large, "a certificate file is larger than 1 MB");
    const BioOwner bio = read_memory(pem);
    std::vector<Certificate> certificates;
    for (std::size_t blocks = 0;; ++blocks) {
        auto block = read_block(bio.get());
        if (!block) return fail(std::move(block).error());
        if (block->label.empty()) break;
        if (blocks == max_in_bundle) {
            return fail(FaultCode::too_large,
                        fmt::format("a certificate file holds more than {} certificates", max_in_bundle));
        }
        if (is_revocation_list_label(block->label)) continue;
        if (!is_certificate_label(block->label)) return fail(refuse_block(*block));
        auto certificate = parse_der(block->der);
        if (!certificate) return fail(std::move(certificate).error());
        certificates.push_back(std::move(*certificate));
    }
    if (certificates.empty()) return fail(FaultCode::malformed, "there is no certificate in PEM form");
    return certificates;
}

std::string Certificate::subject() const { return format_name(X509_get_subject_name(certificate_.get())); }
std::string Certificate::issuer() const { return format_name(X509_get_issuer_name(certificate_.get())); }

std::string Certificate::common_name() const { return common_name_in(X509_get_subject_name(certificate_.get())); }

std::string Certificate::organization() const { return organization_in(X509_get_subject_name(certificate_.get())); }

std::string Certificate::serial() const { return format_integer(X509_get0_serialNumber(certificate_.get())); }

std::string Certificate::fingerprint_sha256() const { return to_hex(sha256(to_der())); }
std::string Certificate::fingerprint_sha1() const { return to_hex(sha1(to_der())); }

std::string Certificate::public_key_sha1() const { return to_hex(sha1(public_key_der())); }

WallTime Certificate::not_before() const { return to_wall_time(X509_get0_notBefore(certificate_.get())); }
WallTime Certificate::not_after() const { return to_wall_time(X509_get0_notAfter(certificate_.get())); }

std::vector<std::string> Certificate::dns_names() const {
    return dns_names_in(subject_alternative_names(certificate_.get()).get());
}

std::vector<IpAddress> Certificate::addresses() const {
    return addresses_in(subject_alternative_names(certificate_.get()).get());
}

bool Certificate::is_ca() const {
    const bool ca = (X509_get_extension_flags(certificate_.get()) & EXFLAG_CA) != 0;
    ERR_clear_error();
    return ca;
}

bool Certificate::is_self_issued() const {
    return X509_NAME_cmp(X509_get_subject_name(certificate_.get()), X509_get_issuer_name(certificate_.get())) == 0;
}

KeyKind Certificate::key_kind() const {
    const EVP_PKEY* key = X509_get0_pubkey(certificate_.get());
    ERR_clear_error();
    if (key == nullptr) return KeyKind::other;
    if (EVP_PKEY_is_a(key, "RSA") == 1) return KeyKind::rsa;
    if (EVP_PKEY_is_a(key, "EC") == 1) return KeyKind::ec;
    return KeyKind::other;
}

unsigned Certificate::key_bits() const {
    const EVP_PKEY* key = X509_get0_pubkey(certificate_.get());
    ERR_clear_error();
    return key == nullptr ? 0 : static_cast<unsigned>(EVP_PKEY_get_bits(key));
}

std::string Certificate::public_key_der() const {
    unsigned char* der = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate_.get()), &der);
    RINGFENCE_ASSERT(size > 0);
    const BytesOwner<unsigned char> owner(der);
    return {reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)};
}

Result<PublicKey> Certificate::public_key() const { return PublicKey::parse_der(public_key_der()); }

std::string Certificate::to_pem() const {
    const BioOwner bio = make_memory_bio();
    RINGFENCE_ASSERT(PEM_write_bio_X509(bio.get(), certificate_.get()) == 1);
    return take_bytes(bio.get());
}

std::string Certificate::to_der() const {
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate_.get(), &der);
    RINGFENCE_ASSERT(size > 0);
    const BytesOwner<unsigned char> owner(der);
    return {reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)};
}

bool operator==(const Certificate& a, const Certificate& b) {
    return X509_cmp(a.certificate_.get(), b.certificate_.get()) == 0;
}

std::string format_bundle(const std::vector<Certificate>& certificates) {
    std::string pem;
    for (const Certificate& certificate : certificates) {
        if (!pem.empty()) pem += '\n';
        pem += certificate.to_pem();
    }
    return pem;
}

}  // namespace ringfence::crypto
