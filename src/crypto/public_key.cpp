#include "crypto/public_key.h"

#include <openssl/core_names.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/openssl.h"

namespace ringfence::crypto {

namespace {

using NumberOwner = Owner<BIGNUM, BN_free>;

NumberOwner number_in(const EVP_PKEY* key, const char* parameter) {
    BIGNUM* number = nullptr;
    EVP_PKEY_get_bn_param(key, parameter, &number);
    return NumberOwner(number);
}

Status check_rsa(const EVP_PKEY* key) {
    const NumberOwner modulus = number_in(key, OSSL_PKEY_PARAM_RSA_N);
    const NumberOwner exponent = number_in(key, OSSL_PKEY_PARAM_RSA_E);
    if (modulus == nullptr || exponent == nullptr || BN_is_odd(modulus.get()) == 0)
        return fail(FaultCode::malformed, "an RSA key has a modulus that cannot be right");
    if (BN_num_bits(modulus.get()) > static_cast<int>(PublicKey::max_rsa_bits))
        return fail(FaultCode::too_large, "an RSA key has more than 4096 bits");
    if (BN_is_odd(exponent.get()) == 0 || BN_is_one(exponent.get()) == 1)
        return fail(FaultCode::malformed, "an RSA key has an exponent that protects nothing");
    if (BN_num_bits(exponent.get()) > static_cast<int>(PublicKey::max_rsa_exponent_bits))
        return fail(FaultCode::too_large, "an RSA key has an exponent of more than 64 bits");
    return {};
}

// Empty: there is none.
std::string text_in(const EVP_PKEY* key, const char* parameter) {
    char text[64];
    std::size_t size = 0;
    const bool is_there = EVP_PKEY_get_utf8_string_param(key, parameter, text, sizeof text, &size) == 1;
    return is_there ? std::string(text, size) : std::string();
}

std::string curve_name(const EVP_PKEY* key) { return text_in(key, OSSL_PKEY_PARAM_GROUP_NAME); }

// OpenSSL gives a curve that is spelt out in full its name too, yet others need not see that it is the same one.
bool is_curve_spelt_out(const EVP_PKEY* key) {
    int spelt_out = 0;
    const int known = EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &spelt_out);
    return known != 1 || spelt_out != 0;
}

// On the curve and not at infinity.
bool is_point_good(EVP_PKEY* key) {
    const Owner<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    return context != nullptr && EVP_PKEY_public_check_quick(context.get()) == 1;
}

Status check_ec(EVP_PKEY* key) {
    if (curve_name(key).empty() || is_curve_spelt_out(key))
        return fail(FaultCode::malformed, "an elliptic curve key does not name its curve");
    if (text_in(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT) != "uncompressed")
        return fail(FaultCode::malformed, "an elliptic curve key is not in the form that all must know");
    if (!is_point_good(key)) return fail(FaultCode::malformed, "an elliptic curve key is no point on its curve");
    return {};
}

Status check_key(EVP_PKEY* key) {
    if (EVP_PKEY_is_a(key, "RSA") == 1) return check_rsa(key);
    if (EVP_PKEY_is_a(key, "EC") == 1) return check_ec(key);
    return fail(FaultCode::malformed, "a public key is neither RSA nor of an elliptic curve");
}

}  // namespace

Result<PublicKey> PublicKey::parse_der(std::string_view der) {
    if (der.size() > max_size) return fail(FaultCode::too_large, "a public key is larger than 4 kB");
    const auto* cursor = reinterpret_cast<const unsigned char*>(der.data());
    KeyOwner parsed(d2i_PUBKEY(nullptr, &cursor, static_cast<long>(der.size())));
    // Written again it must be the same bytes: nothing but DER, and nothing behind it.
    const bool is_exact = parsed != nullptr && encode_der(parsed.get(), i2d_PUBKEY) == der;
    auto checked = is_exact ? check_key(parsed.get()) : fail(FaultCode::malformed, "this is not a public key in DER");
    ERR_clear_error();
    if (!checked) return fail(std::move(checked).error());
    return PublicKey(std::shared_ptr<EVP_PKEY>(parsed.release(), EVP_PKEY_free));
}

KeyKind PublicKey::kind() const { return EVP_PKEY_is_a(key_.get(), "RSA") == 1 ? KeyKind::rsa : KeyKind::ec; }

unsigned PublicKey::bits() const { return static_cast<unsigned>(EVP_PKEY_get_bits(key_.get())); }

bool PublicKey::is_p256() const { return kind() == KeyKind::ec && curve_name(key_.get()) == SN_X9_62_prime256v1; }

std::string PublicKey::fingerprint_sha256() const { return to_hex(sha256(to_der())); }

std::string PublicKey::to_der() const {
    std::string der = encode_der(key_.get(), i2d_PUBKEY);
    RINGFENCE_ASSERT(!der.empty());
    return der;
}

bool operator==(const PublicKey& a, const PublicKey& b) { return a.to_der() == b.to_der(); }

}  // namespace ringfence::crypto
