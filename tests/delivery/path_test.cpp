#include "delivery/path.h"

#include <gtest/gtest.h>

namespace ringfence::delivery {
namespace {

TEST(path, takes_what_phones_ask_for) {
    EXPECT_EQ(parse_path("1230SIP.cfg").value(), "1230SIP.cfg");
    EXPECT_EQ(parse_path("firmware/SIP12x004.04.09.00.bin").value(), "firmware/SIP12x004.04.09.00.bin");
    EXPECT_EQ(parse_path("lang/French..lng").value(), "lang/French..lng");
}

TEST(path, refuses_every_trick) {
    using namespace std::string_view_literals;
    for (const auto bad : {""sv,    "/"sv,    "/1230SIP.cfg"sv, "//etc/passwd"sv, "a//b"sv, "a/"sv,    "."sv,
                           ".."sv,  "../x"sv, "a/../b"sv,       "a/./b"sv,        "a\\b"sv, "..\\x"sv, "a\0b"sv,
                           "a b"sv, "a%2e"sv, "a\x7f"sv,        "a\xff"sv,        "a\nb"sv, "a?b"sv,   "a#b"sv})
        EXPECT_FALSE(parse_path(bad)) << bad;
    EXPECT_TRUE(parse_path(std::string(max_path_length, 'a')));
    EXPECT_FALSE(parse_path(std::string(max_path_length + 1, 'a')));
}

}  // namespace
}  // namespace ringfence::delivery
