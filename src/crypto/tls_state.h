// For this room's source files only: what a TLS context and its connections hold.
#pragma once

#include <memory>
#include <string>

#include "crypto/bounded_map.h"
#include "crypto/openssl.h"
#include "crypto/tls_client.h"
#include "crypto/tls_server.h"

namespace ringfence::crypto {

using ContextOwner = Owner<SSL_CTX, SSL_CTX_free>;
using SslOwner = Owner<SSL, SSL_free>;

// A chain that held, so that the next handshake with the same leaf need not build it again. Its dates are judged anew.
struct RememberedChain {
    WallTime begins{};  // the latest not-before of the chain
    WallTime ends{};    // the earliest not-after
};

struct TlsServerContext::State {
    State(TlsServerProfile taken, const Clock& passed)
        : profile(std::move(taken)),
          clock(passed),
          sessions(max_sessions, session_life),
          chains(max_remembered_chains, chain_memory) {}

    TlsServerProfile profile;
    const Clock& clock;
    BoundedMap<std::shared_ptr<SSL_SESSION>> sessions;  // by session id
    BoundedMap<RememberedChain> chains;                 // by the leaf's fingerprint
    ContextOwner context;
};

// What a connection of ours to a server believes and has found.
struct ClientSide {
    ClientPolicy policy;
    ClientVerdict verdict{};
    ContextOwner context{};
};

struct TlsConnection::State {
    std::shared_ptr<TlsServerContext::State> context;  // null on a client's side
    const ClientJudge* judge = nullptr;
    std::unique_ptr<ClientSide> client;  // null on a server's side
    SslOwner ssl;
    bool broken = false;      // OpenSSL allows no further call but SSL_free
    int offered_version = 0;  // the highest of the ClientHello, as on the wire
    std::string peer_fingerprint;
    Fault failure;
    bool has_failure = false;  // a callback knows better than OpenSSL why

    void fail_with(Fault fault) {
        failure = std::move(fault);
        has_failure = true;
    }
};

// The slot of an SSL in which its TlsConnection::State stands.
int connection_slot();
TlsConnection::State& connection_of(const SSL* ssl);

// One plain sentence out of OpenSSL's error queue, which it empties.
Fault explain_tls_failure(const TlsConnection::State& connection);

}  // namespace ringfence::crypto
