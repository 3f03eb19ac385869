#include "tests/suites/lookup_suite.h"

#include "tests/suites/counting_lookup.h"

namespace ringfence::registry {
namespace {

class OtherConnection : public LookupUnderTest {
public:
    Lookup& lookup() override { return *server_; }
    Registry& office() override { return *installation_.registry; }
    ManualClock& clock() override { return installation_.clock; }
    std::string directory() override { return installation_.directory(); }

protected:
    Installation installation_;
    std::unique_ptr<Registry> server_ = installation_.open();
};

class Counted final : public OtherConnection {
public:
    Lookup& lookup() override { return counting_; }

private:
    suites::CountingLookup counting_{*server_};
};

template <typename T>
std::unique_ptr<LookupUnderTest> make() {
    return std::make_unique<T>();
}

INSTANTIATE_TEST_SUITE_P(Registry, LookupSuite, testing::Values(&make<OtherConnection>));
INSTANTIATE_TEST_SUITE_P(CountingLookup, LookupSuite, testing::Values(&make<Counted>));

INSTANTIATE_TEST_SUITE_P(Registry, OneTimeSuite, testing::Values(&make<OtherConnection>));
INSTANTIATE_TEST_SUITE_P(CountingLookup, OneTimeSuite, testing::Values(&make<Counted>));

TEST(CountingLookup, counts_each_call_apart) {
    Installation installation;
    suites::CountingLookup counting(*installation.registry);
    ASSERT_TRUE(counting.catalogue());
    ASSERT_TRUE(counting.find_login("x"));
    ASSERT_TRUE(counting.find_login("y"));
    suites::LookupCounts expected;
    expected.catalogue = 1;
    expected.find_login = 2;
    EXPECT_EQ(counting.counts(), expected);
    EXPECT_EQ(counting.counts().all(), 3);
    counting.reset();
    EXPECT_EQ(counting.counts().all(), 0);
}

}  // namespace
}  // namespace ringfence::registry
