#include "crypto/ocsp.h"

#include <openssl/ocsp.h>

#include "crypto/hash.h"
#include "crypto/openssl.h"

namespace ringfence::crypto {

namespace {

using RequestOwner = Owner<OCSP_REQUEST, OCSP_REQUEST_free>;
using ResponseOwner = Owner<OCSP_RESPONSE, OCSP_RESPONSE_free>;
using BasicOwner = Owner<OCSP_BASICRESP, OCSP_BASICRESP_free>;
using IdOwner = Owner<OCSP_CERTID, OCSP_CERTID_free>;
using OctetsOwner = Owner<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>;

std::string bytes_of(const ASN1_STRING* text) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
            static_cast<std::size_t>(ASN1_STRING_length(text))};
}

OcspHash hash_of(const ASN1_OBJECT* algorithm) {
    switch (OBJ_obj2nid(algorithm)) {
        case NID_sha1: return OcspHash::sha1;
        case NID_sha256: return OcspHash::sha256;
        default: return OcspHash::other;
    }
}

OcspCertificateId read_id(OCSP_CERTID* id) {
    ASN1_OCTET_STRING* name_hash = nullptr;
    ASN1_OCTET_STRING* key_hash = nullptr;
    ASN1_OBJECT* algorithm = nullptr;
    ASN1_INTEGER* serial = nullptr;
    OCSP_id_get0_info(&name_hash, &algorithm, &key_hash, &serial, id);
    return {hash_of(algorithm), bytes_of(name_hash), bytes_of(key_hash), format_integer(serial),
            encode_der(id, i2d_OCSP_CERTID)};
}

// Empty: it is no octet string of 1 to 128 bytes. OpenSSL's own reader hands out the wrapping too.
std::string unwrap_nonce(X509_EXTENSION* extension) {
    const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(extension);
    const auto* cursor = ASN1_STRING_get0_data(value);
    const auto* const end = cursor + ASN1_STRING_length(value);
    const OctetsOwner nonce(d2i_ASN1_OCTET_STRING(nullptr, &cursor, ASN1_STRING_length(value)));
    ERR_clear_error();
    if (nonce == nullptr || cursor != end) return {};
    return ASN1_STRING_length(nonce.get()) <= static_cast<int>(max_ocsp_nonce) ? bytes_of(nonce.get()) : std::string();
}

// Empty: there is none.
Result<std::string> read_nonce(OCSP_REQUEST* request) {
    const int at = OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1);
    if (at < 0) return std::string();
    if (OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, at) >= 0) {
        return fail(FaultCode::malformed, "an OCSP request has two nonces");
    }
    std::string nonce = unwrap_nonce(OCSP_REQUEST_get_ext(request, at));
    if (nonce.empty()) return fail(FaultCode::malformed, "the nonce of an OCSP request has not 1 to 128 bytes");
    return nonce;
}

bool is_understood(X509_EXTENSION* extension) {
    return X509_EXTENSION_get_critical(extension) == 0 ||
           OBJ_obj2nid(X509_EXTENSION_get_object(extension)) == NID_id_pkix_OCSP_Nonce;
}

bool has_strange_extension(OCSP_REQUEST* request) {
    for (int i = 0; i < OCSP_REQUEST_get_ext_count(request); ++i) {
        if (!is_understood(OCSP_REQUEST_get_ext(request, i))) return true;
    }
    for (int i = 0; i < OCSP_request_onereq_count(request); ++i) {
        if (OCSP_ONEREQ_get_ext_by_critical(OCSP_request_onereq_get0(request, i), 1, -1) >= 0) return true;
    }
    return false;
}

IdOwner parse_id(const std::string& der) {
    const auto* cursor = reinterpret_cast<const unsigned char*>(der.data());
    return IdOwner(d2i_OCSP_CERTID(nullptr, &cursor, static_cast<long>(der.size())));
}

int wire_number(OcspState state) {
    switch (state) {
        case OcspState::good: return V_OCSP_CERTSTATUS_GOOD;
        case OcspState::revoked: return V_OCSP_CERTSTATUS_REVOKED;
        case OcspState::unknown: break;
    }
    return V_OCSP_CERTSTATUS_UNKNOWN;
}

int wire_reason(RevocationReason reason) {
    return reason == RevocationReason::unspecified ? OCSP_REVOKED_STATUS_NOSTATUS : static_cast<int>(reason);
}

bool add_status(OCSP_BASICRESP* response, const OcspStatus& status, const OcspAnswer& answer) {
    const IdOwner id = parse_id(status.certificate.der);
    const TimeOwner revoked = make_time(status.revoked);
    const TimeOwner this_update = make_time(answer.this_update);
    const TimeOwner next_update = make_time(answer.next_update);
    const bool is_whole = id != nullptr && revoked != nullptr && this_update != nullptr && next_update != nullptr;
    return is_whole && OCSP_basic_add1_status(response, id.get(), wire_number(status.state), wire_reason(status.reason),
                                              revoked.get(), this_update.get(), next_update.get()) != nullptr;
}

