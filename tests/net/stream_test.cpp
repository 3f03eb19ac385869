#include "net/stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace ringfence::net {
namespace {

// A stream over one end of a socket pair, and what its owner was told. Bare streams only: under TLS the doors' tests
// drive it with real clients.
class StreamTest : public ::testing::Test, public StreamOwner {
protected:
    StreamTest() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
        peer_ = Descriptor(ends[1]);
        const timeval patience{10, 0};
        ::setsockopt(peer_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ::setsockopt(peer_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        EXPECT_EQ(::fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
        stream_ = std::make_unique<Stream>(loop_, Descriptor(ends[0]), *this);
    }

    void on_bytes(std::string_view bytes) override {
        heard_ += bytes;
        if (on_heard_) on_heard_();
    }
    void on_sent() override {
        ++sent_;
        if (on_all_sent_) on_all_sent_();
    }
    void on_ended(const Ended& ended) override {
        ended_.push_back(ended.why);
        loop_.stop();
    }

    std::string read_all() const {
        std::string out;
        std::array<char, 65536> buffer{};
        for (ssize_t count = 0; (count = ::read(peer_.get(), buffer.data(), buffer.size())) > 0;)
            out.append(buffer.data(), static_cast<std::size_t>(count));
        return out;
    }

    SystemClock clock_;
    EventLoop loop_{clock_};
    Descriptor peer_;
    std::unique_ptr<Stream> stream_;
    std::string heard_;
    int sent_ = 0;
    std::vector<Ended::Why> ended_;
    std::function<void()> on_heard_;
    std::function<void()> on_all_sent_;
};

TEST_F(StreamTest, ReadsUntilThePeerCloses) {
    stream_->start();
    std::thread peer([&] {
        ASSERT_EQ(::write(peer_.get(), "hello", 5), 5);
        peer_ = Descriptor();
    });
    loop_.run();
    peer.join();
    EXPECT_EQ(heard_, "hello");
    EXPECT_EQ(ended_, (std::vector{Ended::Why::closed}));
}

TEST_F(StreamTest, SendsHeadAndBodyHoweverSlowlyThePeerReads) {
    const auto body = std::make_shared<const std::string>(8'000'000, 'b');
    std::string received;
    on_all_sent_ = [&] { stream_->finish(Stream::Rest::none); };
    std::thread peer([&] { received = read_all(); });
    stream_->start();
    stream_->send("head", {body, 1'000'000, 7'000'000});
    loop_.run();
    stream_.reset();
    peer.join();
    EXPECT_EQ(sent_, 1);
    EXPECT_EQ(received, "head" + std::string(7'000'000, 'b'));
}

TEST_F(StreamTest, WhatIsUnsentIsKnown) {
    const auto body = std::make_shared<const std::string>(8'000'000, 'b');
    stream_->start();
    stream_->send("head", {body, 0, body->size()});
    EXPECT_TRUE(stream_->is_sending());
    EXPECT_GT(stream_->unsent(), 0U);
    EXPECT_LT(stream_->unsent(), 8'000'004U);
}

// Requests that arrive together must not pile up calls: each answer is sent from the same place.
TEST_F(StreamTest, AnswersWithinCallsDoNotNest) {
    int depth = 0;
    int deepest = 0;
    int left = 10'000;
    on_heard_ = [&] {
        stream_->pause_reading();
        stream_->send("x");
    };
    on_all_sent_ = [&] {
        deepest = std::max(deepest, ++depth);
        if (--left > 0) {
            stream_->send("x");
        } else {
            stream_->finish(Stream::Rest::none);
        }
        --depth;
    };
    std::string received;
    std::thread peer([&] {
        ASSERT_EQ(::write(peer_.get(), "go", 2), 2);
        received = read_all();
    });
    stream_->start();
    loop_.run();
    stream_.reset();
    peer.join();
    EXPECT_EQ(received.size(), 10'000U);
    EXPECT_EQ(deepest, 1);
}

TEST_F(StreamTest, PausedItHoldsThePeerBack) {
    stream_->start();
    stream_->pause_reading();
    ASSERT_EQ(::write(peer_.get(), "later", 5), 5);
    Deadline look(loop_.deadlines(), [&] {
        EXPECT_EQ(heard_, "");
        stream_->resume_reading();
        EXPECT_EQ(heard_, "later");
        loop_.stop();
    });
    look.set(loop_.now() + Duration(50));
    loop_.run();
}

TEST_F(StreamTest, TheDeadlineEndsIt) {
    stream_->start();
    stream_->set_deadline(loop_.now() + Duration(20));
    loop_.run();
    EXPECT_EQ(ended_, (std::vector{Ended::Why::timed_out}));
}

TEST_F(StreamTest, AResetWhileSendingIsBroken) {
    const auto body = std::make_shared<const std::string>(8'000'000, 'b');
    stream_->start();
    stream_->send({}, {body, 0, body->size()});
    peer_ = Descriptor();
    loop_.run();
    EXPECT_EQ(ended_, (std::vector{Ended::Why::broken}));
    EXPECT_EQ(sent_, 0);
}

TEST_F(StreamTest, AnEndThatExpectsMoreTakesItForAMoment) {
    on_heard_ = [&] {
        stream_->send("answer");
        stream_->finish(Stream::Rest::expected);
    };
    std::string received;
    std::thread peer([&] {
        ASSERT_EQ(::write(peer_.get(), "x", 1), 1);
        received = read_all();  // until our end of the conversation
        EXPECT_EQ(::send(peer_.get(), "still talking", 13, MSG_NOSIGNAL), 13);
        peer_ = Descriptor();
    });
    stream_->start();
    loop_.run();
    peer.join();
    EXPECT_EQ(received, "answer");
    EXPECT_EQ(heard_, "x") << "what came after the end is not heard";
    EXPECT_EQ(ended_, (std::vector{Ended::Why::closed}));
}

TEST_F(StreamTest, AnyCallMayDestroyIt) {
    on_heard_ = [&] {
        stream_.reset();
        loop_.stop();
    };
    stream_->start();
    ASSERT_EQ(::write(peer_.get(), "x", 1), 1);
    loop_.run();
    EXPECT_FALSE(stream_);
    EXPECT_TRUE(ended_.empty());
}

}  // namespace
}  // namespace ringfence::net
