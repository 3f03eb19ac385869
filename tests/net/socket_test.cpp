#include "net/socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <array>

#include "net/descriptor.h"

namespace ringfence::net {
namespace {

SocketAddress address(const char* text) { return SocketAddress(*Endpoint::parse(text)); }

bool wait_for(int descriptor, short events) {
    pollfd entry{descriptor, events, 0};
    return ::poll(&entry, 1, 5000) == 1;
}

// Some build machines have no IPv6 at all.
bool has_ipv6() { return listen_tcp(address("[::1]:0"), Sharing::alone).has_value(); }

TEST(SocketAddress, KeepsAnEndpoint) {
    for (const char* text : {"192.0.2.7:69", "[2001:db8::7]:443", "0.0.0.0:0"}) {
        EXPECT_EQ(address(text).endpoint().to_string(), text);
    }
    EXPECT_TRUE(address("0.0.0.0:1").is_wildcard());
    EXPECT_TRUE(address("[::]:1").is_wildcard());
    EXPECT_FALSE(address("127.0.0.1:1").is_wildcard());
    EXPECT_TRUE(address("127.0.0.1:1") == address("127.0.0.1:1"));
    EXPECT_FALSE(address("127.0.0.1:1") == address("127.0.0.1:2"));
    EXPECT_FALSE(address("127.0.0.1:1") == address("[::1]:1"));
    SocketAddress moved = address("[::1]:1");
    moved.set_port(77);
    EXPECT_EQ(moved.endpoint().to_string(), "[::1]:77");
}

TEST(Socket, AnAddressTakenAloneIsRefusedAndASharedOneIsNot) {
    const auto first = listen_tcp(address("127.0.0.1:0"), Sharing::shared);
    ASSERT_TRUE(first);
    const SocketAddress bound = *local_address(first->get());
    EXPECT_TRUE(listen_tcp(bound, Sharing::shared));
    const auto refused = listen_tcp(bound, Sharing::alone);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, FaultCode::unavailable);
    EXPECT_EQ(refused.error().message, "another program already uses " + bound.endpoint().to_string());

    const auto datagrams = bind_udp(address("127.0.0.1:0"), Sharing::shared);
    ASSERT_TRUE(datagrams);
    EXPECT_FALSE(bind_udp(*local_address(datagrams->get()), Sharing::alone));
}

TEST(Socket, AnAddressOfAnotherMachineIsRefusedWithASentence) {
    const auto refused = listen_tcp(address("192.0.2.77:0"), Sharing::alone);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "this machine has no address 192.0.2.77");
}

TEST(Socket, BothFamiliesListenSideBySide) {
    if (!has_ipv6()) GTEST_SKIP() << "no IPv6 here";
    const auto v4 = listen_tcp(address("0.0.0.0:0"), Sharing::alone);
    ASSERT_TRUE(v4);
    SocketAddress v6 = address("[::]:0");
    v6.set_port(local_address(v4->get())->endpoint().port);
    EXPECT_TRUE(listen_tcp(v6, Sharing::alone));
}

TEST(Socket, AcceptsWithPeerAndWithoutDelay) {
    const auto listening = listen_tcp(address("127.0.0.1:0"), Sharing::alone);
    ASSERT_TRUE(listening);
    ASSERT_FALSE(accept_tcp(listening->get()));
    const auto client = connect_tcp(address("127.0.0.1:0"), local_address(listening->get())->endpoint());
    ASSERT_TRUE(client);
    ASSERT_TRUE(wait_for(listening->get(), POLLIN));
    const auto accepted = accept_tcp(listening->get());
    ASSERT_TRUE(accepted);
    EXPECT_TRUE(accepted->peer == *local_address(client->get()));
    ASSERT_TRUE(wait_for(client->get(), POLLOUT));
    EXPECT_TRUE(is_connected(client->get()));
    int no_delay = 0;
    socklen_t size = sizeof no_delay;
    ASSERT_EQ(::getsockopt(accepted->socket.get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
    EXPECT_NE(no_delay, 0);
}

TEST(Socket, AConnectionThatNobodyAcceptsIsNotConnected) {
    SocketAddress nobody = address("127.0.0.1:0");
    {
        const auto taken = listen_tcp(nobody, Sharing::alone);
        ASSERT_TRUE(taken);
        nobody = *local_address(taken->get());
    }
    const auto client = connect_tcp(address("127.0.0.1:0"), nobody.endpoint());
    if (!client) return;
    ASSERT_TRUE(wait_for(client->get(), POLLOUT));
    EXPECT_FALSE(is_connected(client->get()));
}

// A host with several addresses must answer from the one that was asked: a phone drops any other.
class AskedAddress : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(AskedAddress, IsToldOnAWildcardAndAnsweredFrom) {
    if (GetParam().first[0] == '[' && !has_ipv6()) GTEST_SKIP() << "no IPv6 here";
    const auto server = bind_udp(address(GetParam().first), Sharing::alone);
    ASSERT_TRUE(server) << server.error().message;
    SocketAddress asked = address(GetParam().second);
    asked.set_port(local_address(server->get())->endpoint().port);
    const bool is_v4 = asked.endpoint().address.is_v4();
    const auto client = bind_udp(address(is_v4 ? "127.0.0.1:0" : "[::1]:0"), Sharing::alone);
    ASSERT_TRUE(client);
    ASSERT_TRUE(send_datagram(client->get(), "ask", asked));

    ASSERT_TRUE(wait_for(server->get(), POLLIN));
    std::array<char, 100> buffer{};
    const auto datagram = receive_datagram(server->get(), buffer.data(), buffer.size());
    ASSERT_TRUE(datagram);
    EXPECT_EQ(datagram->bytes, "ask");
    EXPECT_EQ(datagram->asked.endpoint().address, asked.endpoint().address);

    const auto transfer = bind_udp_answering(datagram->asked);
    ASSERT_TRUE(transfer);
    ASSERT_TRUE(send_datagram(transfer->get(), "answer", datagram->peer));
    ASSERT_TRUE(wait_for(client->get(), POLLIN));
    const auto answer = receive_datagram_plain(client->get(), buffer.data(), buffer.size());
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->bytes, "answer");
    EXPECT_EQ(answer->peer.endpoint().address, asked.endpoint().address);
    EXPECT_NE(answer->peer.endpoint().port, asked.endpoint().port);
}

INSTANTIATE_TEST_SUITE_P(Families, AskedAddress,
                         ::testing::Values(std::pair{"0.0.0.0:0", "127.0.0.2:0"}, std::pair{"[::]:0", "[::1]:0"}));

}  // namespace
}  // namespace ringfence::net
