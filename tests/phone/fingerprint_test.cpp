#include "phone/fingerprint.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace ringfence::phone {
namespace {

// FIPS 180-2, the one-block message "abc".
constexpr const char* abc_sha1 = "a9993e364706816aba3e25717850c26c9cd0d89d";
constexpr const char* abc_sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Fingerprint, IsOverTheFilesBytes) {
    const auto fingerprints = fingerprints_of("abc");
    EXPECT_EQ(fingerprints.sha1, abc_sha1);
    EXPECT_EQ(fingerprints.sha256, abc_sha256);
}

TEST(Fingerprint, MatchesWithColonsBlanksAndEitherCase) {
    const auto file = fingerprints_of("abc");
    for (const std::string& text : {std::string(abc_sha1), to_upper(abc_sha1), in_pairs(abc_sha1),
                                    " " + in_pairs(abc_sha256) + "\n", std::string(abc_sha256)}) {
        const auto expected = ExpectedFingerprint::parse(text);
        ASSERT_TRUE(expected.has_value()) << text;
        EXPECT_TRUE(expected->matches(file)) << text;
        EXPECT_FALSE(expected->matches(fingerprints_of("abd"))) << text;
    }
}

TEST(Fingerprint, RefusesEverythingButWholeHashes) {
    std::string short_by_one(abc_sha1);
    short_by_one.pop_back();
    for (const std::string& text : {std::string(), std::string("yes"), short_by_one, std::string(abc_sha1) + "0",
                                    std::string(20, 'a'), std::string(65, 'a'), std::string(5000, 'a')})
        EXPECT_FALSE(ExpectedFingerprint::parse(text).has_value()) << text;
}

}  // namespace
}  // namespace ringfence::phone
