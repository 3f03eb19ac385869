// A certification request (PKCS#10, RFC 2986) as a value: whoever holds one knows that its maker has the private key,
// and nothing more. Names and password are the maker's wishes. Immutable and shared; copies are cheap. Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/certificate.h"
#include "crypto/private_key.h"

struct X509_req_st;  // OpenSSL's X509_REQ

namespace ringfence::crypto {

struct RequestedNames {
    std::string common_name;             // 1 to 64 characters (RFC 5280 appendix A.1)
    std::string organization;            // up to 64; empty: none
    std::vector<std::string> dns_names;  // host names (base/host_name.h), subjectAltName
    std::vector<IpAddress> addresses;    // subjectAltName
};

class CertificationRequest {
public:
    static constexpr std::size_t max_size = std::size_t{16} * 1024;  // DER; ours are below 1 kB
    static constexpr std::size_t max_in_bundle = 16;                 // an authority asks for three
    static constexpr std::size_t max_challenge = 255;  // characters: pkcs-9-ub-challengePassword, RFC 2985 appendix A

    // Signed with SHA-256. `challenge` (RFC 2985 section 5.4.1) stands in the request as clear text; empty: none.
    // Faults: malformed (names that a certificate cannot carry, a challenge that is too long), internal.
    static Result<CertificationRequest> make(const RequestedNames& names, const Secret& challenge,
                                             const PrivateKey& key);
    // For a renewal: subject and subjectAltName are those of `present`, byte for byte.
    static Result<CertificationRequest> renew(const Certificate& present, const Secret& challenge,
                                              const PrivateKey& key);
    // Exactly one request, signed by the key that it carries (crypto/public_key.h). Faults: malformed, too_large,
    // unauthenticated (its signature does not hold).
    static Result<CertificationRequest> parse_der(std::string_view der);
    // The requests of a PEM file (RFC 7468 section 7) in their order, and nothing else in it; at least one and at most
    // max_in_bundle. Faults: as above.
    static Result<std::vector<CertificationRequest>> parse_bundle(std::string_view pem);

    std::string subject() const;                 // RFC 2253, UTF-8; cut at 1 kB
    std::string common_name() const;             // the first one; empty: none
    std::string organization() const;            // the same
    std::vector<std::string> dns_names() const;  // subjectAltName, as written
    std::vector<IpAddress> addresses() const;    // subjectAltName
    std::optional<Secret> challenge() const;     // empty: none, or one that is no text
    const PublicKey& public_key() const { return key_; }
    KeyKind key_kind() const { return key_.kind(); }
    unsigned key_bits() const { return key_.bits(); }
    std::string public_key_der() const { return key_.to_der(); }  // SubjectPublicKeyInfo
    std::string to_der() const;                                   // holds the challenge
    std::string to_pem() const;                                   // the same; ends with a line feed

    X509_req_st* native() const { return request_.get(); }  // for this room; lives as long as this object

private:
    CertificationRequest(std::shared_ptr<X509_req_st> request, PublicKey key)
        : request_(std::move(request)), key_(std::move(key)) {}
    std::shared_ptr<X509_req_st> request_;
    PublicKey key_;
};

}  // namespace ringfence::crypto
