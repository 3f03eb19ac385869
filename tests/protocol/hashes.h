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

inline HashFunction keyed_mac(std::string key) {
    return [key](std::string_view text) {
        std::string out(EVP_MAX_MD_SIZE, '\0');
        unsigned size = 0;
        HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(),
             reinterpret_cast<unsigned char*>(out.data()), &size);
        out.resize(size);
        return out;
    };
}

}  // namespace ringfence::protocol
