#include "authority/wrong_tries.h"

#include <gtest/gtest.h>

#include <string>

namespace ringfence::authority {
namespace {

constexpr SteadyTime start{};

TEST(WrongTries, TheFirstIsToldAndThenTheirNumberNowAndThen) {
    WrongTries tries;
    EXPECT_EQ(tries.note("a", start), 1U);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(tries.note("a", start + WrongTries::quiet - Duration(1)), 0U);
    EXPECT_EQ(tries.note("a", start + WrongTries::quiet), 6U);
    EXPECT_EQ(tries.note("a", start + WrongTries::quiet), 0U);
    EXPECT_EQ(tries.note("b", start), 1U) << "each reference by itself";
}

TEST(WrongTries, WhoeverNamesThousandsIsCountedAsOne) {
    WrongTries tries;
    std::uint64_t told = 0;
    for (std::size_t i = 0; i < 2 * WrongTries::max_references; ++i) told += tries.note(std::to_string(i), start);
    EXPECT_EQ(told, WrongTries::max_references + 1);
    EXPECT_EQ(tries.note("one more", start + WrongTries::quiet), WrongTries::max_references);
    EXPECT_EQ(tries.note("0", start + WrongTries::quiet), 1U) << "who was known before is told of still";
}

}  // namespace
}  // namespace ringfence::authority
