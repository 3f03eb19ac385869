#include "base/byte_order.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace ringfence {
namespace {

TEST(ByteOrder, TheMostSignificantByteComesFirst) {
    EXPECT_EQ(big_endian(0x0102, 2), std::string("\x01\x02"));
    EXPECT_EQ(big_endian(0x010203, 2), std::string("\x02\x03"));
    EXPECT_EQ(big_endian(1, 4), std::string("\0\0\0\x01", 4));
    EXPECT_EQ(read_big_endian("\x01\x02"), 0x0102U);
    EXPECT_EQ(read_big_endian("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), 0xFFFFFFFFFFFFFFFFU);
    EXPECT_EQ(read_big_endian(""), 0U);
}

RC_GTEST_PROP(ByteOrder, ReadsWhatItWrote, (std::uint64_t number)) {
    RC_ASSERT(read_big_endian(big_endian(number, sizeof number)) == number);
}

}  // namespace
}  // namespace ringfence
