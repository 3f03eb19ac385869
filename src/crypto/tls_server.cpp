#include "crypto/tls_server.h"

#include <algorithm>

#include "base/text.h"
#include "crypto/socket_bio.h"
#include "crypto/tls_state.h"
#include "crypto/verify.h"

namespace ringfence::crypto {

namespace {

// ECDSA before RSA throughout, because it costs the server a fraction; AES-128 before AES-256 for the same reason.
constexpr const char* modern_ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:@SECLEVEL=2";
constexpr const char* modern_suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* modern_groups = "X25519:P-256:P-384";
// What sets of 2007 know: RSA key exchange with AES-CBC and SHA-1 (reference 4.5). Forward secrecy for those that can.
// TLS 1.0 does not work above security level 0 (reference A.9); crypto/verify.cpp puts the floor back.
constexpr const char* legacy_ciphers =
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES128-SHA:"
    "AES128-GCM-SHA256:AES256-GCM-SHA384:AES256-SHA256:AES128-SHA256:AES256-SHA:AES128-SHA:@SECLEVEL=0";

constexpr long max_client_chain = 32L * 1024;  // bytes a client may send as its chain; ours send below 4 kB
constexpr std::string_view session_context = "ringfence";

bool asks(const TlsServerProfile& profile) { return profile.client_certificates != ClientCertificates::off; }

std::string as_key(const unsigned char* id, unsigned size) { return {reinterpret_cast<const char*>(id), size}; }

std::string key_of(const SSL_SESSION* session) {
    unsigned size = 0;
    const unsigned char* id = SSL_SESSION_get_id(session, &size);
    return as_key(id, size);
}

TlsServerContext::State& state_of(SSL* ssl) { return *connection_of(ssl).context; }

// ---- The session store: our own, so that every resumption passes the judge before it is taken.

int store_session(SSL* ssl, SSL_SESSION* session) {
    TlsServerContext::State& state = state_of(ssl);
    state.sessions.put(key_of(session), std::shared_ptr<SSL_SESSION>(session, SSL_SESSION_free),
                       state.clock.steady_now());
    return 1;  // the reference is ours now
}

bool may_resume(TlsConnection::State& connection, SSL_SESSION* session) {
    X509* peer = SSL_SESSION_get0_peer(session);
    if (peer == nullptr) return connection.context->profile.client_certificates != ClientCertificates::require;
    const Certificate leaf = Certificate::share(peer);
    if (connection.context->clock.wall_now() >= leaf.not_after()) return false;
    return (*connection.judge)(leaf.fingerprint_sha256()).has_value();
}

// Without a session the handshake goes on in full, and there the refusal gets its sentence and its alert.
SSL_SESSION* find_session(SSL* ssl, const unsigned char* id, int size, int* copy) {
    *copy = 0;
    TlsConnection::State& connection = connection_of(ssl);
    TlsServerContext::State& state = *connection.context;
    const std::string key = as_key(id, static_cast<unsigned>(size));
    const auto session = state.sessions.find(key, state.clock.steady_now());
    if (!session) return nullptr;
    if (!may_resume(connection, session->get())) {
        state.sessions.erase(key);
        return nullptr;
    }
    SSL_SESSION_up_ref(session->get());
    return session->get();
}

void forget_session(SSL_CTX* context, SSL_SESSION* session) {
    static_cast<TlsServerContext::State*>(SSL_CTX_get_app_data(context))->sessions.erase(key_of(session));
}

// ---- The client's certificate

VerifyPolicy client_policy(const TlsServerContext::State& state) {
    VerifyPolicy policy;
    policy.purpose = Purpose::client;
    policy.time.at = state.clock.wall_now();
    policy.strength = state.profile.lane == TlsLane::legacy ? Strength::legacy : Strength::modern;
    policy.pinned_legacy_anchors = state.profile.pinned_legacy_anchors;
    return policy;
}

bool is_remembered(TlsServerContext::State& state, const std::string& fingerprint) {
    const auto chain = state.chains.find(fingerprint, state.clock.steady_now());
    const WallTime now = state.clock.wall_now();
    return chain && chain->begins <= now && now < chain->ends;
}

void remember(TlsServerContext::State& state, const std::string& fingerprint, const VerifiedChain& chain) {
    RememberedChain remembered{chain.leaf().not_before(), chain.leaf().not_after()};
    for (const Certificate& certificate : chain.certificates()) {
        remembered.begins = std::max(remembered.begins, certificate.not_before());
        remembered.ends = std::min(remembered.ends, certificate.not_after());
    }
    state.chains.put(fingerprint, remembered, state.clock.steady_now());
}

tl::expected<void, ChainRefusal> verify_client(TlsServerContext::State& state, const Certificate& leaf,
                                               const std::string& fingerprint, const STACK_OF(X509) * sent) {
    if (is_remembered(state, fingerprint)) return {};
    std::vector<Certificate> intermediates;
    for (int i = 1; sent != nullptr && i < sk_X509_num(sent); ++i) {
        intermediates.push_back(Certificate::share(sk_X509_value(sent, i)));
    }
    auto chain = build_chain(leaf, intermediates, state.profile.client_anchors, client_policy(state));
    if (!chain) return tl::unexpected<ChainRefusal>(std::move(chain).error());
    remember(state, fingerprint, *chain);
    return {};
}

// The number that OpenSSL makes the alert of.
int alert_number(const Fault& judged) {
    const bool is_ours = judged.code == FaultCode::unavailable || judged.code == FaultCode::internal ||
                         judged.code == FaultCode::corrupt;
    return is_ours ? X509_V_ERR_UNSPECIFIED : X509_V_ERR_CERT_REVOKED;
}

int judge_client(X509_STORE_CTX* store, void*) {
    const SSL* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    TlsConnection::State& connection = connection_of(ssl);
    TlsServerContext::State& state = *connection.context;
    const Certificate leaf = Certificate::share(X509_STORE_CTX_get0_cert(store));
    const std::string fingerprint = leaf.fingerprint_sha256();

    if (auto verified = verify_client(state, leaf, fingerprint, X509_STORE_CTX_get0_untrusted(store)); !verified) {
        X509_STORE_CTX_set_error(store, verified.error().x509_error);
        connection.fail_with(std::move(verified).error().fault);
        return 0;
    }
    if (auto judged = (*connection.judge)(fingerprint); !judged) {
        state.chains.erase(fingerprint);
        X509_STORE_CTX_set_error(store, alert_number(judged.error()));
        connection.fail_with(std::move(judged).error());
        return 0;
    }
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

// ---- The ClientHello, for the sentence of a version that we do not speak

int highest_offered(SSL* ssl) {
    const unsigned char* list = nullptr;
    std::size_t size = 0;
    int highest = static_cast<int>(SSL_client_hello_get0_legacy_version(ssl));
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &list, &size) != 1) return highest;
    // RFC 8446 section 4.2.1: one byte of length, then pairs. Reserved values (RFC 8701) are above 1.3 and left out.
    highest = 0;
    for (std::size_t i = 1; i + 1 < size; i += 2) {
        const int version = list[i] << 8 | list[i + 1];
        if (version <= TLS1_3_VERSION) highest = std::max(highest, version);
    }
    return highest;
}

int note_client_hello(SSL* ssl, int*, void*) {
    connection_of(ssl).offered_version = highest_offered(ssl);
    return SSL_CLIENT_HELLO_SUCCESS;
}

// ---- Building a context

Status check_profile(const TlsServerProfile& profile) {
    if (profile.identities.empty()) return fail(FaultCode::conflict, "a TLS door needs a certificate");
    for (const TlsIdentity& identity : profile.identities) {
        if (!identity.key.matches(identity.leaf)) {
            return fail(FaultCode::conflict, "the server's key does not belong to its certificate");
        }
        if (profile.lane == TlsLane::legacy && identity.key.kind() != KeyKind::rsa) {
            return fail(FaultCode::conflict, "the legacy lane needs an RSA certificate");
        }
    }
    if (asks(profile) && profile.client_anchors.empty()) {
        return fail(FaultCode::conflict, "a door that asks for client certificates needs the CAs that issue them");
    }
    return {};
}

bool set_protocol(SSL_CTX* context, TlsLane lane) {
    if (lane == TlsLane::legacy) {
        // Old stacks stumble over the empty records that guard TLS 1.0 against chosen text, which phones never send.
        SSL_CTX_set_options(context, SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS);
        return SSL_CTX_set_min_proto_version(context, TLS1_VERSION) == 1 &&
               SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION) == 1 &&
               SSL_CTX_set_cipher_list(context, legacy_ciphers) == 1;
    }
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, modern_ciphers) == 1 &&
           SSL_CTX_set_ciphersuites(context, modern_suites) == 1 &&
           SSL_CTX_set1_groups_list(context, modern_groups) == 1;
}

