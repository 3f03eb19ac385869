// The phone's side of CMP (RFC 9810, Lightweight profile RFC 9483) without sockets: ir under a token, and kur and rr
// under the present certificate. A token authenticates both sides, so that a phone that trusts nobody yet gets its
// certificate and the CA to trust.
//
// Replies must be protected as the request was: under the token's secret, or by a registration authority (id-kp-cmcRA)
// below the anchors. The new certificate is judged before it is confirmed: its key, and its chain for a TLS client.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "crypto/certificate.h"
#include "crypto/certificate_builder.h"
#include "crypto/cmp_message.h"
#include "crypto/private_key.h"
#include "crypto/verify.h"

namespace ringfence::crypto {

struct CmpToken {
    std::string reference;
    Secret secret;  // 128 random bits or more: an eavesdropper may guess at his leisure
};
struct CmpHolder {
    Signer present;
    std::vector<Certificate> chain;    // above the present certificate
    std::vector<Certificate> anchors;  // that the server's replies and the new certificate must lead to
};
using CmpCredential = std::variant<CmpToken, CmpHolder>;

// The bytes of a request to the server (POST, application/pkixcmp) and those of its reply back. Called on the thread
// that called the client. Its Fault becomes the client's.
using CmpTransfer = std::function<Result<std::string>(std::string_view request)>;

// One transaction: one of enrol, renew and revoke, once, and polls. One thread at a time.
//
// Faults: those of the transfer; malformed, too_large; unauthenticated (the reply is not protected as it must be),
// untrusted and expired (the server's certificate, or the new one; which the server was then told); internal.
// After a fault of the transfer a new client asks again with the same key.
class CmpClient {
public:
    // Whether the server is told that the certificate arrived (certConf), or asked not to wait for it.
    enum class Confirmation { told, implicit };

    struct Settings {
        CmpCredential credential;
        JudgingTime time;  // for certificates
        Confirmation confirmation = Confirmation::told;
    };
    CmpClient(Settings settings, CmpTransfer transfer);
    CmpClient(const CmpClient&) = delete;
    CmpClient& operator=(const CmpClient&) = delete;
    ~CmpClient();

    struct Subject {
        std::string common_name;  // 1 to 64 characters: a wish
        PrivateKey key;
    };
    // CmpIssued: `chain` is verified and ends with an anchor; `trusted` is what the server named under the token, and
    // empty without one.
    Result<CmpAnswer> enrol(const Subject& subject);
    Result<CmpAnswer> renew(const PrivateKey& key);  // CmpHolder only; subject and names stay
    Result<CmpAnswer> poll();                        // after CmpWaiting, when its time has passed
    // Of the present certificate; CmpHolder only. Empty: it is revoked.
    Result<std::optional<CmpRefusal>> revoke();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace ringfence::crypto
