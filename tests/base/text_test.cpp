#include "base/text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace ringfence {
namespace {

RC_GTEST_PROP(text, hex_survives_a_round_trip, (const std::string& bytes)) {
    RC_ASSERT(from_hex(to_hex(bytes)).value() == bytes);
    RC_ASSERT(from_hex(to_upper(to_hex(bytes))).value() == bytes);
}

RC_GTEST_PROP(text, base64_survives_a_round_trip, (const std::string& bytes)) {
    RC_ASSERT(from_base64(to_base64(bytes)).value() == bytes);
}

TEST(text, base64_follows_rfc4648) {
    EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
    EXPECT_EQ(to_base64("fooba"), "Zm9vYmE=");
    EXPECT_EQ(to_base64("foob"), "Zm9vYg==");
}

TEST(text, base64_may_be_folded) {
    EXPECT_EQ(from_folded_base64(" Zm9v\r\n\tYm\nFy\n").value(), "foobar");
    EXPECT_EQ(from_folded_base64("\r\n").value(), "");
    for (const char* bad : {"Zm9vYmF", "Zm9v\vYmFy", "Zm9v-YmFy", "Zg==\nZg=="})
        EXPECT_FALSE(from_folded_base64(bad)) << bad;
}

TEST(text, base64_is_read_strictly) {
    for (const auto* bad : {"Zg", "Zg=", "Z===", "Zm9v\n", "Zh==", "Zm9=", "====", "Zg==Zg=="})
        EXPECT_FALSE(from_base64(bad)) << bad;
}

TEST(text, hex_refuses_odd_counts_and_other_letters) {
    EXPECT_FALSE(from_hex("abc"));
    EXPECT_FALSE(from_hex("0g"));
}

TEST(text, split_keeps_empty_parts) {
    EXPECT_EQ(split("a//b/", '/'), (std::vector<std::string_view>{"a", "", "b", ""}));
    EXPECT_EQ(split("", '/'), (std::vector<std::string_view>{""}));
}

TEST(text, numbers_are_digits_that_fit) {
    EXPECT_EQ(parse_number("18446744073709551615"), 18446744073709551615U);
    for (const auto* bad : {"", "18446744073709551616", "99999999999999999999999", "-1", "+1", " 1", "1 ", "0x1"})
        EXPECT_FALSE(parse_number(bad)) << bad;
}

TEST(text, percent_encoding_keeps_what_every_place_allows) {
    EXPECT_EQ(percent_encode("aZ09-._~"), "aZ09-._~");
    EXPECT_EQ(percent_encode("a b/+=%\xff"), "a%20b%2F%2B%3D%25%FF");
    EXPECT_EQ(percent_encode("a/b", "/"), "a/b");
    const std::string all = "\0\x01 &?#[]@!$'()*,;:";
    EXPECT_EQ(percent_decode(percent_encode(all)).value(), all);
}

TEST(text, percent_decoding_refuses_what_is_cut_off) {
    EXPECT_EQ(percent_decode("a%2Fb%00").value(), std::string("a/b\0", 4));
    for (const auto* bad : {"%", "%2", "a%2", "%zz"}) EXPECT_FALSE(percent_decode(bad)) << bad;
}

TEST(text, printable_shows_control_bytes_and_cuts) {
    EXPECT_EQ(printable("a\x14\xff"), "a\\x14\\xff");
    EXPECT_EQ(printable("abcdef", 3), "abc...");
}

RC_GTEST_PROP(text, constant_time_equality_is_equality, (const std::string& a, const std::string& b)) {
    RC_ASSERT(equal_in_constant_time(a, b) == (a == b));
    RC_ASSERT(equal_in_constant_time(a, a));
}

}  // namespace
}  // namespace ringfence
