#include "authority/est_responder.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "authority/message_text.h"
#include "base/text.h"
#include "base/token_text.h"
#include "crypto/scep_message.h"

namespace ringfence::authority {

namespace {

constexpr std::string_view renewal = "simplereenroll";
constexpr std::string_view certificates_type = "application/pkcs7-mime";
constexpr std::string_view issued_type = "application/pkcs7-mime; smime-type=certs-only";
constexpr std::string_view attributes_type = "application/csrattrs";
constexpr std::string_view sentence_type = "text/plain";

// The one client that reads folded base64 only (https://github.com/cisco/libest/issues/100).
constexpr std::string_view folding_client = "libest";
constexpr std::size_t fold_columns = 76;  // RFC 2045 section 6.8

constexpr Duration decision_time = std::chrono::minutes(1);   // an administrator reads a screen meanwhile
constexpr Duration recovery_time = std::chrono::seconds(10);  // a process is started again

// CsrAttrs (RFC 7030 section 4.5.2): the keys that are taken, the cheaper one first.
constexpr std::string_view csr_attributes =
    "302a"
    "3015"                  // Attribute
    "06072a8648ce3d0201"    // id-ecPublicKey
    "310a"                  // values
    "06082a8648ce3d030107"  // prime256v1
    "3011"
    "06092a864886f70d010101"  // rsaEncryption
    "3104"
    "02020800";  // of 2048 bits, as RFC 9908 has it

// Fixed sentences: what is wrong is written in our log.
std::string_view sentence_for(unsigned status) {
    switch (status) {
        case 202: return "The request waits for a decision. Ask again with the same request.\n";
        case 400: return "This is not a certification request.\n";
        case 401: return "An enrolment token or a device certificate is needed.\n";
        case 403: return "This certificate is not issued.\n";
        case 404: return "There is no such service.\n";
        default: return "Please try again later.\n";
    }
}

Reply refuse(unsigned status) {
    Reply reply;
    reply.status = status;
    reply.content_type = sentence_type;
    reply.body = sentence_for(status);
    reply.wants_login = status == 401;
    if (status == 202 || status == 429) reply.retry_after = decision_time;
    if (status == 503) reply.retry_after = recovery_time;
    return reply;
}

unsigned status_of(FaultCode code) {
    switch (code) {
        case FaultCode::unauthenticated: return 401;
        case FaultCode::forbidden:
        case FaultCode::conflict: return 403;
        case FaultCode::rate_limited: return 429;
        case FaultCode::unavailable: return 503;
        default: return 500;
    }
}

std::string fold(std::string_view line) {
    std::string out;
    for (; !line.empty(); line.remove_prefix(std::min(fold_columns, line.size()))) {
        out += line.substr(0, fold_columns);
        out += '\n';
    }
    return out;
}

Reply deliver(const Query& query, std::string_view content_type, std::string_view der) {
    Reply reply;
    reply.content_type = content_type;
    reply.body = to_base64(der);
    if (query.user_agent.starts_with(folding_client)) reply.body = fold(reply.body);
    return reply;
}

Reply deliver_certificates(const Query& query, std::string_view content_type,
                           const std::vector<crypto::Certificate>& certificates) {
    const auto der = crypto::format_certificates(certificates);
    return der ? deliver(query, content_type, *der) : refuse(500);
}

std::string without_armour(std::string_view pem) {
    constexpr std::string_view mark = "-----";
    std::string out;
    for (const auto line : split(pem, '\n'))
        if (!line.starts_with(mark)) out += line;
    return out;
}

// A request is a SEQUENCE: in DER its first byte is '0', in base64 its first character is 'M'.
Result<crypto::CertificationRequest> read_request(std::string_view body) {
    if (body.size() > EstResponder::max_body)
        return fail(FaultCode::too_large, "a certification request is larger than 32 kB");
    if (body.starts_with('0')) return crypto::CertificationRequest::parse_der(body);
    const auto der = from_folded_base64(body.starts_with('-') ? without_armour(body) : std::string(body));
    if (!der) return fail(der.error());
    return crypto::CertificationRequest::parse_der(*der);
}

// Token and check symbol as the password, whatever the user; or reference and secret apart, as machines store them.
Secret token_of(const Query& query) {
    if (parse_token_text(query.password.reveal())) return query.password;
    return bound_token_text(format_token_text({query.user, query.password}));
}

std::optional<Credential> credential_of(const Query& query) {
    const bool is_renewal = query.operation == renewal;
    if (!is_renewal && !query.proved_token.empty()) return ProvedToken{query.proved_token};
    if (!is_renewal && !query.user.empty()) return ShownSecret{token_of(query)};
    if (!query.certificate_fingerprint.empty()) return ProvedCertificate{query.certificate_fingerprint};
    return std::nullopt;
}

}  // namespace

Reply EstResponder::answer(const Query& query) {
    if (!query.is_secure) return refuse(404);
    const bool is_get = !query.is_post;
    if (is_get && query.operation == "cacerts") return deliver_certificates(query, certificates_type, authorities_);
    if (is_get && query.operation == "csrattrs") return deliver(query, attributes_type, *from_hex(csr_attributes));
    if (is_get || (query.operation != "simpleenroll" && query.operation != renewal)) return refuse(404);
    const auto credential = credential_of(query);
    return credential ? enrol(query, *credential) : refuse(401);
}

Reply EstResponder::enrol(const Query& query, const Credential& credential) {
    const auto request = read_request(query.message);
    if (!request) return refuse(400);
    Application application;
    application.protocol = EnrolmentProtocol::est;
    application.profile = query.profile;
    application.credential = credential;
    application.public_key = request->public_key_der();
    application.source = query.source;
    application.wish = request->subject();
    const auto decision = desk_.apply(application);
    if (!decision) return refuse(status_of(decision.error().code));
    const auto* issued = std::get_if<Issued>(&*decision);
    return issued == nullptr ? refuse(202) : deliver_certificates(query, issued_type, {issued->certificate});
}

}  // namespace ringfence::authority
