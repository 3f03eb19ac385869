#include "net/message_channel.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/socket.h>

#include <thread>

namespace ringfence::net {
namespace {

using std::chrono::milliseconds;

struct Ends {
    MessageChannel ours;
    MessageChannel theirs;
};

Ends make_ends() {
    auto pair = make_socket_pair().value();
    return {MessageChannel(std::move(pair.ours)), MessageChannel(std::move(pair.theirs))};
}

RC_GTEST_PROP(MessageChannel, GivesWhatWasSent, (const std::vector<std::string>& messages)) {
    Ends ends = make_ends();
    for (const std::string& message : messages) {
        RC_ASSERT(ends.ours.send(message, milliseconds(5000)).has_value());
        RC_ASSERT(ends.theirs.receive(milliseconds(5000)).value() == message);
    }
}

TEST(MessageChannel, TheLongestMessagePassesAndALongerOneDoesNot) {
    Ends ends = make_ends();
    const std::string longest(MessageChannel::max_message, 'x');
    std::thread sender([&] { EXPECT_TRUE(ends.ours.send(longest, milliseconds(10'000))); });
    EXPECT_EQ(ends.theirs.receive(milliseconds(10'000)).value(), longest);
    sender.join();
    EXPECT_EQ(ends.ours.send(longest + "x", milliseconds(10)).error().code, FaultCode::too_large);
}

TEST(MessageChannel, ALengthBeyondAllBoundsIsNotBelieved) {
    auto pair = make_socket_pair().value();
    MessageChannel channel(std::move(pair.ours));
    ASSERT_EQ(::send(pair.theirs.get(), "\x7f\xff\xff\xff", 4, 0), 4);
    EXPECT_EQ(channel.receive(milliseconds(1000)).error().code, FaultCode::too_large);
}

TEST(MessageChannel, WaitsNoLongerThanItIsTold) {
    Ends ends = make_ends();
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(ends.ours.receive(milliseconds(50)).error().code, FaultCode::unavailable);
    EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(50));

    // Nobody reads, so the kernel's buffer fills up.
    const std::string longest(MessageChannel::max_message, 'x');
    Status sent;
    while (sent) sent = ends.ours.send(longest, milliseconds(50));
    EXPECT_EQ(sent.error().code, FaultCode::unavailable);
}

TEST(MessageChannel, AMessageThatComesInDropsHasOneDeadline) {
    auto pair = make_socket_pair().value();
    MessageChannel channel(std::move(pair.ours));
    std::thread dripping([socket = pair.theirs.get()] {
        for (const char byte : {'\0', '\0', '\0', '\4', 'a', 'b'}) {
            ::send(socket, &byte, 1, MSG_NOSIGNAL);
            std::this_thread::sleep_for(milliseconds(40));
        }
    });
    EXPECT_EQ(channel.receive(milliseconds(120)).error().code, FaultCode::unavailable);
    dripping.join();
}

TEST(MessageChannel, TheEndOfTheOtherSideIsAFault) {
    Ends ends = make_ends();
    EXPECT_FALSE(ends.ours.is_closed());
    {
        const MessageChannel gone = std::move(ends.theirs);
        EXPECT_FALSE(ends.ours.is_closed());
    }
    EXPECT_TRUE(ends.ours.is_closed());
    EXPECT_EQ(ends.ours.receive(std::nullopt).error().code, FaultCode::unavailable);
    EXPECT_EQ(ends.ours.send("x", std::nullopt).error().code, FaultCode::unavailable);
}

TEST(MessageChannel, WhatWasSentBeforeTheEndIsStillRead) {
    Ends ends = make_ends();
    {
        MessageChannel going = std::move(ends.theirs);
        ASSERT_TRUE(going.send("farewell", milliseconds(1000)));
    }
    EXPECT_FALSE(ends.ours.is_closed());
    EXPECT_EQ(ends.ours.receive(milliseconds(1000)).value(), "farewell");
    EXPECT_TRUE(ends.ours.is_closed());
}

TEST(MessageChannel, AnotherThreadCanEndTheWaiting) {
    Ends ends = make_ends();
    std::thread ending([&] {
        std::this_thread::sleep_for(milliseconds(30));
        ends.ours.shut_down();
    });
    EXPECT_EQ(ends.ours.receive(std::nullopt).error().code, FaultCode::unavailable);
    ending.join();
}

}  // namespace
}  // namespace ringfence::net
