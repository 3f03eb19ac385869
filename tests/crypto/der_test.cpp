#include "crypto/der.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace ringfence::crypto {
namespace {

using namespace std::string_view_literals;

bool is_one_element(std::string_view bytes) {
    DerReader reader(bytes);
    reader.take();
    return reader.is_whole();
}

RC_GTEST_PROP(Der, WhatWasWrittenIsRead, (const std::string& content)) {
    const std::string written = format_der(der_octet_string, content);
    DerReader reader(written);
    const DerElement element = reader.take(der_octet_string);
    RC_ASSERT(reader.is_whole());
    RC_ASSERT(element.content == content);
    RC_ASSERT(element.whole == written);
}

TEST(Der, LengthsOfAllSizesAreRead) {
    for (const std::size_t size : {0U, 1U, 127U, 128U, 255U, 256U, 65535U, 65536U}) {
        const std::string written = format_der(der_sequence, std::string(size, 'x'));
        EXPECT_TRUE(is_one_element(written)) << size;
        EXPECT_FALSE(is_one_element(std::string_view(written).substr(0, written.size() - 1))) << size;
        EXPECT_FALSE(is_one_element(written + "x")) << size;
    }
}

TEST(Der, OnlyTheShortestDefiniteLengthIsTaken) {
    EXPECT_FALSE(is_one_element("\x30\x80\x00\x00"sv)) << "indefinite";
    EXPECT_FALSE(is_one_element("\x04\x81\x01x"sv)) << "long form of 1";
    EXPECT_FALSE(is_one_element(std::string("\x04\x82\x00\x80"sv) + std::string(128, 'x'))) << "leading zero";
    EXPECT_FALSE(is_one_element("\x04\x85\x01\x00\x00\x00\x00"sv)) << "too long to be true";
    EXPECT_FALSE(is_one_element("\x04\x84\xff\xff\xff\xff"sv));
    EXPECT_FALSE(is_one_element("\x1f\x01x"sv)) << "a tag of several bytes";
    EXPECT_FALSE(is_one_element("\x04"sv));
    EXPECT_FALSE(is_one_element({}));
}

TEST(Der, AfterAMistakeEverythingIsEmpty) {
    const std::string bytes = format_der(der_integer, "\x01") + format_der(der_octet_string, "x");
    DerReader reader(bytes);
    EXPECT_TRUE(reader.take(der_octet_string).whole.empty());
    EXPECT_FALSE(reader.has_more());
    EXPECT_TRUE(reader.take(der_integer).whole.empty());
    EXPECT_FALSE(reader.is_whole());
}

TEST(Der, AnExplicitElementMayBeAbsentButNotBroken) {
    const std::string bytes = format_der(der_context(2), format_der(der_octet_string, "x"));
    DerReader there(bytes);
    EXPECT_EQ(there.take_explicit(1, der_octet_string), "");
    EXPECT_EQ(there.take_explicit(2, der_octet_string), "x");
    EXPECT_TRUE(there.is_whole());
    DerReader other(bytes);
    EXPECT_EQ(other.take_explicit(2, der_integer), "");
    EXPECT_FALSE(other.is_whole());
}

TEST(Der, NumbersHaveALimitAndOneForm) {
    EXPECT_EQ(parse_der_number("\x00"sv, 10), 0U);
    EXPECT_EQ(parse_der_number("\x0a"sv, 10), 10U);
    EXPECT_EQ(parse_der_number("\x00\x80"sv, 200), 128U);
    for (const auto wrong :
         {""sv, "\x0b"sv, "\x80"sv, "\xff"sv, "\x00\x0a"sv, "\x01\x00\x00\x00\x00\x00\x00\x00\x00"sv})
        EXPECT_EQ(parse_der_number(wrong, 10), 11U);
}

}  // namespace
}  // namespace ringfence::crypto
