// The security policy file, which [SEC_POLICY] names: "NAME value" per line, as in a settings file (reference 5.5).
// Whether a phone obeys it (signature, dialog) is not judged here. Pure text in, value out, and back. Thread-safe.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "phonefile/line.h"

namespace ringfence::phonefile {

enum class PolicyParameter {
    certificate_admin_ui,   // CERT_ADMIN_UI_ENABLE
    security_log_ui,        // SECURITY_LOG_UI_ENABLE
    key_size,               // KEY_SIZE
    key_algorithm,          // KEY_ALGORITHM
    tls_cipher,             // TLS_CIPHER
    customer_certificates,  // CUST_CERT_ACCEPT
    security_policy,        // SEC_POLICY_ACCEPT
    signed_configuration,   // SECURITY_POLICY_PARAM_CHANGE
};
std::string_view to_string(PolicyParameter parameter);

enum class KeyAlgorithm { rsa };                    // KEY_ALG_RSA, the only one that the manual knows
enum class TlsCipher { rsa_with_aes_256_cbc_sha };  // likewise

enum class Acceptance {
    manual_a,  // VAL_MANUAL_A: the person looks at the fingerprint and accepts
    manual_b,  // VAL_MANUAL_B: the person types the fingerprint
    no_check,  // VAL_NO_CHECK: later customer roots need no signature. Not a value of SEC_POLICY_ACCEPT
};
std::string_view to_string(Acceptance acceptance);  // "VAL_MANUAL_A" ...

// With the manual's defaults. For SEC_POLICY_ACCEPT none is known; it is CUST_CERT_ACCEPT's.
struct SecurityPolicy {
    // A policy may raise the size of keys and not lower it: no signer below this is believed anyway (reference 5.6).
    static constexpr unsigned lowest_key_size = 1024;
    // Largest RSA key that OpenSSL verifies with.
    static constexpr unsigned highest_key_size = 16384;

    bool certificate_admin_ui = false;
    bool security_log_ui = false;
    unsigned key_size = lowest_key_size;  // bits; smaller keys are refused
    KeyAlgorithm key_algorithm = KeyAlgorithm::rsa;
    TlsCipher tls_cipher = TlsCipher::rsa_with_aes_256_cbc_sha;
    Acceptance customer_certificates = Acceptance::manual_a;
    Acceptance security_policy = Acceptance::manual_a;
    bool signed_configuration = false;  // configuration files need a signature once a customer root is installed

    friend bool operator==(const SecurityPolicy&, const SecurityPolicy&) = default;
};

struct SecurityPolicyReading {
    SecurityPolicy policy;
    std::map<PolicyParameter, std::size_t> lines;  // where each was stated, from 1; the others have their defaults
    std::vector<Dropped> dropped;                  // by line
};

// As the phone reads it. Bad lines never fail: what a settings file drops goes, and so do names that are no parameter
// and values that a parameter does not take; its default holds then. Fault: too_large above max_file_size.
Result<SecurityPolicyReading> parse_security_policy_as_phone(std::string_view text);

// Malformed at the first line, named in the message, that a phone would skip or that holds more than ASCII.
Result<SecurityPolicy> parse_security_policy_strict(std::string_view text);

// All parameters, in the order of PolicyParameter. malformed for a value that no policy has.
// parse_security_policy_strict(format_security_policy(p)) == p.
Result<std::string> format_security_policy(const SecurityPolicy& policy);

}  // namespace ringfence::phonefile
