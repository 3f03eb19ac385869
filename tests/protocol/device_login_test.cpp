#include "protocol/device_login.h"

#include <gtest/gtest.h>

namespace ringfence::protocol {
namespace {

const std::string anchor(64, 'a');

TEST(DeviceLogin, IsJsonOfOneShape) {
    const DeviceLogin login{"d0123456789", Secret("0123ABC")};
    EXPECT_EQ(format_device_login(login).reveal(), R"({"user":"d0123456789","password":"0123ABC"})");
    EXPECT_EQ(parse_device_login(format_device_login(login).reveal()).value(), login);
}

TEST(DeviceLogin, NothingElseIsOne) {
    for (const char* text :
         {"", "{}", R"({"user":"","password":"b"})", R"({"user":"a","password":""})", R"({"user":"a","password":"b"} )",
          R"({"user":"a:b","password":"c"})", R"({"user":"a","password":"b\"c"})", R"({"password":"b","user":"a"})",
          R"({"user":"a","password":"b","x":"c"})", R"({"user":"a"})", R"({"user":"})"})
        EXPECT_FALSE(parse_device_login(text).has_value()) << text;
    const std::string longest(max_login_word, 'x');
    EXPECT_TRUE(parse_device_login(R"({"user":"a","password":")" + longest + R"("})").has_value());
    EXPECT_FALSE(parse_device_login(R"({"user":"a","password":")" + longest + R"(x"})").has_value());
}

TEST(HeldAnchors, ComeBackAsTheyWentOut) {
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{2}, max_held_anchors}) {
        const std::vector<std::string> anchors(count, anchor);
        EXPECT_EQ(parse_held_anchors(format_held_anchors(anchors)).value(), anchors);
    }
    EXPECT_EQ(format_held_anchors({anchor, anchor}), "{\"anchors\":[\"" + anchor + "\",\"" + anchor + "\"]}");
}

TEST(HeldAnchors, NothingElseIsAList) {
    const std::string one = "\"" + anchor + "\"";
    std::string many = one;
    for (std::size_t i = 0; i < max_held_anchors; ++i) many += "," + one;
    for (const std::string& inside : {std::string(","), one + ",", "," + one, "\"" + anchor + "a\"", anchor, many,
                                      "\"" + std::string(64, 'A') + "\"", one + ", " + one, one + one})
        EXPECT_FALSE(parse_held_anchors("{\"anchors\":[" + inside + "]}").has_value()) << inside;
    for (const char* text : {"", "{}", "[]", "{\"anchors\":[", "{\"anchors\":[]}\n"})
        EXPECT_FALSE(parse_held_anchors(text).has_value()) << text;
}

}  // namespace
}  // namespace ringfence::protocol
