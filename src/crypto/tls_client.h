// The client's side of TLS: for use inside libcurl's CURLOPT_SSL_CTX_FUNCTION (the phone's), and over a socket of our
// own. libcurl's own name check falls back to the common name, so ours decides: switch its off (CURLOPT_SSL_VERIFYHOST
// 0, CURLOPT_SSL_VERIFYPEER 1, CURLOPT_CAINFO and CURLOPT_CAPATH null) and switch off session reuse
// (CURLOPT_SSL_SESSIONID_CACHE 0), since a resumed session is not verified anew.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/private_key.h"
#include "crypto/tls_server.h"
#include "crypto/verify.h"

namespace ringfence::crypto {

struct ClientIdentity {
    Certificate leaf;
    std::vector<Certificate> chain;
    PrivateKey key;
};

// Whom the phone believes, whatever server it talks to. The fields are VerifyPolicy's.
struct ServerTrust {
    std::vector<Certificate> anchors;  // empty: no server is believed
    std::optional<std::vector<Certificate>> only_leaves{};
    std::function<bool(const Certificate&)> is_revoked{};
    bool sent_chain_must_be_held = false;
    unsigned min_rsa_bits = 0;
};

// What the phone believes of one server. At least TLS 1.2; no certificate of the system is ever trusted.
struct ClientPolicy {
    ServerTrust trust;
    std::string host;  // as the URL names it; never empty
    JudgingTime time;
    std::optional<ClientIdentity> identity;  // shown if the server asks
};

// What our verification found. `verified` stays false when no TLS handshake came so far.
struct ClientVerdict {
    bool verified = false;
    std::optional<Fault> fault;                   // set: the handshake was ended for this reason
    std::vector<Certificate> presented;           // as the server sent it, leaf first
    std::vector<std::string> chain_fingerprints;  // of the same, lower-case hex SHA-256
    std::string leaf_subject;
    std::string anchor_subject;  // what the chain leads to; of a listed leaf itself. Empty unless verified
};

// How a server's certificate is judged under the policy.
VerifyPolicy server_policy(const ClientPolicy& policy);

// `ssl_ctx` is the SSL_CTX* that libcurl hands over. `policy` and `verdict` must live until the transfer is over.
// Faults: conflict (the identity's key and certificate differ), internal.
Status configure_client(void* ssl_ctx, const ClientPolicy& policy, ClientVerdict& verdict);

// Ready for the handshake on a connected non-blocking socket; the caller closes it after the connection is gone. Its
// failure() then is what was found wrong with the server. Faults: as configure_client().
Result<TlsConnection> connect_tls(int fd, ClientPolicy policy);

}  // namespace ringfence::crypto
