#include "server/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/text.h"
#include "tests/server/child_roles.h"
#include "tests/server/house.h"

namespace ringfence::server {
namespace {

using test::play;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Duration patience = std::chrono::seconds(20);

std::string ask(ChildKeeper& keeper, const std::string& question = {}) {
    net::MessageChannel* channel = test::must(keeper.channel());
    test::must(channel->send(question, patience));
    return test::must(channel->receive(patience));
}

pid_t number_of(ChildKeeper& keeper) { return static_cast<pid_t>(*parse_number(ask(keeper))); }

// Gone, or dead and not collected by whoever should.
bool is_dead(pid_t number) {
    std::ifstream file("/proc/" + std::to_string(number) + "/stat");
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    return text.empty() || text.find(") Z ") != std::string::npos;
}

TEST(ChildProcess, AChildThatIsKilledIsReplacedAtOnce) {
    const SystemClock clock;
    ChildKeeper keeper(play("echo"), clock);
    pid_t before = number_of(keeper);
    EXPECT_EQ(number_of(keeper), before) << "it is kept";
    for (const int signal : {SIGKILL, SIGABRT}) {
        ::kill(before, signal);
        ASSERT_TRUE(test::eventually([&] { return is_dead(before); }));
        const pid_t after = number_of(keeper);
        EXPECT_NE(after, before);
        before = after;
    }
}

TEST(ChildProcess, ItsParentsSignalsMeanNothingToIt) {
    const SystemClock clock;
    ChildKeeper keeper(play("echo"), clock);
    const pid_t number = number_of(keeper);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::kill(number, signal);
    EXPECT_EQ(number_of(keeper), number);
    EXPECT_NE(::getpgid(number), ::getpgid(0)) << "Ctrl-C would reach it";
}

TEST(ChildProcess, OneThatIsDiscardedIsGone) {
    const SystemClock clock;
    ChildKeeper keeper(play("echo"), clock);
    const pid_t number = number_of(keeper);
    keeper.discard();
    EXPECT_TRUE(is_dead(number));
}

TEST(ChildProcess, OneThatDoesNotStartIsTriedMoreAndMoreRarely) {
    ManualClock clock{WallTime{}};
    ChildKeeper keeper(play("never_ready"), clock);
    EXPECT_THAT(keeper.channel().error().message, HasSubstr("did not start: "));
    for (const Duration pause : {ChildKeeper::least_pause, ChildKeeper::least_pause * 2}) {
        clock.advance(pause - Duration(1));
        EXPECT_THAT(keeper.channel().error().message, HasSubstr("tried again in a while"));
        clock.advance(Duration(1));
        EXPECT_THAT(keeper.channel().error().message, HasSubstr("did not start: "));
    }
}

TEST(ChildProcess, ItIsGivenNothingButItsChannel) {
    const SystemClock clock;
    ::setenv("RINGFENCE_TEST_SECRET", "must not be seen", 1);
    const net::Descriptor inherited(::dup(STDERR_FILENO));  // without close-on-exec
    ChildKeeper keeper(play("environment"), clock);
    EXPECT_EQ(ask(keeper, "descriptors"), "0 1 2 3 ");
    EXPECT_THAT(ask(keeper, "variables"), Not(HasSubstr("RINGFENCE_TEST_SECRET")));
    EXPECT_THAT(ask(keeper, "variables"), Not(HasSubstr("PATH=")));
}

TEST(ChildProcess, ItEndsWithItsParent) {
    auto pair = test::must(net::make_socket_pair());
    const pid_t parent = ::fork();
    if (parent == 0) {
        const SystemClock clock;
        ChildKeeper keeper(play("echo"), clock);
        net::MessageChannel told(std::move(pair.theirs));
        static_cast<void>(told.send(ask(keeper), patience));
        ::kill(::getpid(), SIGKILL);
    }
    net::MessageChannel channel(std::move(pair.ours));
    const auto number = static_cast<pid_t>(*parse_number(test::must(channel.receive(patience))));
    ::waitpid(parent, nullptr, 0);
    EXPECT_TRUE(test::eventually([&] { return is_dead(number); }));
}

TEST(ChildProcess, ShutDownFreesWhoeverWaitsAndStartsNoMore) {
    const SystemClock clock;
    ChildKeeper keeper(play("echo"), clock);
    net::MessageChannel* channel = test::must(keeper.channel());
    std::thread ending([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        keeper.shut_down();
    });
    EXPECT_FALSE(channel->receive(std::nullopt)) << "nothing was asked";
    ending.join();
    EXPECT_FALSE(keeper.channel());
}

TEST(ChildProcess, WhoWasNotStartedSoIsTold) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(3);
        std::_Exit(join_parent().error().code == FaultCode::conflict ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace ringfence::server
