#include "server/fair_queue.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace ringfence::server {
namespace {

using ::testing::ElementsAre;

using Queue = FairQueue<std::string>;
constexpr Queue::Limits wide{.all = 1000, .of_one_source = 1000};

void fill(Queue& queue, const Queue::Place& place, unsigned count) {
    for (unsigned i = 1; i <= count; ++i)
        ASSERT_FALSE(queue.push(fmt::format("{}{}", place.source, i), place)) << place.source << i;
}

std::vector<std::string> take_all(Queue& queue, std::size_t worker) {
    std::vector<std::string> out;
    while (auto item = queue.take(worker)) out.push_back(*item);
    EXPECT_FALSE(queue.has_for(worker));
    return out;
}

TEST(FairQueue, EverySourceGivesOneARound) {
    Queue queue(wide);
    fill(queue, {"a"}, 4);
    fill(queue, {"b"}, 1);
    fill(queue, {"c"}, 2);
    EXPECT_THAT(take_all(queue, 0), ElementsAre("a1", "b1", "c1", "a2", "c2", "a3", "a4"));
}

TEST(FairQueue, WhoWasServedAndComesAgainStandsBehindThoseWhoWait) {
    Queue queue(wide);
    fill(queue, {"a"}, 1);
    fill(queue, {"b"}, 2);
    EXPECT_EQ(queue.take(0), "a1");
    fill(queue, {"a"}, 1);
    EXPECT_THAT(take_all(queue, 0), ElementsAre("b1", "a1", "b2"));
}

TEST(FairQueue, WhatIsBoundWaitsForItsWorker) {
    Queue queue(wide);
    fill(queue, {"a", 1}, 2);
    fill(queue, {"b"}, 1);
    EXPECT_THAT(take_all(queue, 0), ElementsAre("b1"));
    EXPECT_TRUE(queue.has_for(1));
    EXPECT_THAT(take_all(queue, 1), ElementsAre("a1", "a2"));
}

TEST(FairQueue, NeitherWhatIsBoundNorWhatIsNotStarvesTheOther) {
    Queue bound_flood(wide);
    fill(bound_flood, {"a", 0}, 3);
    fill(bound_flood, {"b"}, 1);
    EXPECT_THAT(take_all(bound_flood, 0), ElementsAre("a1", "b1", "a2", "a3"));
    Queue open_flood(wide);
    fill(open_flood, {"a"}, 3);
    fill(open_flood, {"b", 0}, 1);
    EXPECT_THAT(take_all(open_flood, 0), ElementsAre("a1", "b1", "a2", "a3"));
}

// However far the other workers have come meanwhile.
TEST(FairQueue, ABacklogOfOneWorkerIsNoPrecedence) {
    Queue queue(wide);
    fill(queue, {"a", 1}, 100);
    fill(queue, {"b"}, 100);
    take_all(queue, 0);
    fill(queue, {"c", 1}, 1);
    EXPECT_EQ(queue.take(1), "a1");
    EXPECT_EQ(queue.take(1), "c1");
}

TEST(FairQueue, TheTurnIsTheSourcesWhicheverWorkerServedIt) {
    Queue queue(wide);
    fill(queue, {"a", 0}, 1);
    fill(queue, {"a", 1}, 1);
    fill(queue, {"b", 1}, 1);
    EXPECT_EQ(queue.take(0), "a1");
    EXPECT_EQ(queue.take(1), "b1");
    EXPECT_EQ(queue.take(1), "a1");
}

TEST(FairQueue, OneSourcesItemsKeepTheirOrder) {
    Queue queue(wide);
    for (const auto& [item, lane] : std::vector<std::pair<std::string, Queue::Lane>>{
             {"1", std::nullopt}, {"2", 0}, {"3", std::nullopt}, {"4", 0}, {"5", 0}})
        ASSERT_FALSE(queue.push(item, {"a", lane}));
    EXPECT_THAT(take_all(queue, 0), ElementsAre("1", "2", "3", "4", "5"));
}

TEST(FairQueue, NoSourceHasMoreThanItsShare) {
    Queue queue({.all = 10, .of_one_source = 2});
    fill(queue, {"a", 0}, 1);
    fill(queue, {"a"}, 1);
    EXPECT_EQ(queue.push("a3", {"a"}), "a3");
    fill(queue, {"b"}, 2);
    EXPECT_EQ(queue.take(0), "a1");
    EXPECT_FALSE(queue.push("a3", {"a"}));
}

TEST(FairQueue, AFullOneSendsTheLatestOfWhoHasMostAway) {
    Queue queue({.all = 6, .of_one_source = 4});
    fill(queue, {"a", 0}, 1);
    fill(queue, {"b"}, 2);
    fill(queue, {"a"}, 3);
    EXPECT_EQ(queue.push("c1", {"c"}), "a3");
    EXPECT_EQ(queue.push("c2", {"c"}), "a2");
    EXPECT_EQ(queue.push("c3", {"c"}), "c3") << "nobody has more than it would have";
    EXPECT_EQ(queue.push("d1", {"d"}), "c2") << "the last by name, all being equal";
    EXPECT_THAT(take_all(queue, 0), ElementsAre("a1", "b1", "c1", "d1", "a1", "b2"));
}

}  // namespace
}  // namespace ringfence::server
