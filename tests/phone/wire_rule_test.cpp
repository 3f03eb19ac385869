#include "phone/wire_rule.h"

#include <gtest/gtest.h>

namespace ringfence::phone {
namespace {

// Rows: how the stored version came; columns: how the offer comes. Whether the older, the same, the newer is wanted.
TEST(VersionRule, EveryPairOfWires) {
    constexpr const char* wanted[2][2] = {
        {"--n", "osn"},  // stored in clear: counts nothing against https
        {"--n", "--n"},  // stored over https
    };
    for (const bool stored : {false, true})
        for (const bool offered : {false, true}) {
            const SectionVersion held{"000005", stored};
            std::string got;
            got += judge_version({"000004", offered}, &held, {}).newer ? 'o' : '-';
            got += judge_version({"5", offered}, &held, {}).newer ? 's' : '-';
            got += judge_version({"000006", offered}, &held, {}).newer ? 'n' : '-';
            EXPECT_EQ(got, wanted[stored ? 1 : 0][offered ? 1 : 0]) << stored << " stored, " << offered << " offered";
        }
}

TEST(VersionRule, NothingStoredAndNothingOffered) {
    const SectionVersion held{"000005"};
    for (const bool is_https : {false, true}) {
        EXPECT_TRUE(judge_version({"000001", is_https}, nullptr, {}).newer);
        EXPECT_FALSE(judge_version({"", is_https}, nullptr, {}).newer);
        EXPECT_FALSE(judge_version({"", is_https}, &held, {}).newer);
    }
}

TEST(VersionRule, SaysWhichVersionDoesNotCountAndWhy) {
    const SectionVersion in_clear{"2147483647"};
    EXPECT_EQ(
        judge_version({"000008", true}, &in_clear, {}).reason,
        "version 000008 is offered over https, and the stored 2147483647 came over a clear wire; a set would go by the "
        "numbers alone");
}

}  // namespace
}  // namespace ringfence::phone
