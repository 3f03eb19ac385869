// For this room's source files only: owners for OpenSSL's objects and its error queue as Faults.
#pragma once

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/private_key.h"

namespace ringfence::crypto {

template <auto release>
struct Releaser {
    template <typename T>
    void operator()(T* object) const {
        release(object);
    }
};

template <typename T, auto release>
using Owner = std::unique_ptr<T, Releaser<release>>;

// The safestack functions are inline or macros, so these two need a function of our own.
inline void release_names(STACK_OF(GENERAL_NAME) * names) { GENERAL_NAMES_free(names); }
inline void release_references(STACK_OF(X509) * certificates) { sk_X509_free(certificates); }

// What OpenSSL allocated for its caller.
struct BytesReleaser {
    void operator()(void* bytes) const { OPENSSL_free(bytes); }
};
template <typename T>
using BytesOwner = std::unique_ptr<T, BytesReleaser>;

using BioOwner = Owner<BIO, BIO_free_all>;
using KeyOwner = Owner<EVP_PKEY, EVP_PKEY_free>;
using X509Owner = Owner<X509, X509_free>;
using TimeOwner = Owner<ASN1_TIME, ASN1_TIME_free>;
using NamesOwner = Owner<STACK_OF(GENERAL_NAME), release_names>;
// A stack that does not own what stands in it.
using X509StackOwner = Owner<STACK_OF(X509), release_references>;

BioOwner make_memory_bio();
BioOwner read_memory(std::string_view bytes);  // reads `bytes` in place
std::string take_bytes(BIO* memory);

// What OpenSSL's i2d function `encoder` makes of `object`; empty: it cannot be written.
template <typename T, typename Encoder>
std::string encode_der(T* object, Encoder encoder) {
    unsigned char* der = nullptr;
    const int size = encoder(object, &der);
    const BytesOwner<unsigned char> owner(der);
    return size > 0 ? std::string(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)) : std::string();
}

// Fault internal with OpenSSL's own words, which name no secret. Empties the error queue.
Fault openssl_fault(std::string_view doing);

// RFC 2253 text as UTF-8, control bytes escaped.
std::string format_name(const X509_NAME* name);
// Lower-case hex without leading zero bytes, "-" before it if negative.
std::string format_integer(const ASN1_INTEGER* integer);
WallTime to_wall_time(const ASN1_TIME* time);
std::time_t to_seconds(WallTime time);  // cut
TimeOwner make_time(WallTime time);     // cut to seconds; null: the year has more than four digits

// In the order given; owns nothing.
X509StackOwner make_stack(const std::vector<Certificate>& certificates);

}  // namespace ringfence::crypto
