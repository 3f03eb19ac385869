#include "net/link_watch.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <thread>

namespace ringfence::net {
namespace {

constexpr int patience_ms = 20'000;

void switch_loopback(bool is_on) {
    const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    request.ifr_name[0] = 'l';
    request.ifr_name[1] = 'o';
    request.ifr_flags = is_on ? IFF_UP : 0;
    ASSERT_EQ(::ioctl(socket.get(), SIOCSIFFLAGS, &request), 0);
}

bool is_told(LinkWatch& watch) {
    pollfd waiting{watch.descriptor(), POLLIN, 0};
    while (::poll(&waiting, 1, patience_ms) > 0)
        if (watch.read()) return true;
    return false;
}

TEST(LinkWatch, NamesWhatIsThereOnly) {
    EXPECT_EQ(LinkWatch::open("no-such-0").error().code, FaultCode::not_found);
    for (const auto* name : {"", "a/b", "a b", "far-too-long-a-name"})
        EXPECT_EQ(LinkWatch::open(name).error().code, FaultCode::malformed) << name;
}

TEST(LinkWatch, FollowsAnInterface) {
    bool may_have_a_network = false;
    std::thread([&] {
        may_have_a_network = ::unshare(CLONE_NEWNET) == 0;
        if (!may_have_a_network) return;
        auto watch = LinkWatch::open("lo");
        ASSERT_TRUE(watch.has_value()) << watch.error().message;
        EXPECT_FALSE(watch->link().has_carrier) << "a network of one's own begins with its loopback down";
        EXPECT_GT(watch->link().index, 0U);
        EXPECT_FALSE(watch->read()) << "nothing happened";
        switch_loopback(true);
        EXPECT_TRUE(is_told(*watch));
        EXPECT_TRUE(watch->link().has_carrier);
        switch_loopback(false);
        EXPECT_TRUE(is_told(*watch));
        EXPECT_FALSE(watch->link().has_carrier);
    }).join();
    if (!may_have_a_network) GTEST_SKIP() << "network namespaces are not allowed here";
}

}  // namespace
}  // namespace ringfence::net
