#include "crypto/pkcs12.h"

#include <algorithm>

#include "base/text.h"
#include "crypto/openssl.h"

namespace ringfence::crypto {

namespace {

constexpr int iterations = 2048;  // OpenSSL's own default; bearable for a small processor
constexpr std::string_view password_alphabet = "abcdefghijkmnpqrstuvwxyz23456789";  // without l, o, 0, 1: 5 bits each
static_assert(password_alphabet.size() == 32);

using Pkcs12Owner = Owner<PKCS12, PKCS12_free>;

bool is_typeable(char c) {
    constexpr std::string_view marks = "_-.!@$%&+:^";
    return is_ascii_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || marks.find(c) != marks.npos;
}

}  // namespace

bool is_typeable_password(std::string_view password) {
    return !password.empty() && password.size() <= max_pkcs12_password &&
           std::all_of(password.begin(), password.end(), is_typeable);
}

Secret make_pkcs12_password(Random& random) { return Secret(random.text(max_pkcs12_password, password_alphabet)); }

Result<std::string> format_pkcs12(const Pkcs12Content& content, const Secret& password) {
    if (!is_typeable_password(password.reveal())) {
        return fail(FaultCode::malformed,
                    "a PKCS#12 password has 1 to 12 characters: letters, digits and _ - . ! @ $ % & + : ^");
    }
    if (!content.key.matches(content.certificate)) {
        return fail(FaultCode::conflict, "the key does not belong to the certificate");
    }
    std::string typed(password.reveal());
    const X509StackOwner chain = make_stack(content.chain);
    constexpr int old_encryption = NID_pbe_WithSHA1And3_Key_TripleDES_CBC;
    constexpr int no_mac_yet = -1;  // PKCS12_create would make the MAC with SHA-256
    const Pkcs12Owner store(PKCS12_create(typed.c_str(), content.friendly_name.c_str(), content.key.native(),
                                          content.certificate.native(), chain.get(), old_encryption, old_encryption,
                                          iterations, no_mac_yet, 0));
    const bool sealed =
        store != nullptr && PKCS12_set_mac(store.get(), typed.c_str(), -1, nullptr, 0, iterations, EVP_sha1()) == 1;
    wipe(typed);
    const BioOwner bio = make_memory_bio();
    if (!sealed || i2d_PKCS12_bio(bio.get(), store.get()) != 1) return fail(openssl_fault("making a PKCS#12 file"));
    return take_bytes(bio.get());
}

}  // namespace ringfence::crypto
