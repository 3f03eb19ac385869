#include "net/event_loop.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>
#include <string>
#include <thread>

namespace ringfence::net {
namespace {

struct Pair {
    Descriptor ours;
    Descriptor theirs;
};

Pair make_pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    return {Descriptor(ends[0]), Descriptor(ends[1])};
}

class EventLoopTest : public ::testing::Test {
protected:
    SystemClock clock_;
    EventLoop loop_{clock_};
};

TEST_F(EventLoopTest, RunsPostedTasksInOrderAndStops) {
    std::string order;
    std::thread other([&] {
        loop_.post([&] { order += "a"; });
        loop_.post([&] { order += "b"; });
        loop_.post([&] { loop_.stop(); });
    });
    loop_.run();
    other.join();
    EXPECT_EQ(order, "ab");
}

TEST_F(EventLoopTest, CallsOnceForEachAwait) {
    Pair pair = make_pair();
    int calls = 0;
    Watch watch(loop_, std::move(pair.ours),
                {[&] {
                     ++calls;
                     loop_.post([&] { loop_.stop(); });
                 },
                 {}});
    watch.await_readable();
    watch.await_readable();
    ASSERT_EQ(::write(pair.theirs.get(), "x", 1), 1);
    loop_.run();
    EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, WhatIsUnreadIsToldAgain) {
    Pair pair = make_pair();
    int calls = 0;
    std::unique_ptr<Watch> watch;
    watch = std::make_unique<Watch>(loop_, std::move(pair.ours),
                                    Watch::Calls{[&] {
                                                     if (++calls == 3) return loop_.stop();
                                                     watch->await_readable();
                                                 },
                                                 {}});
    watch->await_readable();
    ASSERT_EQ(::write(pair.theirs.get(), "x", 1), 1);
    loop_.run();
    EXPECT_EQ(calls, 3);
}

TEST_F(EventLoopTest, AWatchMayDieInItsOwnCallAndIsSilentAfterwards) {
    Pair pair = make_pair();
    int calls = 0;
    std::unique_ptr<Watch> watch;
    watch = std::make_unique<Watch>(loop_, std::move(pair.ours),
                                    Watch::Calls{[&] {
                                                     ++calls;
                                                     watch.reset();
                                                     loop_.post([&] { loop_.stop(); });
                                                 },
                                                 [&] { ++calls; }});
    watch->await_readable();
    ASSERT_EQ(::write(pair.theirs.get(), "x", 1), 1);
    loop_.run();
    EXPECT_EQ(calls, 1);
    std::array<char, 1> byte{};
    EXPECT_LE(::read(pair.theirs.get(), byte.data(), 1), 0) << "the descriptor is still open";
}

TEST_F(EventLoopTest, TwoWaitsReadyAtOnceAndTheFirstCallDestroysTheWatch) {
    Pair pair = make_pair();
    int calls = 0;
    std::unique_ptr<Watch> watch;
    const auto die = [&] {
        ++calls;
        watch.reset();
        loop_.post([&] { loop_.stop(); });
    };
    watch = std::make_unique<Watch>(loop_, std::move(pair.ours), Watch::Calls{die, die});
    ASSERT_EQ(::write(pair.theirs.get(), "x", 1), 1);
    watch->await_readable();
    watch->await_writable();
    loop_.run();
    EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, AReleasedDescriptorStaysOpen) {
    Pair pair = make_pair();
    Watch watch(loop_, std::move(pair.ours), {[] {}, {}});
    watch.await_readable();
    const Descriptor back = watch.release();
    ASSERT_EQ(::write(back.get(), "x", 1), 1);
    std::array<char, 1> byte{};
    EXPECT_EQ(::read(pair.theirs.get(), byte.data(), 1), 1);
}

TEST_F(EventLoopTest, DeadlinesPassWhileItRuns) {
    const SteadyTime begun = clock_.steady_now();
    Deadline deadline(loop_.deadlines(), [&] { loop_.stop(); });
    deadline.set(begun + Duration(120));
    loop_.run();
    EXPECT_GE(clock_.steady_now() - begun, Duration(120));
}

TEST_F(EventLoopTest, SignalsComeAsCalls) {
    int calls = 0;
    loop_.on_signal(SIGUSR1, [&] {
        if (++calls == 2) return loop_.stop();
        ::raise(SIGUSR1);
    });
    loop_.post([] { ::raise(SIGUSR1); });
    loop_.run();
    EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace ringfence::net
