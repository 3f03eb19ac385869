#include <cerrno>
#include <utility>

#include "crypto/tls_state.h"

namespace ringfence::crypto {

namespace {

// What an SSL call that did not succeed means for the caller.
TlsStep judge_result(TlsConnection::State& state, int result) {
    switch (SSL_get_error(state.ssl.get(), result)) {
        case SSL_ERROR_WANT_READ: return TlsStep::want_read;
        case SSL_ERROR_WANT_WRITE: return TlsStep::want_write;
        case SSL_ERROR_ZERO_RETURN: return TlsStep::closed;
        case SSL_ERROR_SYSCALL:
            // A phone that resets after its last byte: nothing is wrong with the session.
            state.broken = true;
            ERR_clear_error();
            return TlsStep::closed;
        default:
            state.broken = true;
            state.failure = explain_tls_failure(state);
            return TlsStep::failed;
    }
}

std::string fingerprint_of_peer(const SSL* ssl) {
    X509* peer = SSL_get0_peer_certificate(ssl);
    return peer == nullptr ? std::string() : Certificate::share(peer).fingerprint_sha256();
}

}  // namespace

TlsConnection::TlsConnection(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsConnection::TlsConnection(TlsConnection&&) noexcept = default;
TlsConnection& TlsConnection::operator=(TlsConnection&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

TlsConnection::~TlsConnection() {
    if (state_ == nullptr) return;
    // OpenSSL throws a session away when its connection ends without close_notify, which is how phones end theirs.
    if (state_->failure.message.empty() && SSL_is_init_finished(state_->ssl.get()) == 1) {
        SSL_set_shutdown(state_->ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    ERR_clear_error();
}

TlsStep TlsConnection::handshake() {
    if (state_->broken) return TlsStep::failed;
    ERR_clear_error();
    const int result = SSL_do_handshake(state_->ssl.get());
    if (result == 1) {
        state_->peer_fingerprint = fingerprint_of_peer(state_->ssl.get());
        return TlsStep::done;
    }
    const TlsStep step = judge_result(*state_, result);
    if (step != TlsStep::closed) return step;
    state_->broken = true;
    const std::string peer = state_->client ? "server" : "client";
    state_->failure = Fault{FaultCode::unavailable, "the " + peer + " closed the connection during the handshake"};
    return TlsStep::failed;
}

TlsTransfer TlsConnection::read(char* buffer, std::size_t size) {
    RINGFENCE_ASSERT(size > 0);
    if (state_->broken) return {TlsStep::closed, 0};
    ERR_clear_error();
    std::size_t moved = 0;
    const int result = SSL_read_ex(state_->ssl.get(), buffer, size, &moved);
    if (result == 1) return {TlsStep::done, moved};
    return {judge_result(*state_, result), 0};
}

TlsTransfer TlsConnection::write(std::string_view bytes) {
    if (bytes.empty()) return {TlsStep::done, 0};
    if (state_->broken) return {TlsStep::closed, 0};
    ERR_clear_error();
    std::size_t moved = 0;
    const int result = SSL_write_ex(state_->ssl.get(), bytes.data(), bytes.size(), &moved);
    if (result == 1) return {TlsStep::done, moved};
    return {judge_result(*state_, result), 0};
}

TlsStep TlsConnection::shutdown() {
    if (state_->broken || SSL_is_init_finished(state_->ssl.get()) == 0) return TlsStep::closed;
    ERR_clear_error();
    const int result = SSL_shutdown(state_->ssl.get());
    if (result >= 0) return TlsStep::done;
    return judge_result(*state_, result);
}

std::size_t TlsConnection::pending() const { return static_cast<std::size_t>(SSL_pending(state_->ssl.get())); }

const Fault& TlsConnection::failure() const { return state_->failure; }

const std::string& TlsConnection::peer_fingerprint() const { return state_->peer_fingerprint; }

std::string TlsConnection::protocol_version() const { return SSL_get_version(state_->ssl.get()); }

std::string TlsConnection::cipher() const { return SSL_get_cipher_name(state_->ssl.get()); }

std::string TlsConnection::server_name() const {
    const char* name = SSL_get_servername(state_->ssl.get(), TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? std::string() : std::string(name);
}

bool TlsConnection::resumed() const { return SSL_session_reused(state_->ssl.get()) == 1; }

}  // namespace ringfence::crypto
