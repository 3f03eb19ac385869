#include "crypto/revocation_list_builder.h"

#include <fmt/format.h>

#include "base/text.h"
#include "crypto/openssl.h"

namespace ringfence::crypto {

namespace {

constexpr std::size_t max_serial_size = 20;  // RFC 5280 section 4.1.2.2

using ListOwner = Owner<X509_CRL, X509_CRL_free>;
using EntryOwner = Owner<X509_REVOKED, X509_REVOKED_free>;
using IntegerOwner = Owner<ASN1_INTEGER, ASN1_INTEGER_free>;
using EnumeratedOwner = Owner<ASN1_ENUMERATED, ASN1_ENUMERATED_free>;
using ExtensionOwner = Owner<X509_EXTENSION, X509_EXTENSION_free>;

// Null: it is no positive number of at most 20 bytes.
IntegerOwner parse_serial(std::string_view hex) {
    const auto bytes = from_hex(hex);
    if (!bytes || bytes->size() > max_serial_size) return nullptr;
    const Owner<BIGNUM, BN_free> number(
        BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes->data()), static_cast<int>(bytes->size()), nullptr));
    if (number == nullptr || BN_is_zero(number.get()) == 1) return nullptr;
    return IntegerOwner(BN_to_ASN1_INTEGER(number.get(), nullptr));
}

// RFC 5280 section 5.3.1: "unspecified" is said by saying nothing.
bool add_reason(X509_REVOKED* entry, RevocationReason reason) {
    if (reason == RevocationReason::unspecified) return true;
    const EnumeratedOwner number(ASN1_ENUMERATED_new());
    return number != nullptr && ASN1_ENUMERATED_set(number.get(), static_cast<long>(reason)) == 1 &&
           X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, number.get(), 0, 0) == 1;
}

bool add_entry(X509_CRL* list, const RevokedCertificate& revoked, ASN1_INTEGER* serial) {
    EntryOwner entry(X509_REVOKED_new());
    const TimeOwner time = make_time(revoked.revoked);
    const bool is_filled =
        entry != nullptr && time != nullptr && X509_REVOKED_set_serialNumber(entry.get(), serial) == 1 &&
        X509_REVOKED_set_revocationDate(entry.get(), time.get()) == 1 && add_reason(entry.get(), revoked.reason);
    if (!is_filled || X509_CRL_add0_revoked(list, entry.get()) != 1) return false;
    static_cast<void>(entry.release());  // the list's
    return true;
}

bool set_head(X509_CRL* list, const RevocationListRequest& request, const X509* issuer) {
    const TimeOwner this_update = make_time(request.this_update);
    const TimeOwner next_update = make_time(request.next_update);
    return this_update != nullptr && next_update != nullptr && X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1 &&
           X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer)) == 1 &&
           X509_CRL_set1_lastUpdate(list, this_update.get()) == 1 &&
           X509_CRL_set1_nextUpdate(list, next_update.get()) == 1;
}

bool add_extensions(X509_CRL* list, std::uint64_t number, X509* issuer) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, nullptr, nullptr, list, 0);
    const ExtensionOwner identifier(
        X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always"));
    const IntegerOwner integer(ASN1_INTEGER_new());
    return identifier != nullptr && integer != nullptr && X509_CRL_add_ext(list, identifier.get(), -1) == 1 &&
           ASN1_INTEGER_set_uint64(integer.get(), number) == 1 &&
           X509_CRL_add1_ext_i2d(list, NID_crl_number, integer.get(), 0, 0) == 1;
}

Status add_entries(X509_CRL* list, const std::vector<RevokedCertificate>& all) {
    for (const RevokedCertificate& revoked : all) {
        const IntegerOwner serial = parse_serial(revoked.serial);
        if (serial == nullptr) {
            return fail(FaultCode::malformed,
                        fmt::format("\"{}\" is not a certificate's serial number", printable(revoked.serial)));
        }
        if (!add_entry(list, revoked, serial.get())) return fail(openssl_fault("making a revocation list"));
    }
    return {};
}

bool sign(X509_CRL* list, const PrivateKey& key) {
    return X509_CRL_sort(list) == 1 && X509_CRL_sign(list, key.native(), EVP_sha256()) > 0;
}

Status check_request(const RevocationListRequest& request) {
    if (request.next_update <= request.this_update) {
        return fail(FaultCode::malformed, "a revocation list would end before it begins");
    }
    if (request.revoked.size() > RevocationList::max_published_entries) {
        return fail(FaultCode::too_large,
                    fmt::format("a revocation list would have {} entries, and {} can be published",
                                request.revoked.size(), RevocationList::max_published_entries));
    }
    return {};
}

}  // namespace

Result<RevocationList> sign_revocation_list(const RevocationListRequest& request, const Signer& signer) {
    if (auto checked = check_request(request); !checked) return fail(std::move(checked).error());
    const ListOwner list(X509_CRL_new());
    X509* issuer = signer.certificate.native();
    const bool is_begun =
        list != nullptr && set_head(list.get(), request, issuer) && add_extensions(list.get(), request.number, issuer);
    if (!is_begun) return fail(openssl_fault("making a revocation list"));
    if (auto added = add_entries(list.get(), request.revoked); !added) return fail(std::move(added).error());
    if (!sign(list.get(), signer.key)) return fail(openssl_fault("signing a revocation list"));
    // Parsed again, so that what is handed out is what its bytes say, and judged as others will judge it.
    auto made = RevocationList::parse_published_der(encode_der(list.get(), i2d_X509_CRL));
    if (made && !made->is_signed_by(signer.certificate)) {
        return fail(FaultCode::conflict, "whoever signed a revocation list may not, or has another key");
    }
    return made;
}

}  // namespace ringfence::crypto
