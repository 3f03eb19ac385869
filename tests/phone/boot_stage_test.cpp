#include "phone/boot_stage.h"

#include <gtest/gtest.h>

namespace ringfence::phone {
namespace {

TEST(BootStage, NamesGoBothWays) {
    for (std::size_t i = 0; i < stage_count; ++i) {
        const auto stage = static_cast<Stage>(i);
        EXPECT_EQ(parse_stage(to_string(stage)), stage);
    }
    EXPECT_FALSE(parse_stage("resting"));
}

TEST(BootStage, OnlyAcceptingLeadsToInstalling) {
    for (std::size_t i = 0; i < stage_count; ++i) {
        const auto stage = static_cast<Stage>(i);
        EXPECT_EQ(is_legal_step(stage, Stage::installing), stage == Stage::accepting) << to_string(stage);
    }
}

}  // namespace
}  // namespace ringfence::phone
