// What needs no server; tests/system/phone_*_test.py fetch from real ones.
#include "phone/curl_fetcher.h"

#include <gtest/gtest.h>

namespace ringfence::phone {
namespace {

TEST(PortMap, TakesProtocolsAndPorts) {
    const auto ports = parse_port_map("tftp=6969,ftp=2121,http=8080,https=8443");
    ASSERT_TRUE(ports.has_value());
    EXPECT_EQ(
        *ports,
        (PortMap{{Protocol::tftp, 6969}, {Protocol::ftp, 2121}, {Protocol::http, 8080}, {Protocol::https, 8443}}));
}

TEST(PortMap, RefusesEverythingElse) {
    for (const char* text :
         {"", "tftp", "tftp=", "tftp=0", "tftp=65536", "gopher=70", "tftp=69,", "tftp=-1", "tftp=6 9"})
        EXPECT_FALSE(parse_port_map(text).has_value()) << text;
}

TEST(CurlFetcher, NobodyThereIsUnavailable) {
    FetchOrder order;
    order.protocol = Protocol::http;
    order.host = "127.0.0.1";
    order.port = 1;  // tcpmux: nobody serves it
    order.path = "1230SIP.cfg";
    order.size_limit = 1024;
    const auto outcome = CurlFetcher(FetcherSettings()).fetch(order);
    ASSERT_FALSE(outcome.body.has_value());
    EXPECT_EQ(outcome.body.error().code, FaultCode::unavailable);
}

TEST(CurlFetcher, HttpsWithoutAnAnchorContactsNobody) {
    FetchOrder order;
    order.protocol = Protocol::https;
    order.host = "127.0.0.1";
    order.port = 1;
    const auto outcome = CurlFetcher(FetcherSettings()).fetch(order);
    ASSERT_FALSE(outcome.body.has_value());
    EXPECT_EQ(outcome.body.error().code, FaultCode::malformed);
}

}  // namespace
}  // namespace ringfence::phone
