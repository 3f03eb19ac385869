// A connection to one server on loopback, plain or over TLS, and HTTP answers on it. Whatever goes wrong is LoadFailed.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "load.h"

namespace ringfence::bench {

void require(bool holds, std::string_view what);

struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;

// Null when there is no root: then the connection is plain.
Context make_context(const TlsLoad& load);

class Connection {
public:
    Connection(std::uint16_t port, SSL_CTX* context);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void send(std::string_view bytes);
    // Appends what has come; false at the end.
    bool receive(std::string& to);

private:
    int socket_;
    std::unique_ptr<SSL, FreeSsl> ssl_;
};

// One request and the body of its answer, whose status is 200. Empty: the server had closed a kept connection before it
// answered.
std::optional<std::string> exchange(Connection& connection, const std::string& request);

}  // namespace ringfence::bench
