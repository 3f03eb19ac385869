// What needs no server; tests/system/phone_*_test.py fetch from real ones.
#include "phone/curl_fetcher.h"

#include <gtest/gtest.h>

#include "tests/crypto/little_ca.h"
#include "tests/crypto/openssl_server.h"

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
    EXPECT_EQ(outcome.body.error().code, FaultCode::untrusted);
}

// A server's answers, with whatever Date; its certificate is good from January 2026 to January 2027.
class DatedServer : public ::testing::Test {
protected:
    void SetUp() override {
        test::LittleCa ca("dated");
        anchors_ = {ca.root()};
        folder_.put("key", test::key("dated server").to_pem().reveal());
        folder_.put("leaf", ca.issue(test::server_request("localhost"), test::key("dated server")).to_pem());
        folder_.put("chain", ca.issuing().to_pem());
        server_.emplace(folder_, "-HTTP -cert leaf -key key -cert_chain chain");
    }

    FetchOutcome fetch(const std::string& status, const std::string& date, WallTime clock) {
        folder_.put("file", "HTTP/1.1 " + status + "\r\n" + date + "Content-Length: 2\r\n\r\nok");
        FetchOrder order;
        order.protocol = Protocol::https;
        order.host = "localhost";
        order.port = static_cast<std::uint16_t>(server_->port());
        order.path = "file";
        order.trust = std::make_shared<const crypto::ServerTrust>(crypto::ServerTrust{anchors_});
        order.time = {clock, false};
        order.size_limit = 1024;
        return CurlFetcher(FetcherSettings()).fetch(order);
    }

    test::TemporaryFolder folder_;
    std::vector<crypto::Certificate> anchors_;
    std::optional<test::OpensslServer> server_;
};

TEST_F(DatedServer, TellsTheTimeWhateverItsStatus) {
    const WallTime now = test::at(2026, 6, 1);
    for (const char* status : {"200 OK", "404 Not Found", "503 Busy"}) {
        const auto outcome = fetch(status, "Date: Mon, 01 Jun 2026 00:00:00 GMT\r\n", now);
        EXPECT_EQ(outcome.server_time, now) << status;
        EXPECT_EQ(outcome.proved_time, now) << status;
    }
    EXPECT_EQ(fetch("200 OK", "", now).server_time, std::nullopt);
    EXPECT_EQ(fetch("200 OK", "Date: soon\r\n", now).server_time, std::nullopt);
}

TEST_F(DatedServer, ProvesADateByACertificateThatIsGoodThen) {
    const auto ahead = fetch("200 OK", "Date: Mon, 01 Jun 2026 00:00:00 GMT\r\n", test::at(2026, 12, 1));
    EXPECT_EQ(ahead.body.value_or(""), "ok");
    EXPECT_EQ(ahead.proved_time, test::at(2026, 6, 1));
    const auto impossible = fetch("200 OK", "Date: Fri, 01 Jun 2029 00:00:00 GMT\r\n", test::at(2026, 6, 1));
    EXPECT_EQ(impossible.body.value_or(""), "ok");
    EXPECT_EQ(impossible.server_time, test::at(2029, 6, 1));
    EXPECT_EQ(impossible.proved_time, std::nullopt);
    const auto refused = fetch("200 OK", "Date: Mon, 01 Jun 2026 00:00:00 GMT\r\n", test::at(2029, 6, 1));
    EXPECT_EQ(refused.body.error().code, FaultCode::expired);
    EXPECT_EQ(refused.server_time, std::nullopt) << "nobody was verified";
}

TEST_F(DatedServer, ThatHasNotDecidedSaysWhenToAskAgain) {
    const WallTime now = test::at(2026, 6, 1);
    const auto undecided = fetch("202 Accepted", "Retry-After: 90\r\n", now);
    EXPECT_EQ(undecided.body.error().code, FaultCode::unavailable);
    EXPECT_EQ(undecided.ask_again_after, std::chrono::seconds(90));
    EXPECT_EQ(fetch("202 Accepted", "", now).ask_again_after, Duration::zero());
    EXPECT_EQ(fetch("202 Accepted", "Retry-After: 99999999999\r\n", now).ask_again_after, std::chrono::hours(24));
    EXPECT_EQ(fetch("202 Accepted", "Retry-After: later\r\n", now).ask_again_after, Duration::zero());
    for (const char* status : {"200 OK", "503 Busy"})
        EXPECT_EQ(fetch(status, "Retry-After: 90\r\n", now).ask_again_after, std::nullopt) << status;
}

}  // namespace
}  // namespace ringfence::phone
