// A certificate revocation list (RFC 5280 section 5) as a value: parsed, not yet believed. Whoever goes by it first
// asks is_signed_by for the CA that issued the certificate in question. Immutable and shared; copies are cheap.
// Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/strength.h"

struct X509_crl_st;  // OpenSSL's X509_CRL

namespace ringfence::crypto {

class RevocationList {
public:
    static constexpr std::size_t max_size = std::size_t{512} * 1024;  // DER or PEM; an entry takes some 40 bytes
    static constexpr std::size_t max_entries = 10'000;                // what that size is good for
    static constexpr std::size_t max_entries_of_a_set = 100;          // what a 1200 keeps (reference 4.5)
    // What an authority of ours may have to say, more than a phone need take: each of 50,000 devices revoked once
    // within its certificate's life.
    static constexpr std::size_t max_published_entries = 50'000;
    static constexpr std::size_t max_published_size = std::size_t{4} * 1024 * 1024;  // DER; ours take 55 bytes an entry

    // Exactly one list of at most `most_entries`. Delta and indirect lists and those with a critical extension that is
    // not understood are malformed: they say something else than "these are revoked". Faults: malformed, too_large.
    static Result<RevocationList> parse_der(std::string_view der, std::size_t most_entries = max_entries);
    // The same for a list that an authority of ours published. Faults: malformed, too_large.
    static Result<RevocationList> parse_published_der(std::string_view der);
    static Result<RevocationList> parse_pem(std::string_view pem, std::size_t most_entries = max_entries);
    // The lists of a PEM file in their order, perhaps none. Certificates and text between blocks are passed over, as a
    // 1200-series set's USER_KEYS mixes them (reference 5.2); any other block is malformed. `most_entries` holds for
    // all lists together.
    static Result<std::vector<RevocationList>> parse_bundle(std::string_view pem,
                                                            std::size_t most_entries = max_entries);

    std::string issuer() const;                   // RFC 2253, as Certificate::issuer
    WallTime this_update() const;                 // when it was made
    std::optional<WallTime> next_update() const;  // when a newer one will stand; empty: not said
    std::optional<std::string> number() const;    // cRLNumber as lower-case hex without leading zero bytes
    std::size_t size() const;                     // entries

    // Whether it names the certificate's issuer and lists its serial number. An entry withdrawn from a hold does not.
    bool lists(const Certificate& certificate) const;
    // Whether `ca` bears the issuer's name, may sign such lists and did sign this one, with a hash that `floor` takes
    // (legacy: SHA-1 too).
    bool is_signed_by(const Certificate& ca, Strength floor = Strength::modern) const;
    // Whether `floor` takes the hash that it was signed with; says nothing of the signature itself.
    bool has_strong_hash(Strength floor) const;

    std::string to_pem() const;  // ends with a line feed
    std::string to_der() const;

    X509_crl_st* native() const { return list_.get(); }  // for this room; lives as long as this object

    // The same bytes.
    friend bool operator==(const RevocationList& a, const RevocationList& b);

private:
    static Result<RevocationList> parse_bounded(std::string_view der, std::size_t most_entries);
    explicit RevocationList(std::shared_ptr<X509_crl_st> list) : list_(std::move(list)) {}
    std::shared_ptr<X509_crl_st> list_;
};

}  // namespace ringfence::crypto
