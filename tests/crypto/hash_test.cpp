#include "crypto/hash.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "crypto/version.h"

namespace ringfence::crypto {
namespace {

// The vectors of RFC 1321 A.5, RFC 3174 section 7.3, FIPS 180-2 B.1, RFC 2202 section 2 and RFC 4231.
TEST(Hash, KeepsThePublishedVectors) {
    EXPECT_EQ(to_hex(md5("")), "d41d8cd98f00b204e9800998ecf8427e");
    EXPECT_EQ(to_hex(md5("message digest")), "f96b697d7cb7938d525a2f31aaf161d0");
    EXPECT_EQ(to_hex(sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(to_hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    EXPECT_EQ(to_hex(hmac_md5("Jefe", "what do ya want for nothing?")), "750c783e6ab0b503eaa86e310a5db738");
    EXPECT_EQ(to_hex(hmac_sha256("", "")), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Hash, PiecesGiveTheHashOfTheWhole) {
    const std::string whole(100'000, 'x');
    Sha256 pieces;
    for (std::size_t i = 0; i < whole.size(); i += 777) pieces.update(std::string_view(whole).substr(i, 777));
    EXPECT_EQ(pieces.finish(), sha256(whole));
}

TEST(Version, TheLibraryOfTheTestsIsNewEnough) {
    EXPECT_NE(library_version().find("OpenSSL 3."), std::string::npos);
    EXPECT_FALSE(library_warning().has_value()) << *library_warning();
}

}  // namespace
}  // namespace ringfence::crypto
