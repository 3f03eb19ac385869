#include "crypto/cmp_message.h"

#include <algorithm>
#include <array>

#include "crypto/der.h"

namespace ringfence::crypto {

namespace {

using namespace std::string_view_literals;

// Object identifiers as DER content.
constexpr auto password_based_mac = "\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0d"sv;  // 1.2.840.113533.7.66.13
constexpr std::array one_way_functions = {
    "\x2b\x0e\x03\x02\x1a"sv,                  // SHA-1
    "\x60\x86\x48\x01\x65\x03\x04\x02\x01"sv,  // SHA-256
};
constexpr std::array macs = {
    "\x2b\x06\x01\x05\x05\x08\x01\x02"sv,  // HMAC-SHA1 as RFC 9481 section 6.2.1 names it
    "\x2a\x86\x48\x86\xf7\x0d\x02\x07"sv,  // hmacWithSHA1
    "\x2a\x86\x48\x86\xf7\x0d\x02\x09"sv,  // hmacWithSHA256
};
constexpr std::array signatures = {
    "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"sv,  // sha256WithRSAEncryption
    "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"sv,  // sha384WithRSAEncryption
    "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"sv,  // sha512WithRSAEncryption
    "\x2a\x86\x48\xce\x3d\x04\x03\x02"sv,      // ecdsa-with-SHA256
    "\x2a\x86\x48\xce\x3d\x04\x03\x03"sv,      // ecdsa-with-SHA384
    "\x2a\x86\x48\xce\x3d\x04\x03\x04"sv,      // ecdsa-with-SHA512
};
constexpr unsigned char directory_name = der_context(4);  // of a GeneralName
constexpr unsigned char generalized_time = 0x18;
constexpr unsigned char utf8_string = 0x0c;
constexpr unsigned last_body = 26;

struct Algorithm {
    std::string_view oid;
    std::string_view parameters;  // DER; empty: absent
    bool has_none() const { return parameters.empty() || parameters == "\x05\x00"sv; }
};

Algorithm parse_algorithm(DerReader& reader) {
    DerReader inside(reader.take(der_sequence).content);
    Algorithm algorithm{inside.take(der_oid).content, {}};
    if (inside.has_more()) algorithm.parameters = inside.take().whole;
    if (!inside.is_whole()) reader.refuse();
    return algorithm;
}

template <std::size_t count>
bool is_among(const Algorithm& algorithm, const std::array<std::string_view, count>& oids) {
    return algorithm.has_none() && std::find(oids.begin(), oids.end(), algorithm.oid) != oids.end();
}

// PBMParameter, RFC 9810 section 5.1.3.1.
bool is_bounded_mac(std::string_view parameters) {
    DerReader outer(parameters);
    DerReader reader(outer.take(der_sequence).content);
    const std::string_view salt = reader.take(der_octet_string).content;
    const Algorithm function = parse_algorithm(reader);
    const auto iterations = parse_der_number(reader.take(der_integer).content, max_cmp_iterations);
    const Algorithm mac = parse_algorithm(reader);
    return reader.is_whole() && outer.is_whole() && salt.size() >= min_cmp_salt && salt.size() <= max_cmp_salt &&
           is_among(function, one_way_functions) && iterations >= min_cmp_iterations &&
           iterations <= max_cmp_iterations && is_among(mac, macs);
}

CmpProtection judge_protection(const Algorithm& algorithm) {
    if (algorithm.oid == password_based_mac && is_bounded_mac(algorithm.parameters)) return CmpProtection::mac;
    if (is_among(algorithm, signatures)) return CmpProtection::signature;
    return CmpProtection::other;
}

CmpProtection take_protection_algorithm(DerReader& header) {
    if (!header.is_next(der_context(1))) return CmpProtection::other;
    DerReader inside(header.take().content);
    const Algorithm algorithm = parse_algorithm(inside);
    if (!inside.is_whole()) header.refuse();
    return judge_protection(algorithm);
}

// Free text, and what OpenSSL reads of the general information: only their form is looked at here.
void pass_over_list(DerReader& header, unsigned number, unsigned char tag) {
    if (!header.is_next(der_context(number))) return;
    DerReader inside(header.take().content);
    DerReader list(inside.take(der_sequence).content);
    while (list.has_more()) list.take(tag);
    if (!list.is_whole() || !inside.is_whole()) header.refuse();
}

// PKIHeader, RFC 9810 section 5.1.1. False: malformed.
bool read_header(std::string_view bytes, CmpOutline& outline) {
    DerReader header(bytes);
    header.take(der_integer);  // pvno, which OpenSSL judges
    outline.sender = header.take(directory_name).whole;
    header.take();  // recipient
    header.take_explicit(0, generalized_time);
    outline.protection = take_protection_algorithm(header);
    outline.reference = header.take_explicit(2, der_octet_string);
    header.take_explicit(3, der_octet_string);  // recipKID
    outline.transaction_id = header.take_explicit(4, der_octet_string);
    outline.sender_nonce = header.take_explicit(5, der_octet_string);
    header.take_explicit(6, der_octet_string);  // recipNonce, which OpenSSL compares
    pass_over_list(header, 7, utf8_string);
    pass_over_list(header, 8, der_sequence);
    return header.is_whole() && !outline.transaction_id.empty() && !outline.sender_nonce.empty();
}

bool has_bounded_header(const CmpOutline& outline) {
    return outline.reference.size() <= max_cmp_reference && outline.transaction_id.size() <= max_cmp_transaction_id &&
           outline.sender_nonce.size() <= max_cmp_nonce;
}

void read_certificates(DerReader& message, CmpOutline& outline) {
    if (!message.is_next(der_context(1))) return;
    DerReader inside(message.take().content);
    DerReader list(inside.take(der_sequence).content);
    while (list.has_more() && outline.certificates.size() <= max_cmp_certificates)
        outline.certificates.push_back(list.take(der_sequence).whole);
    // A list that is too long is told by its count.
    const bool is_cut = outline.certificates.size() > max_cmp_certificates;
    if (!inside.is_whole() || (!list.is_whole() && !is_cut)) message.refuse();
}

struct NamedFailure {
    CmpFailure failure;
    std::string_view name;
};
constexpr std::array failure_names = {
    NamedFailure{CmpFailure::bad_algorithm, "badAlg"},
    NamedFailure{CmpFailure::bad_request, "badRequest"},
    NamedFailure{CmpFailure::bad_certificate_id, "badCertId"},
    NamedFailure{CmpFailure::bad_proof, "badPOP"},
    NamedFailure{CmpFailure::certificate_revoked, "certRevoked"},
    NamedFailure{CmpFailure::wrong_integrity, "wrongIntegrity"},
    NamedFailure{CmpFailure::bad_template, "badCertTemplate"},
    NamedFailure{CmpFailure::not_authorized, "notAuthorized"},
    NamedFailure{CmpFailure::system_unavailable, "systemUnavail"},
    NamedFailure{CmpFailure::system_failure, "systemFailure"},
    NamedFailure{CmpFailure::duplicate_request, "duplicateCertReq"},
};

}  // namespace

Result<CmpOutline> outline_cmp_message(std::string_view der) {
    if (der.size() > max_cmp_message) return fail(FaultCode::too_large, "a CMP message is larger than 64 kB");
    CmpOutline outline;
    DerReader outer(der);
    DerReader message(outer.take(der_sequence).content);
    const bool has_header = read_header(message.take(der_sequence).content, outline);
    const DerElement body = message.take();
    const bool is_protected = !message.take_explicit(0, der_bit_string).empty();
    read_certificates(message, outline);
    const bool has_body = body.tag >= der_context(0) && body.tag <= der_context(last_body);
    if (!has_header || !has_body || !message.is_whole() || !outer.is_whole())
        return fail(FaultCode::malformed, "this is not a CMP message");
    if (!has_bounded_header(outline) || outline.certificates.size() > max_cmp_certificates)
        return fail(FaultCode::too_large, "a part of a CMP message is larger than its limit");
    if (!is_protected) outline.protection = CmpProtection::other;
    outline.body = static_cast<CmpBody>(body.tag - der_context(0));
    outline.body_content = body.content;
    return outline;
}

std::optional<CmpFailure> find_failure(unsigned bits) {
    for (const NamedFailure& one : failure_names)
        if ((bits >> static_cast<unsigned>(one.failure) & 1U) != 0) return one.failure;
    return std::nullopt;
}

std::string_view to_string(CmpFailure failure) {
    const auto* const found = std::find_if(failure_names.begin(), failure_names.end(),
                                           [&](const NamedFailure& one) { return one.failure == failure; });
    return found != failure_names.end() ? found->name : std::string_view();
}

}  // namespace ringfence::crypto
