#include "protocol/http_target.h"

#include <gtest/gtest.h>

#include <string>

namespace ringfence::protocol {
namespace {

TEST(http_target, paths_are_decoded_and_lose_one_slash_and_the_query) {
    EXPECT_EQ(parse_http_target("/1230SIP.cfg").path, "1230SIP.cfg");
    EXPECT_EQ(parse_http_target("/fw/a%20b.bin?x=/../y#").path, "fw/a b.bin");
    EXPECT_EQ(parse_http_target("/").path, "");
    EXPECT_EQ(parse_http_target("//etc/passwd").path, "/etc/passwd");
    EXPECT_EQ(parse_http_target("/a/%2e%2E/b").path, "a/../b");  // the pipeline's to refuse
    EXPECT_EQ(parse_http_target("/caf%C3%A9").path, "caf\xC3\xA9");
    for (const auto* good : {"/1230SIP.cfg", "/", "/a/../b", "/caf%C3%A9", "/x?\\"})
        EXPECT_FALSE(parse_http_target(good).is_malformed) << good;
}

TEST(http_target, absolute_form_is_stripped_for_http_only) {
    const auto target = parse_http_target("HTTP://server:8080/a?b");
    EXPECT_FALSE(target.is_malformed);
    EXPECT_EQ(target.path, "a");
    EXPECT_EQ(target.authority, "server:8080");
    EXPECT_EQ(parse_http_target("https://[::1]").path, "");
    EXPECT_FALSE(parse_http_target("https://[::1]?q").is_malformed);
    for (const auto* bad : {"ftp://server/a", "http:///a", "http:/a", "*", "server:443", "a", "?", ""})
        EXPECT_TRUE(parse_http_target(bad).is_malformed && parse_http_target(bad).path.starts_with("//")) << bad;
}

TEST(http_target, what_can_name_nothing_is_malformed_and_stays_raw) {
    using namespace std::string_literals;
    for (const auto& bad : {"/a\\b"s, "/a%5cb"s, "/a%00b"s, "/a\0b"s, "/a%2Fb"s, "/a%2fb"s, "/a%"s, "/a%4"s, "/a%zz"s,
                            "/caf\xC3\xA9"s, "/a b"s, "/a\tb"s, "/a%0Ab"s, "/a%7f"s, "/a#b"s, "/%2e%2e%2fetc"s}) {
        const auto target = parse_http_target(bad);
        EXPECT_TRUE(target.is_malformed) << bad;
        EXPECT_EQ(target.path, bad);
    }
}

}  // namespace
}  // namespace ringfence::protocol
