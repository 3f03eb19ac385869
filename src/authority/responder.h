// What the enrolment protocols take and give over HTTP, neutral of sockets: a door turns a request into a Query and a
// Reply into a response.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/secret.h"
#include "registry/enrolment.h"

namespace ringfence::authority {

// One of the authority's services, by request path. `login` is no registrar's: it learns no passwords.
enum class Service { scep, est, cmp, ocsp, login };

struct Query {
    Service service = Service::scep;
    registry::EnrolmentProfile profile = registry::EnrolmentProfile::modern;  // of the lane that it came through
    bool is_post = false;
    bool is_secure = false;  // over HTTPS
    std::string operation;   // EST: "simpleenroll" ...; SCEP: from the query; else empty
    std::string message;     // the body, or SCEP's and OCSP's GET message, percent-decoded and still base64
    std::string user_agent;  // as sent: EST folds its base64 for one client
    std::string user;        // EST: Basic login; empty: none shown
    Secret password;
    std::string proved_token;             // EST: reference of the token that HTTP Digest proved; empty: none
    std::string certificate_fingerprint;  // of the client certificate that the handshake verified; empty: none
    std::string source;                   // address
};

struct Reply {
    unsigned status = 200;
    std::string content_type;
    std::string body;
    bool wants_login = false;               // 401 with the door's challenge
    std::optional<Duration> retry_after{};  // 202, 429 and 503
    bool is_login_stale = false;            // with wants_login: it was right, but its nonce is used up
    Secret secret_body{};                   // in body's place: nobody on the way may keep it; of no registrar's reply
};

// One thread at a time.
class Responder {
public:
    virtual ~Responder() = default;
    // Never fails: what goes wrong is an answer.
    virtual Reply answer(const Query& query) = 0;
};

}  // namespace ringfence::authority
