#include "base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace ringfence {
namespace {

TEST(random, system_bytes_differ) {
    SystemRandom random;
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(random.bytes(16));
    EXPECT_EQ(seen.size(), 1000U);
}

TEST(random, a_seed_repeats) {
    SeededRandom a(7);
    SeededRandom b(7);
    SeededRandom c(8);
    const auto first = a.bytes(33);
    EXPECT_EQ(first, b.bytes(33));
    EXPECT_NE(first, c.bytes(33));
}

TEST(random, below_is_bounded_and_reaches_every_value) {
    SeededRandom random(1);
    std::array<int, 7> counts{};
    for (int i = 0; i < 7000; ++i) ++counts.at(random.below(7));
    for (const int count : counts) EXPECT_NEAR(count, 1000, 150);
}

}  // namespace
}  // namespace ringfence