bool add_nonce(OCSP_BASICRESP* response, const std::string& nonce) {
    std::string copy = nonce;  // taken as mutable
    return nonce.empty() || OCSP_basic_add1_nonce(response, reinterpret_cast<unsigned char*>(copy.data()),
                                                  static_cast<int>(copy.size())) == 1;
}

// OpenSSL would ask the system's clock, and has a getter only.
bool set_produced_at(OCSP_BASICRESP* response, WallTime time) {
    auto* produced_at = const_cast<ASN1_GENERALIZEDTIME*>(OCSP_resp_get0_produced_at(response));
    return ASN1_GENERALIZEDTIME_set(produced_at, to_seconds(time)) != nullptr;
}

Status check_answer(const OcspAnswer& answer) {
    if (answer.statuses.empty() || answer.statuses.size() > max_ocsp_questions) {
        return fail(FaultCode::malformed, "an OCSP answer has not 1 to 16 statuses");
    }
    if (answer.next_update <= answer.this_update) {
        return fail(FaultCode::malformed, "an OCSP answer would end before it begins");
    }
    if (answer.nonce.size() > max_ocsp_nonce) {
        return fail(FaultCode::malformed, "the nonce of an OCSP answer has more than 128 bytes");
    }
    return {};
}

}  // namespace

bool names_issuer(const OcspCertificateId& id, const Certificate& issuer) {
    if (id.hash == OcspHash::other) return false;
    const auto hash = id.hash == OcspHash::sha1 ? sha1 : sha256;
    const std::string name = encode_der(X509_get_subject_name(issuer.native()), i2d_X509_NAME);
    const std::string key = bytes_of(X509_get0_pubkey_bitstr(issuer.native()));
    return id.issuer_name_hash == hash(name) && id.issuer_key_hash == hash(key);
}

Result<OcspRequest> parse_ocsp_request(std::string_view der) {
    if (der.size() > max_ocsp_request) return fail(FaultCode::too_large, "an OCSP request is larger than 8 kB");
    const auto* cursor = reinterpret_cast<const unsigned char*>(der.data());
    const auto* const end = cursor + der.size();
    const RequestOwner parsed(d2i_OCSP_REQUEST(nullptr, &cursor, static_cast<long>(der.size())));
    ERR_clear_error();
    if (parsed == nullptr || cursor != end) return fail(FaultCode::malformed, "this is not an OCSP request");
    const int questions = OCSP_request_onereq_count(parsed.get());
    if (questions < 1) return fail(FaultCode::malformed, "an OCSP request asks about no certificate");
    if (questions > static_cast<int>(max_ocsp_questions)) {
        return fail(FaultCode::too_large, "an OCSP request asks about more than 16 certificates");
    }
    if (has_strange_extension(parsed.get())) {
        return fail(FaultCode::malformed, "an OCSP request has a critical extension that is not understood");
    }
    auto nonce = read_nonce(parsed.get());
    if (!nonce) return fail(std::move(nonce).error());
    OcspRequest request{{}, std::move(*nonce)};
    for (int i = 0; i < questions; ++i) {
        request.certificates.push_back(read_id(OCSP_onereq_get0_id(OCSP_request_onereq_get0(parsed.get(), i))));
    }
    return request;
}

Result<std::string> format_ocsp_response(const OcspAnswer& answer, const Signer& signer) {
    if (auto checked = check_answer(answer); !checked) return fail(std::move(checked).error());
    if (!signer.key.matches(signer.certificate)) {
        return fail(FaultCode::conflict, "the signing key does not belong to the signing certificate");
    }
    const BasicOwner basic(OCSP_BASICRESP_new());
    RINGFENCE_ASSERT(basic != nullptr);
    for (const OcspStatus& status : answer.statuses) {
        if (add_status(basic.get(), status, answer)) continue;
        return fail(FaultCode::malformed, "an OCSP answer has a CertID or a time that cannot be written");
    }
    constexpr unsigned long flags = OCSP_RESPID_KEY | OCSP_NOTIME;
    const bool is_signed = add_nonce(basic.get(), answer.nonce) && set_produced_at(basic.get(), answer.this_update) &&
                           OCSP_basic_sign(basic.get(), signer.certificate.native(), signer.key.native(), EVP_sha256(),
                                           nullptr, flags) == 1;
    const ResponseOwner response(is_signed ? OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get())
                                           : nullptr);
    std::string der = response != nullptr ? encode_der(response.get(), i2d_OCSP_RESPONSE) : std::string();
    if (der.empty()) return fail(openssl_fault("signing an OCSP answer"));
    return der;
}

std::string format_ocsp_error(OcspError error) {
    const ResponseOwner response(OCSP_response_create(static_cast<int>(error), nullptr));
    RINGFENCE_ASSERT(response != nullptr);
    return encode_der(response.get(), i2d_OCSP_RESPONSE);
}

}  // namespace ringfence::crypto
