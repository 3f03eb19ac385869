#include "phone/behaviour.h"

#include <gmock/gmock.h>

#include <set>

namespace ringfence::phone {
namespace {

TEST(Behaviour, EverySwitchHasItsDefaultAndTakesEachOfItsValues) {
    std::set<std::string_view> names;
    for (const auto& spec : switch_table) {
        EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
        Behaviour behaviour;
        EXPECT_EQ(behaviour.value(spec.id), spec.values.front());
        for (const auto value : spec.values) {
            if (value.empty()) continue;
            ASSERT_TRUE(behaviour.set(std::string(spec.name) + "=" + std::string(value)).has_value());
            EXPECT_TRUE(behaviour.is(spec.id, value));
        }
    }
}

TEST(Behaviour, RefusesWhatIsNoSwitchOrNoValue) {
    for (const char* text :
         {"", "=", "server-chain", "server-chain=", "server-chain=x", "no-such=x", "login=section-first "}) {
        Behaviour behaviour;
        EXPECT_FALSE(behaviour.set(text).has_value()) << text;
    }
    EXPECT_THAT(Behaviour().set("ftp-mode=x").error().message, ::testing::HasSubstr("passive or active"));
}

}  // namespace
}  // namespace ringfence::phone
