// Enrolment over Secure Transport (RFC 7030, encodings of RFC 8951): the authority's side, without sockets. Asks the
// desk; answers cacerts, csrattrs, simpleenroll and simplereenroll. What is not asked over HTTPS, or is none of these,
// is not found.
//
// Tolerant in: a request may come as base64, folded anyhow, with the armour of PEM, or as bare DER; what the headers
// say of it does not matter. Exact out: base64 in one line without a line end, which all clients but one take (RFC 8951
// section 3.1 lets the sender choose); libest, told by its User-Agent, reads folded lines only.
//
// Whoever shows a login at simpleenroll applies with that token; whoever shows none but a certificate of ours renews
// it, as at simplereenroll. RFC 7030 section 4.2.2 wants a renewal's request to repeat the names of the present
// certificate. That is not checked: names come from the inventory alone, so those of the request decide nothing, and a
// device that was renamed, or whose certificate is too old to have a subjectAltName, must not be locked out. Proof of
// possession is the request's own signature; it is not bound to the TLS connection, since TLS 1.3 has no tls-unique
// (RFC 9266 section 3). One thread at a time.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "authority/enrolment_desk.h"
#include "authority/responder.h"
#include "crypto/certificate.h"
#include "crypto/certificate_request.h"

namespace ringfence::authority {

class EstResponder final : public Responder {
public:
    // Of a body: base64 makes four bytes of three, lines and armour come on top.
    static constexpr std::size_t max_body = 2 * crypto::CertificationRequest::max_size;

    // `desk` outlives this object. `authorities` is what cacerts answers: the root and the CAs that issue, since an
    // enrolment's answer holds the new certificate alone (RFC 7030 section 4.2.3).
    EstResponder(EnrolmentDesk& desk, std::vector<crypto::Certificate> authorities)
        : desk_(desk), authorities_(std::move(authorities)) {}

    Reply answer(const Query& query) override;

private:
    Reply enrol(const Query& query, const Credential& credential);

    EnrolmentDesk& desk_;
    std::vector<crypto::Certificate> authorities_;
};

}  // namespace ringfence::authority
