// For this room's source files only: what the two halves of verification share. verify.cpp builds the path with
// OpenSSL, chain_checks.cpp judges a path that OpenSSL took. Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crypto/verify.h"

namespace ringfence::crypto {

using Refusal = tl::unexpected<ChainRefusal>;
using Check = tl::expected<void, ChainRefusal>;

// A certificate at its place in a path (0: the leaf), as a policy looks at it. Refers to both.
struct Place {
    const Certificate& certificate;
    std::size_t depth;
    const VerifyPolicy& policy;
};

// `x509_error` is OpenSSL's number.
Refusal refuse(int x509_error, FaultCode code, const Place& place, std::string sentence);
Refusal distrust(int x509_error, const Place& place, std::string sentence);  // FaultCode::untrusted

std::string quoted(std::string_view name);
std::string_view peer_name(Purpose purpose);
// "the server's certificate "CN=prov.lab"" or "the CA certificate "CN=...""
std::string describe(const Place& place);

// What both halves find.
Refusal weak_key(const Place& place);
Refusal weak_signature(const Place& place);
Refusal wrong_purpose(const Place& place);
Refusal revoked(const Place& place);
Refusal broken(int x509_error, const Place& place, std::string_view how);

// Everything that OpenSSL leaves out, for a path that it took. `sent` and `anchors` are build_chain's.
Check check_beyond_openssl(const std::vector<Certificate>& path, const std::vector<Certificate>& sent,
                           const std::vector<Certificate>& anchors, const VerifyPolicy& policy);

}  // namespace ringfence::crypto
