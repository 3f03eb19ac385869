// The fetch seam. The boot session asks for files as values and gets bytes or a Fault back; libcurl drives it in
// ringfence-phone, a fleet's client drives thousands, and tests answer by hand.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/url.h"
#include "crypto/tls_client.h"
#include "crypto/verify.h"

namespace ringfence::phone {

struct Login {
    std::string user;
    Secret password;
};

// Bytes that an HTTP server is given by POST.
struct Upload {
    std::string content_type;
    std::string bytes;
};

// One file from one server, over a connection of its own that is closed afterwards (reference 4.1).
struct FetchOrder {
    Protocol protocol = Protocol::tftp;
    std::string host;                   // name or address, without brackets
    std::optional<std::uint16_t> port;  // empty: the protocol's standard port
    std::string path;                   // without the leading '/', not percent-encoded
    std::optional<Login> login;         // the driver may send it to this server and to no other
    // HTTPS: presented if the server asks.
    std::shared_ptr<const crypto::ClientIdentity> identity{};
    std::shared_ptr<const crypto::ServerTrust> trust{};  // HTTPS: whom to believe; null: nobody
    crypto::JudgingTime time;                            // HTTPS: when the server's certificate is judged
    std::size_t size_limit = 0;                          // bytes; a longer file is too_large
    std::string query{};             // HTTP, HTTPS: behind the path's '?', percent-encoded; empty: none
    std::optional<Upload> upload{};  // HTTP, HTTPS: POST in place of GET; "the file" is then the answer

    // Without login and query: fit for reports and logs.
    std::string url() const;
};

// What a driver owes. `body` is the file, whole, or one of these Faults:
//   untrusted, expired   the server's certificate, with a sentence that says what is wrong with it
//   unauthenticated      the server wants a login or certificate, or refused the one that it got
//   not_found            no such file
//   too_large            above size_limit
//   malformed            an answer that a set does not follow: a redirect, a compressed or cut body
//   unavailable          anything else on the way
struct FetchOutcome {
    Result<std::string> body;
    // HTTPS: what the verified server's Date said, whatever its status was.
    std::optional<WallTime> server_time{};
    // The same, if the server's certificate is good at that time too, not only at the order's.
    std::optional<WallTime> proved_time{};
    std::string verified_by{};  // HTTPS: the subject of the anchor that the server's certificate led to
    // HTTP, HTTPS: the server took what was sent and has not decided on it (status 202): ask again after this time,
    // which is zero if the server does not say. `body` is then unavailable.
    std::optional<Duration> ask_again_after{};
};

}  // namespace ringfence::phone
