#include <fmt/format.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "crypto/tls_state.h"

namespace ringfence::crypto {

namespace {

struct Sentence {
    int reason;
    FaultCode code;
    std::string_view text;
};

constexpr Sentence sentences[] = {
    {SSL_R_NO_SHARED_CIPHER, FaultCode::malformed, "no shared cipher: the client offers none that this door takes"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, FaultCode::malformed,
     "no shared signature algorithm: the client offers none that this door takes"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, FaultCode::malformed, "no shared key exchange group with the client"},
    {SSL_R_NO_SUITABLE_GROUPS, FaultCode::malformed, "no shared key exchange group with the client"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, FaultCode::unauthenticated,
     "the client showed no certificate, which this door requires"},
    {SSL_R_HTTP_REQUEST, FaultCode::malformed, "the client spoke plain HTTP to a TLS door"},
    {SSL_R_HTTPS_PROXY_REQUEST, FaultCode::malformed, "the client spoke to this door as to a proxy"},
    {SSL_R_WRONG_VERSION_NUMBER, FaultCode::malformed, "the client did not speak TLS"},
    {SSL_R_UNKNOWN_PROTOCOL, FaultCode::malformed, "the client did not speak TLS"},
    {SSL_R_BAD_SIGNATURE, FaultCode::unauthenticated, "the client does not hold the key of the certificate it showed"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, FaultCode::untrusted,
     "the client refused our certificate: unknown CA; the phone does not hold the root file of this door"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, FaultCode::untrusted,
     "the client refused our certificate: expired, or the phone's clock is wrong"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, FaultCode::untrusted, "the client refused our certificate: revoked"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, FaultCode::untrusted, "the client refused our certificate"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, FaultCode::untrusted, "the client refused our certificate as bad"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, FaultCode::untrusted,
     "the client refused our certificate: it does not know its kind"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, FaultCode::malformed, "the client found nothing in common with this door"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, FaultCode::malformed, "the client does not take this door's TLS version"},
};

bool is_version_reason(int reason) {
    return reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_VERSION_TOO_LOW ||
           reason == SSL_R_VERSION_TOO_HIGH || reason == SSL_R_UNSUPPORTED_SSL_VERSION;
}

std::string_view version_name(int version) {
    switch (version) {
        case SSL3_VERSION: return "SSL 3.0";
        case TLS1_VERSION: return "TLS 1.0";
        case TLS1_1_VERSION: return "TLS 1.1";
        case TLS1_2_VERSION: return "TLS 1.2";
        case TLS1_3_VERSION: return "TLS 1.3";
        default: return "an unknown TLS version";
    }
}

std::string version_sentence(const TlsConnection::State& connection) {
    const bool modern = connection.context->profile.lane == TlsLane::modern;
    return fmt::format("the client offers {} only, and this door speaks {}", version_name(connection.offered_version),
                       modern ? "TLS 1.2 and 1.3; old phones need the https-legacy door" : "TLS 1.0 to 1.2");
}

Fault explain_to_client(const ClientSide& client) {
    Fault fault = openssl_fault("TLS with the server failed");
    fault.code = FaultCode::unavailable;
    return client.verdict.fault.value_or(std::move(fault));
}

}  // namespace

Fault explain_tls_failure(const TlsConnection::State& connection) {
    if (connection.has_failure) {
        ERR_clear_error();
        return connection.failure;
    }
    if (connection.client) return explain_to_client(*connection.client);
    const int reason = ERR_GET_REASON(ERR_peek_error());
    if (is_version_reason(reason)) {
        ERR_clear_error();
        return Fault{FaultCode::malformed, version_sentence(connection)};
    }
    const auto* known = std::find_if(std::begin(sentences), std::end(sentences),
                                     [reason](const Sentence& s) { return s.reason == reason; });
    if (known == std::end(sentences)) {
        Fault fault = openssl_fault("TLS failed");
        fault.code = FaultCode::malformed;
        return fault;
    }
    ERR_clear_error();
    return Fault{known->code, std::string(known->text)};
}

}  // namespace ringfence::crypto
