#include "base/secret.h"

#include <gtest/gtest.h>

#include <sstream>
#include <type_traits>
#include <utility>

namespace ringfence {
namespace {

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
    out << value;
};

static_assert(!Printable<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);

TEST(secret, a_moved_secret_leaves_nothing_behind) {
    Secret from("hunter2");
    const Secret to(std::move(from));
    EXPECT_EQ(to.reveal(), "hunter2");
    EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): this is the promise under test
}

TEST(secret, wipe_clears_the_bytes_in_place) {
    std::string text = "a long enough text to stand on the heap, not in the object";
    const char* bytes = text.data();
    const std::size_t size = text.size();
    wipe(text);
    EXPECT_TRUE(text.empty());
    for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(bytes[i], '\0');
}

TEST(secret, equality_compares_values) {
    EXPECT_EQ(Secret("a"), Secret("a"));
    EXPECT_FALSE(Secret("a") == Secret("b"));
}

}  // namespace
}  // namespace ringfence
