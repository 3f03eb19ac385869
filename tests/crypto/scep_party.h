// For tests of SCEP: a CA with a registration authority beside it, made by the openssl command where our own builder
// has no such kind of certificate, and a phone's first request.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "crypto/scep_message.h"
#include "tests/crypto/little_ca.h"
#include "tests/crypto/program.h"

namespace ringfence::test {

// A certificate below `issuer`, with these lines of extensions; its RSA key is that of `name`.
inline crypto::Certificate openssl_certificate(const std::string& name, const crypto::Signer& issuer,
                                               const std::string& extensions, const std::string& options = {}) {
    const TemporaryFolder folder;
    folder.put("key", key(name, crypto::KeyType::rsa2048).to_pem().reveal());
    folder.put("ca", issuer.certificate.to_pem());
    folder.put("cakey", issuer.key.to_pem().reveal());
    folder.put("ext", extensions);
    const auto made = run("cd " + folder.path() + " && openssl req -new -key key -subj '/CN=" + name +
                          "' -out csr && openssl x509 -req -in csr -CA ca -CAkey cakey -CAcreateserial -days 30 "
                          "-extfile ext -out cert " +
                          options);
    EXPECT_EQ(made.status, 0) << made.output;
    auto certificate = crypto::Certificate::parse_pem(folder.get("cert"));
    EXPECT_TRUE(certificate.has_value());
    return *certificate;
}

inline const std::string ra_extensions =
    "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n";

class ScepParty {
public:
    ScepParty() : ca_("scep", crypto::KeyType::rsa2048), ra_{ra_certificate(), key("ra", crypto::KeyType::rsa2048)} {}

    LittleCa& ca() { return ca_; }
    const crypto::Signer& ra() const { return ra_; }

    // DER of what GetCACert answers.
    std::string authority() const { return *crypto::format_certificates({ra_.certificate, ca_.issuing(), ca_.root()}); }

    crypto::Certificate issue(const crypto::CertificationRequest& request, const crypto::PrivateKey& subject_key) {
        return ca_.issue(test::request(crypto::CertificateRole::device, request.common_name()), subject_key);
    }

private:
    crypto::Certificate ra_certificate() const {
        return openssl_certificate("ra", ca_.issuing_signer(), ra_extensions);
    }

    LittleCa ca_;
    crypto::Signer ra_;
};

}  // namespace ringfence::test
