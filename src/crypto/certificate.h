// An X.509 certificate (RFC 5280) as a value: parsed, not yet believed; crypto/verify.h does that. Immutable and
// shared; copies are cheap. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "crypto/private_key.h"

struct x509_st;  // OpenSSL's X509

namespace ringfence::crypto {

class Certificate {
public:
    static constexpr std::size_t max_size = std::size_t{16} * 1024;  // DER or one PEM block; ours are below 2 kB
    static constexpr std::size_t max_in_bundle = 64;                 // certificates and CRLs in one file
    static constexpr std::size_t max_bundle_size = std::size_t{1024} * 1024;  // 64 of 16 kB
    static constexpr std::string_view pem_begin = "-----BEGIN CERTIFICATE-----";

    // Exactly one certificate. Faults malformed, too_large.
    static Result<Certificate> parse_der(std::string_view der);
    static Result<Certificate> parse_pem(std::string_view pem);
    // The certificates of a PEM file in their order; at least one. CRLs and text between blocks are passed over, as a
    // 1200-series set does (reference 5.2); any other block, a private key above all, is malformed.
    static Result<std::vector<Certificate>> parse_bundle(std::string_view pem);
    // Takes a reference of its own.
    static Certificate share(x509_st* native);

    std::string subject() const;             // RFC 2253, UTF-8: "CN=00247F0102AB,O=Example"; cut at 1 kB
    std::string issuer() const;              // the same shape
    std::string common_name() const;         // of the subject, the first one; empty: none
    std::string organization() const;        // the same
    std::string serial() const;              // lower-case hex, no leading zero bytes
    std::string fingerprint_sha256() const;  // lower-case hex of the hash of the DER
    std::string fingerprint_sha1() const;    // the same with SHA-1, which is what a 1200 shows (reference 5.3)
    // Lower-case hex of SHA-1 over the SubjectPublicKeyInfo: the other reading of the "thumbprint" of reference 5.3.
    std::string public_key_sha1() const;
    WallTime not_before() const;
    WallTime not_after() const;
    std::vector<std::string> dns_names() const;  // subjectAltName, as written
    std::vector<IpAddress> addresses() const;    // subjectAltName
    bool is_ca() const;                          // basicConstraints says CA:TRUE
    bool is_self_issued() const;                 // subject equals issuer
    KeyKind key_kind() const;
    unsigned key_bits() const;
    std::string public_key_der() const;  // SubjectPublicKeyInfo
    // Fault malformed or too_large: a key that PublicKey does not take.
    Result<PublicKey> public_key() const;

    std::string to_pem() const;  // ends with a line feed
    std::string to_der() const;

    x509_st* native() const { return certificate_.get(); }  // for this room; lives as long as this object

    // The same bytes.
    friend bool operator==(const Certificate& a, const Certificate& b);

private:
    explicit Certificate(std::shared_ptr<x509_st> certificate) : certificate_(std::move(certificate)) {}
    std::shared_ptr<x509_st> certificate_;
};

// PEM blocks parted by one blank line, as the sets want a file of several roots (reference 5.2).
std::string format_bundle(const std::vector<Certificate>& certificates);

}  // namespace ringfence::crypto
