#include "crypto/revocation_list.h"

#include <fmt/format.h>
#include <openssl/pem.h>

#include "base/text.h"
#include "crypto/openssl.h"
#include "crypto/pem.h"

namespace ringfence::crypto {

namespace {

using PointOwner = Owner<ISSUING_DIST_POINT, ISSUING_DIST_POINT_free>;
using NumberOwner = Owner<ASN1_INTEGER, ASN1_INTEGER_free>;

std::size_t count_entries(X509_CRL* list) {
    const auto* entries = X509_CRL_get_REVOKED(list);
    return entries != nullptr ? static_cast<std::size_t>(sk_X509_REVOKED_num(entries)) : 0;
}

// An issuing distribution point narrows which certificates the list speaks of; what it does list is revoked all the
// same, unless the entries may be other issuers'.
bool is_indirect(const X509_CRL* list) {
    int critical = 0;
    const PointOwner point(static_cast<ISSUING_DIST_POINT*>(
        X509_CRL_get_ext_d2i(list, NID_issuing_distribution_point, &critical, nullptr)));
    ERR_clear_error();
    constexpr int absent = -1;
    if (point == nullptr) return critical != absent;
    return point->indirectCRL > 0;
}

bool is_understood(const X509_EXTENSION* extension) {
    if (X509_EXTENSION_get_critical(extension) == 0) return true;
    switch (OBJ_obj2nid(X509_EXTENSION_get_object(const_cast<X509_EXTENSION*>(extension)))) {
        case NID_crl_number:
        case NID_authority_key_identifier:
        case NID_issuing_distribution_point: return true;
        default: return false;
    }
}

// Critical ones among the entries' extensions: a reason and a date change nothing, an issuer does.
bool has_strange_entry(X509_CRL* list) {
    auto* entries = X509_CRL_get_REVOKED(list);
    for (int i = 0; entries != nullptr && i < sk_X509_REVOKED_num(entries); ++i) {
        const X509_REVOKED* entry = sk_X509_REVOKED_value(entries, i);
        for (int j = 0; j < X509_REVOKED_get_ext_count(entry); ++j) {
            X509_EXTENSION* extension = X509_REVOKED_get_ext(entry, j);
            const int kind = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
            const bool harmless = kind == NID_crl_reason || kind == NID_invalidity_date;
            if (!harmless && X509_EXTENSION_get_critical(extension) != 0) return true;
        }
    }
    return false;
}

Status check_kind(X509_CRL* list) {
    if (X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) >= 0) {
        return fail(FaultCode::malformed, "a revocation list holds only the changes since another one");
    }
    if (is_indirect(list)) {
        return fail(FaultCode::malformed, "a revocation list speaks for other issuers than its own");
    }
    for (int i = 0; i < X509_CRL_get_ext_count(list); ++i) {
        if (is_understood(X509_CRL_get_ext(list, i))) continue;
        return fail(FaultCode::malformed, "a revocation list has a critical extension that is not understood");
    }
    if (has_strange_entry(list)) {
        return fail(FaultCode::malformed, "a revocation list has an entry with an extension that is not understood");
    }
    return {};
}

Status check_times(const X509_CRL* list) {
    const ASN1_TIME* next = X509_CRL_get0_nextUpdate(list);
    const bool good =
        ASN1_TIME_check(X509_CRL_get0_lastUpdate(list)) == 1 && (next == nullptr || ASN1_TIME_check(next) == 1);
    ERR_clear_error();
    if (!good) return fail(FaultCode::malformed, "a revocation list's dates cannot be read");
    return {};
}

bool is_strong_hash(int hash, Strength floor) {
    switch (hash) {
        case NID_sha224:
        case NID_sha256:
        case NID_sha384:
        case NID_sha512: return true;
        case NID_sha1: return floor == Strength::legacy;
        default: return false;
    }
}

}  // namespace

Result<RevocationList> RevocationList::parse_der(std::string_view der, std::size_t most_entries) {
    if (der.size() > max_size) return fail(FaultCode::too_large, "a revocation list is larger than 512 kB");
    return parse_bounded(der, most_entries);
}

Result<RevocationList> RevocationList::parse_published_der(std::string_view der) {
    if (der.size() > max_published_size) return fail(FaultCode::too_large, "a revocation list is larger than 4 MB");
    return parse_bounded(der, max_published_entries);
}

