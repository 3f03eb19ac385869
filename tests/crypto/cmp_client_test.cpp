#include "crypto/cmp_client.h"

#include <gtest/gtest.h>

#include "tests/crypto/cmp_party.h"

namespace ringfence::crypto {
namespace {

using test::cmp_reference;
using test::cmp_secret;

const CmpToken token{cmp_reference, cmp_secret};

class Cmp : public ::testing::Test {
protected:
    static CmpClient::Subject subject() { return {"NTIPP0102AB", test::key("cmp phone")}; }

    test::CmpParty party_;
};

TEST_F(Cmp, ATokenBringsACertificateAndTheCaToTrust) {
    auto client = party_.client(token);
    const auto answer = client.enrol(subject());
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    const auto* issued = std::get_if<CmpIssued>(&*answer);
    ASSERT_NE(issued, nullptr);
    EXPECT_TRUE(subject().key.matches(issued->certificate));
    EXPECT_EQ(issued->trusted, std::vector{party_.ca.root()});
    EXPECT_EQ(issued->chain, (std::vector{party_.ca.issuing(), party_.ca.root()}));
}

}  // namespace
}  // namespace ringfence::crypto