bool set_identities(SSL_CTX* context, const std::vector<TlsIdentity>& identities) {
    constexpr int replace = 1;
    for (const TlsIdentity& identity : identities) {
        const X509StackOwner chain = make_stack(identity.chain);
        if (SSL_CTX_use_cert_and_key(context, identity.leaf.native(), identity.key.native(), chain.get(), replace) !=
            1) {
            return false;
        }
    }
    return true;
}

void set_common(SSL_CTX* context) {
    // SSL_OP_IGNORE_UNEXPECTED_EOF: phones close without close_notify, and the alert that OpenSSL would answer with
    // takes the session along.
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    // One read(2) takes all that arrived, not first each record's five bytes of head.
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_client_hello_cb(context, note_client_hello, nullptr);
    constexpr std::size_t one_ticket = 1;  // more only cost time: a phone opens one connection after the other
    SSL_CTX_set_num_tickets(context, one_ticket);
    SSL_CTX_set_timeout(context,
                        std::chrono::duration_cast<std::chrono::seconds>(TlsServerContext::session_life).count());
}

bool set_session_context(SSL_CTX* context) {
    return SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(session_context.data()),
                                          static_cast<unsigned>(session_context.size())) == 1;
}

// Stateful: a session can be refused one by one, and carries the client's certificate without showing it to anybody.
bool set_client_certificates(SSL_CTX* context, const TlsServerProfile& profile) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, store_session);
    SSL_CTX_sess_set_get_cb(context, find_session);
    SSL_CTX_sess_set_remove_cb(context, forget_session);
    int mode = SSL_VERIFY_PEER;
    if (profile.client_certificates == ClientCertificates::require) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(context, mode, nullptr);
    SSL_CTX_set_cert_verify_callback(context, judge_client, nullptr);
    SSL_CTX_set_max_cert_list(context, max_client_chain);
    return std::all_of(profile.client_anchors.begin(), profile.client_anchors.end(),
                       [context](const Certificate& ca) { return SSL_CTX_add_client_CA(context, ca.native()) == 1; });
}

}  // namespace

