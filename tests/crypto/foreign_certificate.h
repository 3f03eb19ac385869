// For the tests of crypto: certificates that our builder does not make, made by OpenSSL's program with a CA's key.
#pragma once

#include <string>

#include "tests/crypto/little_ca.h"
#include "tests/crypto/program.h"

namespace ringfence::test {

struct ForeignWish {
    std::string extensions{};
    std::string key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
    std::string digest = "-sha256";
    std::string serial = "0x1234";
    std::string name = "prov.example";
};

// The profile that reference 5.6 asks of whoever signs files for a set.
inline const std::string file_signer_extensions =
    "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=codeSigning,emailProtection\n"
    "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always\n";

// Valid for 300 days from today. Leaves c.pem and k.pem of the certificate and its key, and ca.pem and ca.key of the
// issuer, in `folder`.
inline crypto::Signer make_foreign(const TemporaryFolder& folder, const crypto::Signer& issuer,
                                   const ForeignWish& wish) {
    folder.put("ca.pem", issuer.certificate.to_pem());
    folder.put("ca.key", issuer.key.to_pem().reveal());
    folder.put("ext", wish.extensions);
    const auto asked = run("openssl req -new " + wish.key + " -nodes -subj /CN=" + wish.name + " -keyout " +
                           folder / "k.pem" + " -out " + folder / "r.pem");
    EXPECT_EQ(asked.status, 0) << asked.output;
    const auto made = run("openssl x509 -req -days 300 -in " + folder / "r.pem" + " -CA " + folder / "ca.pem" +
                          " -CAkey " + folder / "ca.key" + " -extfile " + folder / "ext" + " -set_serial " +
                          wish.serial + " " + wish.digest + " -out " + folder / "c.pem");
    EXPECT_EQ(made.status, 0) << made.output;
    return {*crypto::Certificate::parse_pem(folder.get("c.pem")),
            *crypto::PrivateKey::parse_pem(Secret(folder.get("k.pem")))};
}

}  // namespace ringfence::test
