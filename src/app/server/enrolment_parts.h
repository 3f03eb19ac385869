// What runs in the processes of enrolment, built from an installation: one function for each process.
#pragma once

#include <memory>
#include <optional>

#include "app/server/context.h"
#include "authority/authority.h"
#include "authority/responder.h"
#include "protocol/http_auth.h"
#include "server/enrolment_service.h"
#include "server/registrar_process.h"
#include "server/settings.h"
#include "server/signer_process.h"

namespace ringfence::app {

// In the registrar, before it shuts itself in: all four services, which ask the desk for every decision. Holds the
// registration and OCSP keys. `context` outlives it.
Result<std::unique_ptr<authority::Responder>> make_responder(Context& context, server::Asking desk);

// In the signer, before it shuts itself in: answers what the desk asks. Holds the issuing keys. `context` outlives it.
Result<server::Answering> make_signer(Context& context);

// In the server; none when the OpenSSL here is too old to be shown to strangers. The log says why. What is given
// outlives the server.
Result<std::optional<server::EnrolmentParts>> make_enrolment(Context& context, server::SignerProcess& signer,
                                                             protocol::NonceTable& nonces);
server::ChildPlan plan_signer(const Context& context);

// What certificates say about where to learn of revocation: the http door, if phones find it at its standard port.
authority::ServiceUrls service_urls(const server::ServerSettings& settings);

}  // namespace ringfence::app
