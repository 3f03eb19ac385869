#include "crypto/seal.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace ringfence::crypto {
namespace {

SealingKey make_key(std::uint64_t seed = 1) {
    SeededRandom random(seed);
    return SealingKey::generate(random);
}

RC_GTEST_PROP(Seal, OpensWhatItSealed, (const std::string& plain, const std::string& context)) {
    const SealingKey key = make_key();
    const auto opened = key.open(key.seal(plain, context), context);
    RC_ASSERT(opened.has_value());
    RC_ASSERT(opened->reveal() == plain);
}

TEST(Seal, TwoSealsOfOneTextDiffer) {
    const SealingKey key = make_key();
    EXPECT_NE(key.seal("text", "place"), key.seal("text", "place"));
    EXPECT_EQ(key.seal("text", "place").size(), 4u + 41u);
}

TEST(Seal, EveryChangedByteIsSeen) {
    const SealingKey key = make_key();
    const std::string sealed = key.seal("secret", "logins/user/alice");
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        std::string changed = sealed;
        changed[i] = static_cast<char>(changed[i] ^ 0x01);
        const auto opened = key.open(changed, "logins/user/alice");
        ASSERT_FALSE(opened.has_value()) << "byte " << i;
        EXPECT_EQ(opened.error().code, FaultCode::corrupt);
    }
    for (std::size_t size = 0; size < sealed.size(); ++size) {
        EXPECT_FALSE(key.open(sealed.substr(0, size), "logins/user/alice").has_value()) << size << " bytes";
    }
}

TEST(Seal, AnotherPlaceOrKeyDoesNotOpen) {
    const SealingKey key = make_key();
    const std::string sealed = key.seal("secret", "logins/alice");
    EXPECT_FALSE(key.open(sealed, "logins/bob").has_value());
    EXPECT_FALSE(make_key(2).open(sealed, "logins/alice").has_value());
}

TEST(Seal, TheKeySurvivesSavingAndOtherSizesAreRefused) {
    const SealingKey key = make_key();
    const auto loaded = SealingKey::load(key.save());
    ASSERT_TRUE(loaded.has_value());
    EXPECT_EQ(loaded->open(key.seal("x", "y"), "y")->reveal(), "x");
    EXPECT_EQ(SealingKey::load(Secret(std::string(31, 'k'))).error().code, FaultCode::malformed);
    EXPECT_EQ(SealingKey::load(Secret(std::string(33, 'k'))).error().code, FaultCode::malformed);
}

}  // namespace
}  // namespace ringfence::crypto
