#include "crypto/tls_client.h"

#include "base/ip_address.h"
#include "crypto/openssl.h"
#include "crypto/socket_bio.h"
#include "crypto/tls_state.h"

namespace ringfence::crypto {

namespace {

// What the callback finds through the SSL_CTX; both live until the transfer is over.
struct Judgement {
    const ClientPolicy* policy;
    ClientVerdict* verdict;
};

void release_judgement(void*, void* judgement, CRYPTO_EX_DATA*, int, long, void*) {
    delete static_cast<Judgement*>(judgement);
}

int judgement_slot() {
    static const int slot = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, release_judgement);
    return slot;
}

std::vector<Certificate> sent_beside_leaf(const STACK_OF(X509) * sent) {
    std::vector<Certificate> certificates;
    for (int i = 1; sent != nullptr && i < sk_X509_num(sent); ++i) {
        certificates.push_back(Certificate::share(sk_X509_value(sent, i)));
    }
    return certificates;
}

int judge_server(X509_STORE_CTX* store, void* argument) {
    const auto& judgement = *static_cast<Judgement*>(argument);
    ClientVerdict& verdict = *judgement.verdict;
    const Certificate leaf = Certificate::share(X509_STORE_CTX_get0_cert(store));
    const std::vector<Certificate> intermediates = sent_beside_leaf(X509_STORE_CTX_get0_untrusted(store));

    verdict = ClientVerdict{};
    verdict.leaf_subject = leaf.subject();
    verdict.presented = {leaf};
    verdict.presented.insert(verdict.presented.end(), intermediates.begin(), intermediates.end());
    for (const Certificate& one : verdict.presented) verdict.chain_fingerprints.push_back(one.fingerprint_sha256());

    auto chain = build_chain(leaf, intermediates, judgement.policy->trust.anchors, server_policy(*judgement.policy));
    if (!chain) {
        X509_STORE_CTX_set_error(store, chain.error().x509_error);
        verdict.fault = std::move(chain).error().fault;
        return 0;
    }
    verdict.verified = true;
    verdict.anchor_subject = chain->anchor().subject();
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

Status set_identity(SSL_CTX* context, const ClientIdentity& identity) {
    if (!identity.key.matches(identity.leaf)) {
        return fail(FaultCode::conflict, "the device key does not belong to the device certificate");
    }
    const X509StackOwner chain = make_stack(identity.chain);
    constexpr int replace = 1;
    if (SSL_CTX_use_cert_and_key(context, identity.leaf.native(), identity.key.native(), chain.get(), replace) != 1) {
        return fail(openssl_fault("taking the device certificate"));
    }
    return {};
}

// RFC 6066 section 3: addresses are not named.
bool name_server(SSL* ssl, const std::string& host) {
    return IpAddress::parse(host).has_value() || SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

VerifyPolicy server_policy(const ClientPolicy& policy) {
    VerifyPolicy verify;
    verify.purpose = Purpose::server;
    verify.time = policy.time;
    verify.host = policy.host;
    verify.is_revoked = policy.trust.is_revoked;
    verify.only_leaves = policy.trust.only_leaves;
    verify.sent_chain_must_be_held = policy.trust.sent_chain_must_be_held;
    verify.min_rsa_bits = policy.trust.min_rsa_bits;
    return verify;
}

Status configure_client(void* ssl_ctx, const ClientPolicy& policy, ClientVerdict& verdict) {
    RINGFENCE_ASSERT(ssl_ctx != nullptr && !policy.host.empty());
    auto* context = static_cast<SSL_CTX*>(ssl_ctx);
    auto judgement = std::make_unique<Judgement>(Judgement{&policy, &verdict});
    delete static_cast<Judgement*>(SSL_CTX_get_ex_data(context, judgement_slot()));
    if (SSL_CTX_set_ex_data(context, judgement_slot(), judgement.get()) != 1) {
        return fail(openssl_fault("preparing a TLS connection"));
    }
    SSL_CTX_set_cert_verify_callback(context, judge_server, judgement.release());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        return fail(openssl_fault("preparing a TLS connection"));
    }
    if (policy.identity) return set_identity(context, *policy.identity);
    return {};
}

Result<TlsConnection> connect_tls(int fd, ClientPolicy policy) {
    auto connection = std::make_unique<TlsConnection::State>();
    connection->client = std::make_unique<ClientSide>(ClientSide{std::move(policy)});
    ClientSide& client = *connection->client;
    client.context.reset(SSL_CTX_new(TLS_client_method()));
    if (client.context == nullptr) return fail(openssl_fault("making a TLS context"));
    SSL_CTX_set_mode(client.context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    auto configured = configure_client(client.context.get(), client.policy, client.verdict);
    if (!configured) return fail(std::move(configured.error()));
    connection->ssl.reset(SSL_new(client.context.get()));
    SSL* ssl = connection->ssl.get();
    if (ssl == nullptr || !name_server(ssl, client.policy.host)) return fail(openssl_fault("beginning TLS"));
    BIO* socket = make_socket_bio(fd).release();
    SSL_set_bio(ssl, socket, socket);
    SSL_set_connect_state(ssl);
    return TlsConnection(std::move(connection));
}

}  // namespace ringfence::crypto
