#include "phone/wire_rule.h"

#include <gtest/gtest.h>

namespace ringfence::phone {
namespace {

constexpr VersionProof proofs[] = {VersionProof::none, VersionProof::file, VersionProof::complete};

TEST(VersionProof, NamesAreReadBack) {
    for (const auto proof : proofs) EXPECT_EQ(parse_version_proof(to_string(proof)), proof);
    EXPECT_EQ(parse_version_proof("https "), std::nullopt);
}

// Rows: who vouches for the stored version; columns: for the offer. Whether the older, the same, the newer is wanted.
TEST(VersionRule, EveryPairOfProofs) {
    constexpr const char* wanted[3][3] = {
        {"--n", "osn", "osn"},  // stored in clear: counts nothing against https
        {"--n", "o-n", "o-n"},  // stored with a file of https: anybody could have made the number up
        {"--n", "--n", "--n"},  // proved
    };
    for (const auto stored : proofs)
        for (const auto offered : proofs) {
            const StoredVersion held{"000005", stored};
            std::string got;
            got += judge_version({"000004", offered}, &held).newer ? 'o' : '-';
            got += judge_version({"5", offered}, &held).newer ? 's' : '-';
            got += judge_version({"000006", offered}, &held).newer ? 'n' : '-';
            EXPECT_EQ(got, wanted[static_cast<int>(stored)][static_cast<int>(offered)])
                << to_string(stored) << " stored, " << to_string(offered) << " offered";
        }
}

TEST(VersionRule, TheSameNumberKeepsOnlyWhatIsHeld) {
    const StoredVersion of_manifest{"000005", VersionProof::file};
    const auto verdict = judge_version({"000005", VersionProof::file, false}, &of_manifest);
    EXPECT_TRUE(verdict.newer);
    EXPECT_EQ(verdict.reason, "version 000005 is the same as the stored 000005, but the phone does not hold the file");
    const StoredVersion proved{"000005", VersionProof::complete};
    EXPECT_FALSE(judge_version({"000005", VersionProof::file, false}, &proved).newer);
}

TEST(VersionRule, NothingStoredAndNothingOffered) {
    const StoredVersion held{"000005", VersionProof::none};
    for (const auto proof : proofs) {
        EXPECT_TRUE(judge_version({"000001", proof}, nullptr).newer);
        EXPECT_FALSE(judge_version({"", proof}, nullptr).newer);
        EXPECT_FALSE(judge_version({"", proof}, &held).newer);
    }
}

TEST(VersionRule, SaysWhichVersionDoesNotCountAndWhy) {
    const StoredVersion in_clear{"2147483647", VersionProof::none};
    EXPECT_EQ(judge_version({"000008", VersionProof::file}, &in_clear).reason,
              "version 000008 is offered over https, and the stored 2147483647 came over a clear wire");
    const StoredVersion of_manifest{"2147483647", VersionProof::file};
    EXPECT_EQ(judge_version({"000008", VersionProof::file}, &of_manifest).reason,
              "version 000008 is older than the stored 2147483647, which a manifest on a clear wire gave");
}

}  // namespace
}  // namespace ringfence::phone
