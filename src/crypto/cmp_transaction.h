// For this room's source files only: one transaction at a CMP server, around libcrypto's state machine, which holds
// exactly one.
#pragma once

#include <openssl/cmp.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "crypto/cmp_openssl.h"
#include "crypto/cmp_server.h"

namespace ringfence::crypto {

using CmpContextOwner = Owner<OSSL_CMP_SRV_CTX, OSSL_CMP_SRV_CTX_free>;

// Who sent a message, as far as it says, and what it is checked with.
struct CmpPeer {
    CmpSender sender;
    Secret secret;  // with a CmpReference
};

// What is said comes under the peer's secret, or signed if it has none or is null. False: OpenSSL failed.
bool set_cmp_identity(OSSL_CMP_CTX* context, const CmpServerIdentity& identity, const CmpPeer* peer);

// In a callback of OpenSSL's server: it makes an error message whose text is "request not accepted".
void raise_cmp_refusal();

class CmpTransaction {
public:
    CmpTransaction(const CmpServerIdentity& identity, CmpPeer peer, std::string id, CmpDesk& desk);

    bool belongs_to(const CmpSender& sender) const;
    // Changes nothing, whatever comes.
    bool authenticates(const OSSL_CMP_MSG* message) const {
        return OSSL_CMP_validate_msg(OSSL_CMP_SRV_CTX_get0_cmp_ctx(server_.get()), message) == 1;
    }
    // Of an authenticated message. Empty: OpenSSL failed.
    std::string answer(const OSSL_CMP_MSG* message, std::string_view body);
    bool is_over() const { return server_ == nullptr; }

private:
    static CmpTransaction& of(const OSSL_CMP_SRV_CTX* server) {
        return *static_cast<CmpTransaction*>(OSSL_CMP_SRV_CTX_get0_custom_ctx(server));
    }
    static OSSL_CMP_PKISI* on_request(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* message, int id,
                                      const OSSL_CRMF_MSG* form, const X509_REQ* pkcs10, X509** certificate,
                                      STACK_OF(X509) * *chain, STACK_OF(X509) * *trusted);
    static OSSL_CMP_PKISI* on_revocation(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* message, const X509_NAME* issuer,
                                         const ASN1_INTEGER* serial);
    static int on_question(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* message, const STACK_OF(OSSL_CMP_ITAV) * in,
                           STACK_OF(OSSL_CMP_ITAV) * *out);
    static void on_error(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* message, const OSSL_CMP_PKISI* status,
                         const ASN1_INTEGER* code, const OSSL_CMP_PKIFREETEXT* details);
    static int on_confirmation(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* message, int id,
                               const ASN1_OCTET_STRING* hash, const OSSL_CMP_PKISI* status);
    static int on_poll(OSSL_CMP_SRV_CTX* server, const OSSL_CMP_MSG* message, int id, OSSL_CMP_MSG** request,
                       std::int64_t* check_after);

    std::optional<CmpRefusal> find_wrong_holder(const OSSL_CRMF_MSG* form) const;
    CmpAnswer decide(const OSSL_CRMF_MSG* form, const CmpRequest& request);
    void settle(const OSSL_CMP_MSG* reply);

    CmpDesk& desk_;
    const CmpPeer peer_;
    const std::string id_;
    CmpContextOwner server_;                  // null: it is over
    std::string_view body_;                   // of the message in hand
    std::optional<CmpRequest> waiting_;       // a person has to decide about it
    CmpMessageOwner waiting_message_;         // that it came in: OpenSSL wants to see it again
    std::optional<CmpAnswer> decision_;       // of a poll, for when it does
    std::optional<Certificate> unconfirmed_;  // issued, and the peer has not said whether it takes it
};

}  // namespace ringfence::crypto
