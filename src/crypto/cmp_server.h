// The authority's side of CMP (RFC 9810, Lightweight profile RFC 9483) without sockets: the bytes of a PKIMessage in,
// those of its reply out. Requests: ir, cr, p10cr, kur, rr, genm (caCerts), certConf, pollReq, error.
//
// Protected by a token (password-based MAC under its reference) or by a certificate below our anchors, and never
// without; a token never renews and never revokes. What is not authenticated, or asks for a key beyond the limits of
// crypto/public_key.h, is answered with one and the same refusal, whatever was wrong: under the secret of the reference
// that it names if it names one, else signed by the registration authority. It costs two derivations of the MAC's key
// for each message, known reference or not.
//
// Transactions are remembered by their ID, also for a while after their end, so that no message is taken twice. One
// CmpServer sees all messages of a transaction (where there are several, the ID in outline_cmp_message chooses): it is
// not shared, and one thread at a time uses it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/certificate.h"
#include "crypto/certificate_builder.h"
#include "crypto/cmp_message.h"
#include "crypto/verify.h"

namespace ringfence::crypto {

// Who is authenticated.
struct CmpReference {
    std::string text;  // of the token whose secret protects the message
};
using CmpSender = std::variant<CmpReference, VerifiedChain>;  // purpose client; whether it is revoked the desk knows

enum class CmpRequestKind {
    initial,      // ir
    certificate,  // cr
    pkcs10,       // p10cr
    key_update    // kur: by the certificate that it replaces
};

struct CmpRequest {
    CmpRequestKind kind = CmpRequestKind::initial;
    CmpSender sender;
    std::string transaction_id;          // opaque
    std::string public_key_der;          // SubjectPublicKeyInfo; the sender proved to have its private key
    std::string subject;                 // RFC 2253: a wish, for the record
    std::vector<std::string> dns_names;  // the same
};

struct CmpConfirmation {
    std::string fingerprint;  // of the certificate that was issued in this transaction, as Certificate has it
    bool is_accepted = false;
};

struct CmpRevocation {
    VerifiedChain holder;  // of the certificate to revoke
    int reason = 0;        // CRLReason, RFC 5280 section 5.3.1
};

// What decides. Called on the thread that called the server.
class CmpDesk {
public:
    virtual ~CmpDesk() = default;

    // An unknown reference gets a secret too, that nobody has, so that nothing tells it from a wrong secret. A Fault
    // ends the message without a reply.
    virtual Result<Secret> secret_of(std::string_view reference) = 0;
    // A message under that reference did not verify.
    virtual void note_wrong_secret(std::string_view reference) = 0;
    // Asked again with the same values for each poll while the answer is CmpWaiting.
    virtual CmpAnswer certify(const CmpRequest& request) = 0;
    // By certConf; a transaction that the holder ends by an error, or by a certConf that names no certificate, rejects.
    // With implicit confirmation it is not called. A Fault refuses the message.
    virtual Status confirm(const CmpConfirmation& confirmation) = 0;
    virtual std::optional<CmpRefusal> revoke(const CmpRevocation& revocation) = 0;
    // For genm with caCerts (RFC 9483 section 4.3.1).
    virtual std::vector<Certificate> ca_certificates() = 0;
};

struct CmpServerIdentity {
    Signer registration;             // signs replies to what came signed; its key usage says digitalSignature
    std::vector<Certificate> chain;  // its issuer first
};

class CmpServer {
public:
    // A site of 5,000 phones after a power cut enrols in waves; an open transaction takes some 10 kB.
    static constexpr std::size_t max_transactions = 4096;
    // Counted from its last message: longer than any CmpWaiting::check_after should be.
    static constexpr Duration transaction_life = std::chrono::hours(1);

    // `anchors`: whose certificates may sign requests. `desk` and `clock` outlive the server.
    CmpServer(CmpServerIdentity identity, std::vector<Certificate> anchors, CmpDesk& desk, const Clock& clock);
    CmpServer(const CmpServer&) = delete;
    CmpServer& operator=(const CmpServer&) = delete;
    ~CmpServer();

    // Faults, where no reply can be made: malformed, too_large, internal, and those of CmpDesk::secret_of.
    Result<std::string> answer(std::string_view request);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace ringfence::crypto
