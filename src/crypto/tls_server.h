// TLS for our doors: a context per listener and a connection per accepted socket, over OpenSSL directly on the file
// descriptor. One session profile per listener: a door that asks for client certificates keeps its sessions itself
// (bounded, shared by all loops), any other hands out one stateless ticket.
//
// TlsServerContext is thread-safe and shared by all loops; TlsConnection belongs to one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/private_key.h"

namespace ringfence::crypto {

enum class TlsLane {
    modern,  // TLS 1.2 and 1.3
    legacy,  // TLS 1.0 to 1.2 with RSA key exchange and AES-CBC-SHA, for sets of 2007
};

// `ask`: a phone may come without a certificate, but one that is shown must be good.
enum class ClientCertificates { off, ask, require };

struct TlsIdentity {
    Certificate leaf;
    std::vector<Certificate> chain;  // sent with the leaf exactly so: a 1200 refuses any CA that it does not hold
    PrivateKey key;
};

struct TlsServerProfile {
    TlsLane lane = TlsLane::modern;
    std::vector<TlsIdentity> identities;  // preferred first: ECDSA, then RSA; the legacy lane takes RSA only
    ClientCertificates client_certificates = ClientCertificates::off;
    // The issuing CAs whose device certificates this door takes, and whose names it sends. A CA above them does not
    // open the door, so name the issuing ones to keep the lanes apart.
    std::vector<Certificate> client_anchors;
    std::vector<Certificate> pinned_legacy_anchors;  // legacy lane: those of the above that may have signed with SHA-1
};

// Asked for every verified client certificate, at full handshakes and at resumptions, with the lower-case hex SHA-256
// of its DER. A Fault refuses it: the handshake ends with its sentence. This is where revocation bites.
using ClientJudge = std::function<Status(std::string_view fingerprint)>;

class TlsConnection;
struct ClientPolicy;

class TlsServerContext {
public:
    static constexpr std::size_t max_sessions = 4096;  // some 8 kB each; a storm of 3,000 phones fits
    static constexpr Duration session_life = std::chrono::hours(1);
    static constexpr std::size_t max_remembered_chains = 16384;  // a fleet's certificates, some 200 bytes each
    static constexpr Duration chain_memory = std::chrono::hours(1);

    // Faults: conflict (key and certificate differ, no identity, or one that the lane cannot serve), internal. `clock`
    // must outlive the context.
    static Result<std::shared_ptr<TlsServerContext>> create(const TlsServerProfile& profile, const Clock& clock);
    ~TlsServerContext();
    TlsServerContext(const TlsServerContext&) = delete;
    TlsServerContext& operator=(const TlsServerContext&) = delete;

    // `fd` is a connected non-blocking socket; the caller closes it after the connection is gone. `judge` (may be
    // empty when client certificates are off) is called on the thread that drives the connection and must outlive it.
    Result<TlsConnection> accept(int fd, const ClientJudge& judge) const;
    Result<TlsConnection> accept(int fd, ClientJudge&& judge) const = delete;  // a temporary would be gone too early

    struct State;  // for this room

private:
    explicit TlsServerContext(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;  // connections share it
};

enum class TlsStep {
    done,
    want_read,   // call again when the socket is readable
    want_write,  // call again when the socket is writable
    closed,      // the peer closed, with or without saying so
    failed,      // failure() says why
};

struct TlsTransfer {
    TlsStep step = TlsStep::done;
    std::size_t bytes = 0;  // moved, when done
};

// Keeps its context alive. A read may want to write and the other way round.
class TlsConnection {
public:
    TlsConnection(TlsConnection&&) noexcept;
    TlsConnection& operator=(TlsConnection&&) noexcept;
    ~TlsConnection();

    TlsStep handshake();
    TlsTransfer read(char* buffer, std::size_t size);  // after the handshake; size > 0
    TlsTransfer write(std::string_view bytes);         // may take a part; the same bytes need not stay in place
    // Sends close_notify and does not wait for the peer's.
    TlsStep shutdown();
    // Bytes already decrypted: the socket will not become readable for these.
    std::size_t pending() const;

    // One plain sentence after `failed`: "the client offers TLS 1.0 only ...".
    const Fault& failure() const;

    // After the handshake.
    const std::string& peer_fingerprint()
        const;                             // of the verified client certificate, lower-case hex; empty: none shown
    std::string protocol_version() const;  // "TLSv1.3"
    std::string cipher() const;            // OpenSSL's name
    std::string server_name() const;       // SNI; empty: none sent
    bool resumed() const;

    struct State;  // for this room

private:
    friend class TlsServerContext;
    friend Result<TlsConnection> connect_tls(int fd, ClientPolicy policy);
    explicit TlsConnection(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace ringfence::crypto
