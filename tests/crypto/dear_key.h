// For tests of what strangers' keys may cost: RSA keys that OpenSSL computes with, whatever their exponent.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/crypto/program.h"

namespace ringfence::test {

inline const std::string long_exponent = "18446744073709551557";      // 64 bits
inline const std::string too_long_exponent = "36893488147419103363";  // 66 bits

// PEM of a private key of 2048 bits.
inline std::string key_with_exponent(const std::string& exponent) {
    const TemporaryFolder folder;
    const auto made =
        run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:" + exponent +
            " -out " + folder / "key");
    EXPECT_EQ(made.status, 0) << made.output;
    return folder.get("key");
}

}  // namespace ringfence::test