int connection_slot() {
    static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return slot;
}

TlsConnection::State& connection_of(const SSL* ssl) {
    auto* connection = static_cast<TlsConnection::State*>(SSL_get_ex_data(ssl, connection_slot()));
    RINGFENCE_ASSERT(connection != nullptr);
    return *connection;
}

TlsServerContext::TlsServerContext(std::shared_ptr<State> state) : state_(std::move(state)) {}
TlsServerContext::~TlsServerContext() = default;

Result<std::shared_ptr<TlsServerContext>> TlsServerContext::create(const TlsServerProfile& profile,
                                                                   const Clock& clock) {
    if (auto checked = check_profile(profile); !checked) return fail(std::move(checked).error());
    auto state = std::make_shared<State>(profile, clock);
    state->context.reset(SSL_CTX_new(TLS_server_method()));
    SSL_CTX* context = state->context.get();
    if (context == nullptr) return fail(openssl_fault("making a TLS context"));
    SSL_CTX_set_app_data(context, state.get());
    set_common(context);
    const bool built = set_protocol(context, profile.lane) && set_session_context(context) &&
                       set_identities(context, profile.identities) &&
                       (!asks(profile) || set_client_certificates(context, profile));
    if (!built) return fail(openssl_fault("making a TLS context"));
    return std::shared_ptr<TlsServerContext>(new TlsServerContext(std::move(state)));
}

Result<TlsConnection> TlsServerContext::accept(int fd, const ClientJudge& judge) const {
    RINGFENCE_ASSERT(judge || !asks(state_->profile));
    auto connection = std::make_unique<TlsConnection::State>();
    connection->context = state_;
    connection->judge = &judge;
    connection->ssl.reset(SSL_new(state_->context.get()));
    SSL* ssl = connection->ssl.get();
    if (ssl == nullptr || SSL_set_ex_data(ssl, connection_slot(), connection.get()) != 1) {
        return fail(openssl_fault("accepting a TLS connection"));
    }
    BIO* socket = make_socket_bio(fd).release();
    SSL_set_bio(ssl, socket, socket);
    SSL_set_accept_state(ssl);
    return TlsConnection(std::move(connection));
}

}  // namespace ringfence::crypto
