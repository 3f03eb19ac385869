#include "crypto/version.h"

#include <gtest/gtest.h>

#include "tests/crypto/program.h"

namespace ringfence::crypto {
namespace {

// Debian's own comparison is the judge.
TEST(LibraryVersion, IsSafeFrom3022) {
    const std::string release = library_version().substr(0, library_version().find(' ', 8)).substr(8);
    const auto judged = test::run("dpkg --compare-versions " + release + " ge 3.0.22");
    EXPECT_EQ(is_library_safe(), judged.status == 0) << library_version();
    EXPECT_EQ(library_warning().has_value(), judged.status != 0);
}

}  // namespace
}  // namespace ringfence::crypto
