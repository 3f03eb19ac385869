#include "base/disk.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "tests/suites/temporary_directory.h"

namespace ringfence {
namespace {

class DiskTest : public testing::Test {
protected:
    suites::TemporaryDirectory directory_;
    const std::string root_ = directory_.path();
    SystemDisk disk_;
};

TEST_F(DiskTest, replace_leaves_the_whole_new_file_with_its_mode) {
    const std::string path = root_ + "/key";
    ASSERT_TRUE(disk_.replace(path, "old and long", public_file));
    ASSERT_TRUE(disk_.replace(path, "new", private_file));
    EXPECT_EQ(disk_.read(path, 100).value(), "new");
    struct stat facts {};
    ASSERT_EQ(::stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, private_file);
    EXPECT_EQ(disk_.list(root_).value(), std::vector<std::string>{"key"});
}

TEST_F(DiskTest, read_keeps_its_limit_and_names_what_is_missing) {
    ASSERT_TRUE(disk_.replace(root_ + "/f", "12345", public_file));
    EXPECT_EQ(disk_.read(root_ + "/f", 5).value(), "12345");
    EXPECT_EQ(disk_.read(root_ + "/f", 4).error().code, FaultCode::too_large);
    EXPECT_EQ(disk_.read(root_ + "/absent", 4).error().code, FaultCode::not_found);
    EXPECT_EQ(disk_.read(root_, 4).error().code, FaultCode::unavailable);
}

TEST_F(DiskTest, write_new_does_not_follow_a_planted_link) {
    ASSERT_EQ(::symlink("/etc/hostname", (root_ + "/link").c_str()), 0);
    EXPECT_FALSE(disk_.write_new(root_ + "/link", "x", private_file));
}

TEST_F(DiskTest, directories_are_made_with_their_parents) {
    ASSERT_TRUE(disk_.make_directory(root_ + "/a/b/c", private_directory));
    ASSERT_TRUE(disk_.make_directory(root_ + "/a/b/c", private_directory));
    EXPECT_TRUE(disk_.exists(root_ + "/a/b/c"));
    EXPECT_TRUE(disk_.remove(root_ + "/never-there"));
}

TEST_F(DiskTest, a_write_that_the_system_cuts_is_a_fault_and_keeps_the_old_file) {
    ASSERT_TRUE(disk_.replace(root_ + "/f", "old", private_file));
    struct rlimit before {};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const struct rlimit tight = {4, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
    const auto replaced = disk_.replace(root_ + "/f", "newer and longer", private_file);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    std::signal(SIGXFSZ, handler);
    ASSERT_FALSE(replaced);
    EXPECT_EQ(replaced.error().code, FaultCode::unavailable);
    EXPECT_EQ(disk_.read(root_ + "/f", 100).value(), "old");
    EXPECT_EQ(disk_.list(root_).value(), std::vector<std::string>{"f"});
}

}  // namespace
}  // namespace ringfence
