#include "delivery/shared_path.h"

#include <gtest/gtest.h>

namespace ringfence::delivery {
namespace {

registry::FileRecord record(std::string model, std::string site, std::string sha256) {
    registry::FileRecord out;
    out.path = "a.txt";
    out.model = std::move(model);
    out.site = std::move(site);
    out.sha256 = std::move(sha256);
    return out;
}

bool clashes(const registry::FileRecord& there, const registry::FileRecord& put, std::vector<std::string> models = {}) {
    registry::Catalogue catalogue;
    catalogue.files = {there};
    if (models.empty()) models = {put.model};
    return find_clash(catalogue, put, models).has_value();
}

TEST(SharedPath, AnotherModelsContentIsInTheWay) {
    EXPECT_TRUE(clashes(record("1230", "", "aa"), record("1220", "", "bb")));
    EXPECT_TRUE(clashes(record("", "", "aa"), record("1220", "", "bb")));
    EXPECT_TRUE(clashes(record("1230", "", "aa"), record("", "", "bb")));
    EXPECT_TRUE(clashes(record("1230", "", "aa"), record("1220", "oslo", "bb")));
    EXPECT_TRUE(clashes(record("1230", "", "aa"), record("", "", "bb"), {"1220", "1140e"}));
}

TEST(SharedPath, TheSameContentTheSameModelAndAnotherSiteAreNot) {
    EXPECT_FALSE(clashes(record("1230", "", "aa"), record("1220", "", "aa")));
    EXPECT_FALSE(clashes(record("1230", "", "aa"), record("1230", "", "bb")));
    EXPECT_FALSE(clashes(record("1230", "", "aa"), record("1230", "oslo", "bb")));
    EXPECT_FALSE(clashes(record("1230", "rome", "aa"), record("1220", "oslo", "bb")));
    EXPECT_FALSE(clashes(record("1230", "", "aa"), record("", "", "bb"), {"1220", "1230"}));
}

TEST(SharedPath, TheSameContentOfAnotherClassIs) {
    auto open = record("1220", "", "aa");
    open.content_class = trust::ContentClass::public_;
    EXPECT_TRUE(clashes(record("1230", "", "aa"), open));
}

}  // namespace
}  // namespace ringfence::delivery
