// For tests of SCEP: a message around an envelope that our own side would not write, signed by OpenSSL.
#pragma once

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/cms.h>

#include <string>

#include "crypto/scep_message.h"
#include "tests/crypto/program.h"

namespace ringfence::test {

// What `openssl cms -encrypt` makes of `content` with these options; "ra" and "other" in them name certificates.
inline std::string openssl_envelope(const std::string& content, const std::string& options,
                                    const crypto::Certificate& ra, const crypto::Certificate& other) {
    const TemporaryFolder folder;
    folder.put("content", content);
    folder.put("ra", ra.to_pem());
    folder.put("other", other.to_pem());
    const auto made = run("cd " + folder.path() + " && openssl cms -encrypt -binary -in content -outform DER " +
                          "-out envelope " + options);
    EXPECT_EQ(made.status, 0) << made.output;
    return folder.get("envelope");
}

inline std::string sign_scep_envelope(const std::string& envelope, const crypto::ScepAttributes& attributes,
                                      const crypto::Signer& signer) {
    constexpr unsigned flags = CMS_BINARY | CMS_PARTIAL;
    BIO* content = BIO_new_mem_buf(envelope.data(), static_cast<int>(envelope.size()));
    CMS_ContentInfo* message = CMS_sign(nullptr, nullptr, nullptr, content, flags);
    CMS_SignerInfo* info =
        CMS_add1_signer(message, signer.certificate.native(), signer.key.native(), EVP_sha256(), flags);
    const auto add = [info](const char* oid, int type, const std::string& value) {
        EXPECT_EQ(CMS_signed_add1_attr_by_txt(info, oid, type, value.data(), static_cast<int>(value.size())), 1);
    };
    add("2.16.840.1.113733.1.9.2", V_ASN1_PRINTABLESTRING, std::to_string(static_cast<int>(attributes.type)));
    add("2.16.840.1.113733.1.9.5", V_ASN1_OCTET_STRING, attributes.sender_nonce);
    add("2.16.840.1.113733.1.9.7", V_ASN1_PRINTABLESTRING, attributes.transaction_id);
    EXPECT_EQ(CMS_final(message, content, nullptr, flags), 1);
    unsigned char* der = nullptr;
    const int size = i2d_CMS_ContentInfo(message, &der);
    std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    CMS_ContentInfo_free(message);
    BIO_free(content);
    return out;
}

}  // namespace ringfence::test
