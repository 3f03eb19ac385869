// For the tests of crypto: revocation lists that OpenSSL's program makes with a CA's key.
#pragma once

#include <string>
#include <vector>

#include "tests/crypto/little_ca.h"
#include "tests/crypto/program.h"

namespace ringfence::test {

struct ListWish {
    std::vector<std::string> serials{};  // hex
    std::string extensions = "authorityKeyIdentifier=keyid\n";
    std::string options{};  // further ones of `openssl ca -gencrl`
    std::string reason{};
    bool is_version_one = false;
};

// In PEM, from now on for 30 days. Leaves index, number, ca.pem, ca.key, cnf and the list as crl in `folder`.
inline std::string make_foreign_list(const TemporaryFolder& folder, const crypto::Signer& issuer,
                                     const ListWish& wish) {
    std::string index;
    for (const std::string& serial : wish.serials) {
        index += "R\t350101000000Z\t260401120000Z" + wish.reason + "\t" + serial + "\tunknown\t/CN=" + serial + "\n";
    }
    folder.put("index", index);
    folder.put("number", "01A2\n");
    folder.put("ca.pem", issuer.certificate.to_pem());
    folder.put("ca.key", issuer.key.to_pem().reveal());
    std::string settings = "[ca]\ndefault_ca=d\n[d]\ndatabase=" + folder / "index" +
                           "\ncertificate=" + folder / "ca.pem" + "\nprivate_key=" + folder / "ca.key" +
                           "\ndefault_md=sha256\ndefault_crl_days=30\n";
    if (!wish.is_version_one) {
        settings += "crlnumber=" + folder / "number" + "\ncrl_extensions=e\n[e]\n" + wish.extensions;
    }
    folder.put("cnf", settings);
    const auto made = run("openssl ca -gencrl -config " + folder / "cnf" + " -out " + folder / "crl " + wish.options);
    EXPECT_EQ(made.status, 0) << made.output;
    return folder.get("crl");
}

}  // namespace ringfence::test
