#include "phone/network_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "little_trust.h"

namespace ringfence::phone {
namespace {

constexpr Duration day = std::chrono::hours(24);

const Company& company() {
    static const Company made("company");
    return made;
}

class NetworkServerTest : public testing::Test {
protected:
    NetworkServerTest() {
        trust_.anchors = {company().root()};
        server_ = {{company().issue(crypto::CertificateRole::server, "radius").certificate}, "server.example"};
    }

    std::string judge(const crypto::JudgingTime& time = {test_time, false}) const {
        const auto judged = judge_network_server(server_, trust_, time);
        return judged ? "good" : judged.error().message;
    }
    void expect(const std::string& beginning) const { EXPECT_THAT(judge(), testing::StartsWith(beginning)); }

    crypto::ServerTrust trust_;
    NetworkServer server_;
};

TEST_F(NetworkServerTest, AGoodOneIsGood) {
    expect("good");
    server_.name.clear();
    expect("good");
}

// What the supplicant let pass while the clock was unset.
TEST_F(NetworkServerTest, ItsDatesAreJudgedOnceTheTimeIsKnown) {
    EXPECT_THAT(judge({test_time + 400 * day, false}), testing::StartsWith("expired"));
    EXPECT_THAT(judge({test_time - 2 * day, false}), testing::StartsWith("not yet valid"));
    EXPECT_EQ(judge({test_time - 2 * day, true}), "good") << "the floor is no time";
}

TEST_F(NetworkServerTest, AllElseIsJudgedAgain) {
    server_.name = "other.example";
    expect("wrong name");
    server_.name = "server.example";
    server_.presented = {company().issue(crypto::CertificateRole::device, "phone").certificate};
    server_.name.clear();
    expect("wrong purpose");
    server_.presented = {Company("stranger").issue(crypto::CertificateRole::server, "radius").certificate};
    expect("unknown issuer");
    server_.presented.clear();
    expect("the network's server showed no certificate");
}

TEST_F(NetworkServerTest, ARevokedOneIsRefusedAtAnyTime) {
    trust_.is_revoked = [](const crypto::Certificate&) { return true; };
    expect("revoked");
    EXPECT_THAT(judge({test_time - 2 * day, true}), testing::StartsWith("revoked"));
}

TEST_F(NetworkServerTest, TheTrustListOfOtherServersIsNotAsked) {
    trust_.only_leaves.emplace();
    trust_.sent_chain_must_be_held = true;
    expect("good");
}

}  // namespace
}  // namespace ringfence::phone
