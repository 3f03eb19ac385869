#include "server/enrolment_service.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "tests/server/child_roles.h"
#include "tests/server/house.h"

namespace ringfence::server {
namespace {

using authority::Query;
using authority::Reply;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Query query(const std::string& message, const std::string& source = "192.0.2.1") {
    Query out;
    out.message = message;
    out.source = source;
    return out;
}

std::string answer_of(RegistrarProcess& registrar, const std::string& message) {
    const auto reply = registrar.answer(query(message), std::chrono::seconds(20));
    return reply ? reply->body : "fault: " + reply.error().message;
}

TEST(RegistrarProcess, AnswersWithWhatTheDeskSaysAndCanOpenNothing) {
    const SystemClock clock;
    RegistrarProcess registrar(
        test::play("registrar"), [](std::string_view question) { return "desk: " + std::string(question); }, clock);
    EXPECT_THAT(answer_of(registrar, "hello"), HasSubstr("message 'hello'"));
    EXPECT_EQ(answer_of(registrar, "ask who is it"), "desk: who is it");
    EXPECT_EQ(answer_of(registrar, "open"), "Operation not permitted");
    const std::string longest(64 * 1024, 'x');
    EXPECT_THAT(answer_of(registrar, longest), HasSubstr(longest));
}

TEST(RegistrarProcess, OneThatCrashesHangsOrLiesIsReplaced) {
    const SystemClock clock;
    RegistrarProcess registrar(
        test::play("registrar"), [](std::string_view) { return std::string(); }, clock);
    EXPECT_THAT(answer_of(registrar, "crash"), StartsWith("fault: "));
    EXPECT_THAT(answer_of(registrar, "hello"), HasSubstr("message 'hello'"));
    EXPECT_FALSE(registrar.answer(query("hang"), std::chrono::milliseconds(200)));
    EXPECT_THAT(answer_of(registrar, "hello"), HasSubstr("message 'hello'"));
    EXPECT_THAT(answer_of(registrar, "split"), HasSubstr("content type"));
    EXPECT_THAT(answer_of(registrar, "hello"), HasSubstr("message 'hello'"));
}

// Where a desk holds whoever asks it, until it opens.
class Gate {
public:
    std::string pass() {
        asked_.set_value();
        opened_.wait();
        return "free";
    }
    void wait_for_somebody() { asked_.get_future().wait(); }
    void open() { open_.set_value(); }

private:
    std::promise<void> asked_;
    std::promise<void> open_;
    std::shared_future<void> opened_ = open_.get_future().share();
};

// A loop that runs, and a service on it.
class EnrolmentServiceTest : public ::testing::Test {
protected:
    ~EnrolmentServiceTest() override {
        service_.reset();
        loop_.stop();
        thread_.join();
    }

    void start(const Answering& desk, unsigned workers = 1) {
        service_ = std::make_unique<EnrolmentService>(
            EnrolmentParts{clock_, nonces_, test::play("registrar"), [desk]() -> Result<Answering> { return desk; }},
            workers);
    }

    std::future<Reply> submit(const Query& asked) {
        const auto promise = std::make_shared<std::promise<Reply>>();
        service_->submit({asked}, loop_, [promise, this](const Reply& reply) {
            EXPECT_EQ(std::this_thread::get_id(), thread_.get_id());
            promise->set_value(reply);
        });
        return promise->get_future();
    }

