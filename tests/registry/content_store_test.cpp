#include "registry/content_store.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/suites/temporary_directory.h"

namespace ringfence::registry {
namespace {

class ContentStoreTest : public ::testing::Test {
protected:
    // Two of the contents fit into its memory.
    static constexpr std::size_t size = 1000;

    std::string put(char content) {
        const std::string bytes(size, content);
        const std::string name = ContentStore::name_of(bytes);
        EXPECT_TRUE(store_.put(name, bytes, AtRest::clear));
        return name;
    }
    Body open(const std::string& name) { return store_.open(name).value(); }

    suites::TemporaryDirectory directory_;
    SystemDisk disk_;
    SystemRandom random_;
    ContentStore store_{directory_.path() + "/content", disk_, crypto::SealingKey::generate(random_), 2 * size};
};

TEST_F(ContentStoreTest, what_left_the_memory_is_shared_while_somebody_uses_it) {
    const std::string name = put('a');
    const Body used = open(name);
    for (const char other : {'b', 'c', 'd'}) open(put(other));
    EXPECT_EQ(open(name).bytes, used.bytes);
    for (const char other : {'e', 'f', 'g'}) open(put(other));
    EXPECT_EQ(open(name).bytes, used.bytes) << "as often as that happens";
}

TEST_F(ContentStoreTest, what_never_fits_the_memory_is_shared_too) {
    const std::string bytes(3 * size, 'x');
    const std::string name = ContentStore::name_of(bytes);
    ASSERT_TRUE(store_.put(name, bytes, AtRest::clear));
    const Body used = open(name);
    EXPECT_EQ(open(name).bytes, used.bytes);
    EXPECT_EQ(open(name).bytes, used.bytes);
}

TEST_F(ContentStoreTest, what_nobody_uses_leaves_the_memory) {
    const std::string name = put('a');
    const std::weak_ptr<const std::string> left = open(name).bytes;
    EXPECT_FALSE(left.expired()) << "the store keeps it";
    for (const char other : {'b', 'c', 'd'}) open(put(other));
    EXPECT_TRUE(left.expired());
    EXPECT_EQ(open(name).view(), std::string(size, 'a'));
}

TEST_F(ContentStoreTest, what_was_removed_is_absent_also_while_somebody_uses_it) {
    const std::string name = put('a');
    const Body used = open(name);
    for (const char other : {'b', 'c', 'd'}) open(put(other));
    ASSERT_TRUE(store_.remove(name));
    EXPECT_EQ(store_.open(name).error().code, FaultCode::not_found);
    EXPECT_EQ(used.view(), std::string(size, 'a'));
}

}  // namespace
}  // namespace ringfence::registry
