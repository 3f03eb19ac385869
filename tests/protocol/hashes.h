// Real hash functions to pass into the protocol room.
#pragma once

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string>
#include <string_view>

#include "protocol/http_auth.h"

namespace ringfence::protocol {

inline HashFunction evp_hash(const EVP_MD* kind) {
    return [kind](std::string_view text) {
        std::string out(EVP_MAX_MD_SIZE, '\0');
        unsigned size = 0;
        EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(out.data()), &size, kind, nullptr);
        out.resize(size);
        return out;
    };
}

inline Hashes real_hashes() { return {evp_hash(EVP_md5()), evp_hash(EVP_sha256())}; }

inline std::string evp_hmac(const EVP_MD* kind, std::string_view key, std::string_view text) {
    std::string out(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    HMAC(kind, key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
         text.size(), reinterpret_cast<unsigned char*>(out.data()), &size);
    out.resize(size);
    return out;
}

inline HashFunction keyed_mac(std::string key) {
    return [key](std::string_view text) { return evp_hmac(EVP_sha256(), key, text); };
}

inline std::string evp_hmac_md5(std::string_view key, std::string_view text) { return evp_hmac(EVP_md5(), key, text); }

}  // namespace ringfence::protocol