    test::PushedClock clock_;
    SystemRandom random_;
    protocol::NonceTable nonces_{random_, crypto::sha256};
    net::EventLoop loop_{clock_};
    std::thread thread_{[this] { loop_.run(); }};
    std::unique_ptr<EnrolmentService> service_;
};

TEST_F(EnrolmentServiceTest, ACrashCostsThatQueryAndNoOther) {
    start([](std::string_view) { return std::string(); });
    auto crash = submit(query("crash"));
    auto next = submit(query("hello"));
    const Reply refused = crash.get();
    EXPECT_EQ(refused.status, 503U);
    EXPECT_EQ(refused.retry_after, EnrolmentService::come_again);
    EXPECT_EQ(next.get().status, 200U);
}

TEST_F(EnrolmentServiceTest, WorkersAnswerSideBySide) {
    std::promise<void> release;
    const auto released = release.get_future().share();
    start(
        [released](std::string_view) {
            released.wait();
            return std::string("free");
        },
        2);
    auto held = submit(query("ask"));
    held = submit(query("ask me"));
    EXPECT_EQ(submit(query("hello")).get().status, 200U);
    release.set_value();
    EXPECT_EQ(held.get().body, "free");
}

TEST_F(EnrolmentServiceTest, AThousandSlowOnesOfOneSourceDoNotKeepAnotherWaiting) {
    Gate gate;
    std::atomic<unsigned> slow = 0;
    start([&](std::string_view question) {
        if (question == "me") return gate.pass();
        ++slow;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return std::string("slow");
    });
    auto held = submit(query("ask me", "192.0.2.1"));
    gate.wait_for_somebody();
    std::vector<std::future<Reply>> flood;
    for (int i = 0; i < 1000; ++i) flood.push_back(submit(query("ask slow", "192.0.2.1")));
    EXPECT_EQ(flood.back().get().status, 503U) << "beyond its share of the queue";
    auto other = submit(query("hello", "192.0.2.2"));
    auto third = submit(query("hello", "192.0.2.3"));
    gate.open();
    EXPECT_EQ(other.get().status, 200U);
    EXPECT_EQ(third.get().status, 200U);
    EXPECT_LE(slow, 2U) << "one a round";
    EXPECT_EQ(flood[EnrolmentService::max_of_one_source - 1].get().body, "slow");
}

TEST_F(EnrolmentServiceTest, AnIpv6NetworkIsOneSource) {
    Gate gate;
    start([&](std::string_view) { return gate.pass(); });
    auto held = submit(query("ask me", "2001:db8::1"));
    gate.wait_for_somebody();
    std::vector<std::future<Reply>> flood;
    for (std::size_t i = 0; i < EnrolmentService::max_of_one_source; ++i)
        flood.push_back(submit(query("x", fmt::format("2001:db8::{:x}", i))));
    EXPECT_EQ(submit(query("x", "2001:db8::ffff:1")).get().status, 503U);
    auto neighbour = submit(query("hello", "2001:db8:0:1::1"));
    gate.open();
    EXPECT_EQ(neighbour.get().status, 200U);
    EXPECT_EQ(flood.back().get().status, 200U);
}

TEST_F(EnrolmentServiceTest, AFullQueueRefusesWhoHasMostInIt) {
    Gate gate;
    start([&](std::string_view) { return gate.pass(); });
    auto held = submit(query("ask me"));
    gate.wait_for_somebody();
    std::vector<std::future<Reply>> floods;
    for (std::size_t i = 0; i < EnrolmentService::max_waiting; ++i)
        floods.push_back(submit(query("x", fmt::format("192.0.2.{}", i / EnrolmentService::max_of_one_source))));
    auto other = submit(query("hello", "192.0.2.99"));
    EXPECT_EQ(floods.back().get().status, 503U) << "the latest of a flood gave way";
    gate.open();
    EXPECT_EQ(held.get().body, "free");
    EXPECT_EQ(other.get().status, 200U);
    EXPECT_EQ(floods.front().get().status, 200U);
}

TEST_F(EnrolmentServiceTest, WhoWaitedTooLongIsToldToComeAgain) {
    Gate gate;
    start([&](std::string_view) { return gate.pass(); });
    auto held = submit(query("ask me"));
    gate.wait_for_somebody();
    auto late = submit(query("hello"));
    clock_.push(EnrolmentService::longest_wait + std::chrono::seconds(1));
    gate.open();
    EXPECT_EQ(late.get().status, 503U);
}

TEST_F(EnrolmentServiceTest, EndsAtOnceWhateverRuns) {
    start([](std::string_view) { return std::string(); });
    auto hanging = submit(query("hang"));
    auto waiting = submit(query("hello"));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const auto begun = std::chrono::steady_clock::now();
    service_->stop();
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
    EXPECT_NE(waiting.wait_for(std::chrono::milliseconds(50)), std::future_status::ready);
}

TEST_F(EnrolmentServiceTest, WithoutADeskNothingIsAnsweredButEverybodyIsTold) {
    service_ = std::make_unique<EnrolmentService>(
        EnrolmentParts{clock_, nonces_, test::play("registrar"),
                       []() -> Result<Answering> { return fail(FaultCode::unavailable, "the registry is away"); }},
        1U);
    EXPECT_EQ(submit(query("hello")).get().status, 503U);
    EXPECT_EQ(submit(query("hello")).get().status, 503U);
}

}  // namespace
}  // namespace ringfence::server
