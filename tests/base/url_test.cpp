#include "base/url.h"

#include <gtest/gtest.h>

namespace ringfence {
namespace {

TEST(url, reads_what_a_set_takes) {
    const auto url = Url::parse("ftp://desk:p%40ss@prov.example.net:2121/nortel/cfg").value();
    EXPECT_EQ(url.protocol, Protocol::ftp);
    EXPECT_EQ(url.user, "desk");
    EXPECT_EQ(url.password.reveal(), "p@ss");
    EXPECT_EQ(url.host, "prov.example.net");
    EXPECT_EQ(url.port, 2121);
    EXPECT_EQ(url.path, "nortel/cfg");
    EXPECT_EQ(url.without_login(), "ftp://prov.example.net:2121/nortel/cfg");
}

TEST(url, reads_ipv6_hosts) {
    const auto url = Url::parse("TFTP://[2001:db8::1]").value();
    EXPECT_EQ(url.host, "2001:db8::1");
    EXPECT_EQ(url.without_login(), "tftp://[2001:db8::1]/");
}

TEST(url, refuses_the_rest_without_repeating_it) {
    for (const auto* bad : {"", "192.0.2.1", "gopher://h/", "http://", "http:///x", "http://h:0/", "http://h:65536/",
                            "http://h ost/", "http://[::1/", "http://[::1]x/", "http://u:%zz@h/", "http://h/%"}) {
        const auto url = Url::parse(bad);
        ASSERT_FALSE(url) << bad;
    }
    const auto url = Url::parse("http://user:canary-secret@ho st/");
    ASSERT_FALSE(url);
    EXPECT_EQ(url.error().message.find("canary"), std::string::npos);
    EXPECT_EQ(Url::parse("http://h/" + std::string(2000, 'a')).error().code, FaultCode::too_large);
}

}  // namespace
}  // namespace ringfence
