// CMP (RFC 9810, profile RFC 9483) over HTTP (RFC 9811) for the desk: an agent with a token gets its certificate and
// the CA to trust; a certificate renews and revokes itself.
//
// A transaction's messages may come over several connections; one responder has to see them all.
#pragma once

#include <string>
#include <vector>

#include "authority/enrolment_desk.h"
#include "authority/responder.h"
#include "base/clock.h"
#include "crypto/cmp_server.h"

namespace ringfence::authority {

struct CmpParts {
    crypto::CmpServerIdentity identity;
    std::vector<crypto::Certificate> issuing;  // whose certificates may sign
    crypto::Certificate root;                  // what a holder of a token is told to trust
};

class CmpResponder final : public Responder, private crypto::CmpDesk {
public:
    // `desk` and `clock` outlive the responder.
    CmpResponder(CmpParts parts, EnrolmentDesk& desk, const Clock& clock);

    Reply answer(const Query& query) override;

private:
    Result<Secret> secret_of(std::string_view reference) override;
    void note_wrong_secret(std::string_view reference) override;
    crypto::CmpAnswer certify(const crypto::CmpRequest& request) override;
    Status confirm(const crypto::CmpConfirmation& confirmation) override;
    std::optional<crypto::CmpRefusal> revoke(const crypto::CmpRevocation& revocation) override;
    std::vector<crypto::Certificate> ca_certificates() override;

    crypto::Certificate root_;
    std::vector<crypto::Certificate> issuing_;
    EnrolmentDesk& desk_;
    std::string source_;  // of the query that is being answered
    crypto::CmpServer server_;
};

}  // namespace ringfence::authority
