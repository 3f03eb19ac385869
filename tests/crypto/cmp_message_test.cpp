#include "crypto/cmp_message.h"

#include <gtest/gtest.h>

#include "tests/crypto/corpus.h"

namespace ringfence::crypto {
namespace {

TEST(CmpMessage, TheCorpusIsJudged) {
    test::expect_verdicts("cmp_message", 40, [](const std::string& bytes) {
        const auto outline = outline_cmp_message(bytes);
        return outline && outline->protection != CmpProtection::other;
    });
}

TEST(CmpMessage, TheOutlineSaysWhatTheHeaderHolds) {
    const auto at = [](const std::string& name) {
        std::ifstream file(RINGFENCE_SOURCE_DIR "/tests/corpus/cmp_message/" + name, std::ios::binary);
        return std::string{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    };
    const std::string by_token = at("ir-by-token-valid.der");
    const auto token = outline_cmp_message(by_token);
    ASSERT_TRUE(token.has_value());
    EXPECT_EQ(token->body, CmpBody::ir);
    EXPECT_EQ(token->protection, CmpProtection::mac);
    EXPECT_EQ(token->reference, "7K2M9QXC");
    EXPECT_EQ(token->transaction_id.size(), 16U);
    EXPECT_EQ(token->sender_nonce.size(), 16U);
    EXPECT_TRUE(token->certificates.empty());

    const std::string by_certificate = at("kur-by-certificate-valid.der");
    const auto holder = outline_cmp_message(by_certificate);
    ASSERT_TRUE(holder.has_value());
    EXPECT_EQ(holder->body, CmpBody::kur);
    EXPECT_EQ(holder->protection, CmpProtection::signature);
    ASSERT_FALSE(holder->certificates.empty());
    const auto certificate = Certificate::parse_der(holder->certificates.front());
    ASSERT_TRUE(certificate.has_value());
    EXPECT_EQ(certificate->common_name(), "00247F0102AB");
}

TEST(CmpMessage, FailuresHaveTheNamesOfTheRfc) {
    EXPECT_EQ(to_string(CmpFailure::bad_request), "badRequest");
    EXPECT_EQ(find_failure(1U << 23U), CmpFailure::not_authorized);
    EXPECT_EQ(find_failure(1U << 3U), std::nullopt);  // badTime
    EXPECT_EQ(find_failure(0), std::nullopt);
}

}  // namespace
}  // namespace ringfence::crypto
