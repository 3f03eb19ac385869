#include "crypto/passphrase.h"

#include <gtest/gtest.h>

namespace ringfence::crypto {
namespace {

const std::string salt(passphrase_salt_size, 's');

TEST(Passphrase, the_same_words_and_salt_give_the_same_key) {
    auto one = derive_sealing_key(Secret("correct horse"), salt);
    auto two = derive_sealing_key(Secret("correct horse"), salt);
    ASSERT_TRUE(one && two);
    EXPECT_EQ(one->save(), two->save());
    auto opened = two->open(one->seal("text", "here"), "here");
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->reveal(), "text");
}

TEST(Passphrase, other_words_or_another_salt_give_another_key) {
    auto key = derive_sealing_key(Secret("correct horse"), salt);
    auto words = derive_sealing_key(Secret("correct horsf"), salt);
    auto salted = derive_sealing_key(Secret("correct horse"), std::string(passphrase_salt_size, 't'));
    ASSERT_TRUE(key && words && salted);
    EXPECT_FALSE(key->save() == words->save());
    EXPECT_FALSE(key->save() == salted->save());
}

TEST(Passphrase, an_empty_passphrase_and_a_short_salt_are_refused) {
    EXPECT_EQ(derive_sealing_key(Secret(""), salt).error().code, FaultCode::malformed);
    EXPECT_EQ(derive_sealing_key(Secret("x"), "short").error().code, FaultCode::malformed);
}

}  // namespace
}  // namespace ringfence::crypto
