#include "crypto/limited_anchors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/crypto/little_ca.h"
#include "tests/crypto/program.h"

namespace ringfence::crypto {
namespace {

using test::key;
using test::LittleCa;
using test::request;
using test::server_request;
using test::TemporaryFolder;

class LimitedAnchors : public ::testing::Test {
protected:
    std::vector<Certificate> limited(const std::vector<Certificate>& anchors, const PermittedHosts& hosts) {
        auto made = limit_anchors(anchors, hosts, random_);
        EXPECT_TRUE(made.has_value()) << made.error().message;
        return made.value_or(std::vector<Certificate>());
    }

    // As a client judges that looks at the chain and the purpose, but at no name.
    bool is_taken(const CertificateRequest& wanted, const PermittedHosts& hosts) {
        return is_taken(ca_.issue(wanted, key("leaf")), limited({ca_.root()}, hosts));
    }
    bool is_taken(const Certificate& leaf, const std::vector<Certificate>& anchors) {
        const auto judged = test::run(
            fmt::format("openssl verify -attime 1780000000 -purpose sslserver -CAfile {} -untrusted {} {}",
                        folder_.put("anchors.pem", format_bundle(anchors)),
                        folder_.put("issuing.pem", ca_.issuing().to_pem()), folder_.put("leaf.pem", leaf.to_pem())));
        said_ = judged.output;
        return judged.status == 0;
    }

    static IpAddress address(std::string_view text) { return *IpAddress::parse(text); }

    LittleCa ca_{"ours"};
    SeededRandom random_{7};
    TemporaryFolder folder_;
    std::string said_;
};

TEST_F(LimitedAnchors, TakeTheServersThatTheyAreFor) {
    EXPECT_TRUE(is_taken(server_request("sip.example"), {{"sip.example"}, {}})) << said_;
    EXPECT_TRUE(is_taken(server_request("sip.example"), {{"other.example", "sip.example"}, {}})) << said_;
    EXPECT_TRUE(is_taken(server_request("sip.example", "192.0.2.7"), {{"sip.example"}, {address("192.0.2.7")}}))
        << said_;
    EXPECT_TRUE(is_taken(server_request("sip.example", "2001:db8::7"), {{"sip.example"}, {address("2001:db8::7")}}))
        << said_;
}

TEST_F(LimitedAnchors, TakeNoOtherServerOfTheSameRoot) {
    for (const char* name : {"prov.example", "sip.example.evil.example", "xsip.example", "example"}) {
        EXPECT_FALSE(is_taken(server_request(name), {{"sip.example"}, {}})) << name;
        EXPECT_NE(said_.find("permitted subtree violation"), std::string::npos) << said_;
    }
    EXPECT_FALSE(is_taken(server_request("*.example"), {{"sip.example"}, {}})) << "a wildcard reaches further";
    auto both = server_request("sip.example");
    both.dns_names.push_back("prov.example");
    EXPECT_FALSE(is_taken(both, {{"sip.example"}, {}})) << "every name counts";
    EXPECT_FALSE(is_taken(server_request("sip.example", "192.0.2.7"), {{"sip.example"}, {}})) << "an address too";
    EXPECT_FALSE(is_taken(server_request("sip.example", "192.0.2.7"), {{"sip.example"}, {address("192.0.2.8")}}));
    EXPECT_FALSE(is_taken(server_request("sip.example"), {{}, {address("192.0.2.7")}})) << "addresses only";
    auto by_address = request(CertificateRole::server, "192.0.2.7");
    by_address.addresses = {address("192.0.2.7")};
    EXPECT_FALSE(is_taken(by_address, {{"sip.example"}, {}}));
    EXPECT_TRUE(is_taken(by_address, {{}, {address("192.0.2.7")}})) << said_;
}

TEST_F(LimitedAnchors, TakeNoDeviceAndNoOtherRoot) {
    EXPECT_FALSE(is_taken(request(CertificateRole::device, "00247F0102AB"), {{"sip.example"}, {}}));
    LittleCa other("theirs");
    const auto leaf = ca_.issue(server_request("sip.example"), key("leaf"));
    EXPECT_FALSE(is_taken(leaf, limited({other.root()}, {{"sip.example"}, {}})));
    EXPECT_TRUE(is_taken(leaf, limited({other.root(), ca_.root()}, {{"sip.example"}, {}}))) << said_;
}

TEST_F(LimitedAnchors, AnIssuingCaThatIsHeldIsLimitedToo) {
    const auto anchors = limited({ca_.root(), ca_.issuing()}, {{"sip.example"}, {}});
    ASSERT_EQ(anchors.size(), 3u);
    EXPECT_TRUE(is_taken(ca_.issue(server_request("sip.example"), key("leaf")), anchors)) << said_;
    EXPECT_FALSE(is_taken(ca_.issue(server_request("prov.example"), key("leaf")), anchors));
}

TEST_F(LimitedAnchors, KeepNameKeyAndDatesOfTheAnchor) {
    const auto anchors = limited({ca_.root()}, {{"sip.example"}, {}});
    ASSERT_EQ(anchors.size(), 2u);
    EXPECT_EQ(anchors[1].subject(), ca_.root().subject());
    EXPECT_EQ(anchors[1].issuer(), anchors[0].subject());
    EXPECT_EQ(anchors[1].not_after(), ca_.root().not_after());
    EXPECT_EQ(anchors[0].not_after(), ca_.root().not_after());
    EXPECT_TRUE(ca_.root_signer().key.matches(anchors[1]));
}

TEST_F(LimitedAnchors, AreNotMadeOfNothingOrTwice) {
    EXPECT_EQ(limit_anchors({ca_.root()}, {}, random_).error().code, FaultCode::malformed);
    for (const char* name : {"", "a b", "x,permitted;DNS:evil.example", "sip.example."})
        EXPECT_EQ(limit_anchors({ca_.root()}, {{name}, {}}, random_).error().code, FaultCode::malformed) << name;
    const auto leaf = ca_.issue(server_request("sip.example"), key("leaf"));
    EXPECT_EQ(limit_anchors({leaf}, {{"sip.example"}, {}}, random_).error().code, FaultCode::untrusted);
    const auto once = limited({ca_.root()}, {{"sip.example"}, {}});
    EXPECT_EQ(limit_anchors({once[1]}, {{"other.example"}, {}}, random_).error().code, FaultCode::conflict);
}

}  // namespace
}  // namespace ringfence::crypto