Result<RevocationList> RevocationList::parse_bounded(std::string_view der, std::size_t most_entries) {
    const auto* cursor = reinterpret_cast<const unsigned char*>(der.data());
    const auto* const end = cursor + der.size();
    X509_CRL* parsed = d2i_X509_CRL(nullptr, &cursor, static_cast<long>(der.size()));
    ERR_clear_error();
    if (parsed == nullptr) return fail(FaultCode::malformed, "this is not a certificate revocation list");
    RevocationList list(std::shared_ptr<X509_CRL>(parsed, X509_CRL_free));
    if (cursor != end) return fail(FaultCode::malformed, "there are bytes after the end of a revocation list");
    if (list.size() > most_entries) {
        return fail(FaultCode::too_large,
                    fmt::format("a revocation list has {} entries, and {} are kept", list.size(), most_entries));
    }
    if (auto checked = check_times(parsed); !checked) return fail(std::move(checked).error());
    if (auto checked = check_kind(parsed); !checked) return fail(std::move(checked).error());
    return list;
}

Result<RevocationList> RevocationList::parse_pem(std::string_view pem, std::size_t most_entries) {
    auto bundle = parse_bundle(pem, most_entries);
    if (!bundle) return fail(std::move(bundle).error());
    if (bundle->size() != 1) return fail(FaultCode::malformed, "there is not exactly one revocation list");
    return bundle->front();
}

Result<std::vector<RevocationList>> RevocationList::parse_bundle(std::string_view pem, std::size_t most_entries) {
    if (pem.size() > Certificate::max_bundle_size) {
        return fail(FaultCode::too_large, "a file of revocation lists is larger than 1 MB");
    }
    const BioOwner bio = read_memory(pem);
    std::vector<RevocationList> lists;
    std::size_t entries_left = most_entries;
    for (std::size_t blocks = 0;; ++blocks) {
        auto block = read_block(bio.get());
        if (!block) return fail(std::move(block).error());
        if (block->label.empty()) return lists;
        if (blocks == Certificate::max_in_bundle) {
            return fail(FaultCode::too_large, fmt::format("a file holds more than {} certificates and revocation lists",
                                                          Certificate::max_in_bundle));
        }
        if (is_certificate_label(block->label)) continue;
        if (!is_revocation_list_label(block->label)) return fail(refuse_block(*block));
        auto list = parse_der(block->der, entries_left);
        if (!list) return fail(std::move(list).error());
        entries_left -= list->size();
        lists.push_back(std::move(*list));
    }
}

std::string RevocationList::issuer() const { return format_name(X509_CRL_get_issuer(list_.get())); }

WallTime RevocationList::this_update() const { return to_wall_time(X509_CRL_get0_lastUpdate(list_.get())); }

std::optional<WallTime> RevocationList::next_update() const {
    const ASN1_TIME* next = X509_CRL_get0_nextUpdate(list_.get());
    if (next == nullptr) return std::nullopt;
    return to_wall_time(next);
}

std::optional<std::string> RevocationList::number() const {
    const NumberOwner number(
        static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(list_.get(), NID_crl_number, nullptr, nullptr)));
    ERR_clear_error();
    if (number == nullptr) return std::nullopt;
    return format_integer(number.get());
}

std::size_t RevocationList::size() const { return count_entries(list_.get()); }

bool RevocationList::lists(const Certificate& certificate) const {
    X509_REVOKED* entry = nullptr;
    constexpr int revoked = 1;  // 2: there is an entry, and it takes a hold back
    return X509_CRL_get0_by_cert(list_.get(), &entry, certificate.native()) == revoked;
}

bool RevocationList::is_signed_by(const Certificate& ca, Strength floor) const {
    if (X509_NAME_cmp(X509_CRL_get_issuer(list_.get()), X509_get_subject_name(ca.native())) != 0) return false;
    if (!ca.is_ca() || (X509_get_key_usage(ca.native()) & KU_CRL_SIGN) == 0) return false;  // no usages: all of them
    if (!has_strong_hash(floor)) return false;
    EVP_PKEY* key = X509_get0_pubkey(ca.native());
    const bool holds = key != nullptr && X509_CRL_verify(list_.get(), key) == 1;
    ERR_clear_error();
    return holds;
}

bool RevocationList::has_strong_hash(Strength floor) const {
    int hash = NID_undef;
    const bool has_hash = OBJ_find_sigid_algs(X509_CRL_get_signature_nid(list_.get()), &hash, nullptr) == 1;
    return has_hash && is_strong_hash(hash, floor);
}

std::string RevocationList::to_pem() const {
    const BioOwner bio = make_memory_bio();
    RINGFENCE_ASSERT(PEM_write_bio_X509_CRL(bio.get(), list_.get()) == 1);
    return take_bytes(bio.get());
}

std::string RevocationList::to_der() const {
    unsigned char* der = nullptr;
    const int size = i2d_X509_CRL(list_.get(), &der);
    RINGFENCE_ASSERT(size > 0);
    const BytesOwner<unsigned char> owner(der);
    return {reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)};
}

bool operator==(const RevocationList& a, const RevocationList& b) { return a.to_der() == b.to_der(); }

}  // namespace ringfence::crypto
