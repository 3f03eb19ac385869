#include "phone/keypad.h"

#include <gtest/gtest.h>

namespace ringfence::phone {
namespace {

TEST(Keypad, LettersOfTheMacStandOnTheirKeys) {
    EXPECT_EQ(reset_keys(*MacAddress::parse("00:24:7F:01:02:AB")),
              "**7363900247301"
              "0222##");
    EXPECT_EQ(reset_keys(*MacAddress::parse("abcdef123456")), "**73639222333123456##");
}

}  // namespace
}  // namespace ringfence::phone
