#include "server/tftp_door.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/tftp_packet.h"
#include "tests/server/house.h"

namespace ringfence::server {
namespace {

using protocol::TftpErrorCode;
using registry::EventKind;
using test::House;
using test::run;
using ::testing::HasSubstr;

std::string read_request(const std::string& path, std::vector<protocol::TftpOption> options = {}) {
    return protocol::format_tftp(protocol::TftpReadRequest{path, protocol::TftpMode::octet, std::move(options)});
}
std::string ack(std::uint16_t block) { return protocol::format_tftp(protocol::TftpAck{block}); }

// A phone's socket, which can be told to speak from another address.
class Phone {
public:
    explicit Phone(const std::string& address = "127.0.0.1")
        : socket_(test::must(net::bind_udp(net::SocketAddress(Endpoint{test::must(IpAddress::parse(address)), 0}),
                                           net::Sharing::alone))) {}

    void send(std::string_view bytes, const net::SocketAddress& to) const {
        net::send_datagram(socket_.get(), bytes, to);
    }
    void send(std::string_view bytes, std::uint16_t port, const std::string& address = "127.0.0.1") const {
        send(bytes, net::SocketAddress(Endpoint{test::must(IpAddress::parse(address)), port}));
    }

    struct Heard {
        protocol::TftpPacket packet;
        net::SocketAddress from;
        std::string bytes;
    };
    std::optional<Heard> hear(Duration patience = std::chrono::seconds(10)) const {
        std::string buffer(65536, '\0');
        const auto end = std::chrono::steady_clock::now() + patience;
        do {
            const auto datagram = net::receive_datagram_plain(socket_.get(), buffer.data(), buffer.size());
            if (datagram) {
                return Heard{test::must(protocol::parse_tftp(datagram->bytes)), datagram->peer,
                             std::string(datagram->bytes)};
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        } while (std::chrono::steady_clock::now() < end);
        return std::nullopt;
    }
    std::uint16_t heard_block() const {
        const auto heard = hear();
        const auto* data = heard ? std::get_if<protocol::TftpData>(&heard->packet) : nullptr;
        return data ? data->block : 0;
    }

private:
    net::Descriptor socket_;
};

class TftpDoorTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        house_ = new House();
        house_->put("fw/big.lng", "LANGUAGE", std::string(3'000'000, 'b'));
        house_->put("small.lng", "LANGUAGE", "small");
        // Some tests leave a transfer behind, which the end of the server need not wait for.
        house_->start({"tftp=127.0.0.1:0", "tftp=0.0.0.0:0", "tftp=[::1]:0"}, "drain_seconds = 1\n");
        port_ = house_->port("tftp");
    }
    static void TearDownTestSuite() { delete std::exchange(house_, nullptr); }

    static std::string fetched_by(const std::string& command, const std::string& file) {
        const auto done = run("cd " + house_->folder().path() + " && " + command);
        EXPECT_EQ(done.status, 0) << done.output;
        return house_->folder().get(file);
    }

    static House* house_;
    static std::uint16_t port_;
};
House* TftpDoorTest::house_ = nullptr;
std::uint16_t TftpDoorTest::port_ = 0;

TEST_F(TftpDoorTest, ServesTheClientsOfOthers) {
    const std::string whole(100'000, 'f');
    const std::string port = std::to_string(port_);
    EXPECT_EQ(fetched_by("echo 'get " + test::public_path + " hpa' | tftp -m binary 127.0.0.1 " + port, "hpa"), whole);
    EXPECT_EQ(fetched_by("busybox tftp -g -r " + test::public_path + " -l box 127.0.0.1 " + port, "box"), whole);
    EXPECT_EQ(fetched_by("busybox tftp -b 1400 -g -r fw/big.lng -l boxed 127.0.0.1 " + port, "boxed"),
              std::string(3'000'000, 'b'));
    EXPECT_EQ(fetched_by("curl -sS -o curled " + house_->url("tftp", test::public_path), "curled"), whole);
    if (test::has_ipv6()) {
        const std::string v6 = "curl -sS -o six 'tftp://[::1]:" + std::to_string(house_->port("tftp", 2)) + "/";
        EXPECT_EQ(fetched_by(v6 + test::public_path + "'", "six"), whole);
    }
    EXPECT_TRUE(test::eventually([&] {
        const auto event = house_->find_event(EventKind::request, "delivered");
        return event && event->wire == "tftp";
    }));
}

TEST_F(TftpDoorTest, UnknownAndForbiddenAreTheSameError) {
    const auto ask = [&](const std::string& path) {
        const Phone phone;
        phone.send(read_request(path), port_);
        const auto heard = phone.hear();
        return heard ? heard->bytes : "nothing";
    };
    const std::string unknown = ask("SIP00247FFFFFFF.cfg");
    EXPECT_EQ(std::get<protocol::TftpError>(test::must(protocol::parse_tftp(unknown))).code,
              TftpErrorCode::file_not_found);
    EXPECT_EQ(ask(test::own_path), unknown);
    EXPECT_EQ(ask("../ringfence.toml"), unknown);
}

TEST_F(TftpDoorTest, NothingIsWritten) {
    const Phone phone;
    phone.send(protocol::format_tftp(protocol::TftpWriteRequest{"x.cfg", protocol::TftpMode::octet, {}}), port_);
    const auto heard = phone.hear();
    ASSERT_TRUE(heard);
    EXPECT_EQ(std::get<protocol::TftpError>(heard->packet).code, TftpErrorCode::access_violation);
}

TEST_F(TftpDoorTest, NonsenseIsNotAnswered) {
    const Phone phone;
    phone.send("nonsense", port_);
    phone.send(ack(7), port_);
    phone.send("", port_);
    EXPECT_FALSE(phone.hear(std::chrono::milliseconds(200)));
}

TEST_F(TftpDoorTest, EachTransferHasItsPortAndAStrangerThereGetsErrorFive) {
    const Phone phone;
    phone.send(read_request(test::public_path), port_);
    const auto first = phone.hear();
    ASSERT_TRUE(first);
    EXPECT_NE(first->from.endpoint().port, port_);
    EXPECT_EQ(std::get<protocol::TftpData>(first->packet).block, 1);

    const Phone stranger;
    stranger.send(ack(1), first->from);
    const auto told = stranger.hear();
    ASSERT_TRUE(told);
    EXPECT_EQ(std::get<protocol::TftpError>(told->packet).code, TftpErrorCode::unknown_transfer);

    phone.send(ack(1), first->from);
    EXPECT_EQ(phone.heard_block(), 2) << "the transfer goes on undisturbed";
}

TEST_F(TftpDoorTest, TheSameRequestAgainChangesNothing) {
    const Phone phone;
    phone.send(read_request(test::public_path), port_);
    const auto first = phone.hear();
    ASSERT_TRUE(first);
    phone.send(read_request(test::public_path), port_);
    EXPECT_FALSE(phone.hear(std::chrono::milliseconds(300)));
    phone.send(ack(1), first->from);
    const auto second = phone.hear();
    ASSERT_TRUE(second);
    EXPECT_TRUE(second->from == first->from);
    EXPECT_EQ(std::get<protocol::TftpData>(second->packet).block, 2);
}

TEST_F(TftpDoorTest, AnotherRequestFromTheSamePortBeginsAnew) {
    const Phone phone;
    phone.send(read_request(test::public_path), port_);
    const auto first = phone.hear();
    ASSERT_TRUE(first);
    phone.send(read_request("small.lng"), port_);
    const auto other = phone.hear();
    ASSERT_TRUE(other);
    EXPECT_EQ(std::get<protocol::TftpData>(other->packet).payload, "small");
    EXPECT_FALSE(other->from == first->from);
}

TEST_F(TftpDoorTest, AWildcardDoorAnswersFromTheAddressThatWasAsked) {
    const Phone phone;
    for (const char* address : {"127.0.0.1", "127.0.0.2"}) {
        for (const char* path : {"small.lng", "absent"}) {
            phone.send(read_request(path), house_->port("tftp", 1), address);
            const auto heard = phone.hear();
            ASSERT_TRUE(heard);
            EXPECT_EQ(heard->from.endpoint().address.to_string(), address) << path;
            if (std::holds_alternative<protocol::TftpData>(heard->packet)) phone.send(ack(1), heard->from);
        }
    }
}

TEST_F(TftpDoorTest, ASilentPhoneIsAskedAgainAndThenGivenUp) {
    const Phone phone;
    phone.send(read_request(test::public_path), port_);
    ASSERT_EQ(phone.heard_block(), 1);
    house_->clock().push(std::chrono::seconds(1));
    ASSERT_EQ(phone.heard_block(), 1) << "sent again";
    EXPECT_TRUE(test::eventually([&] {
        house_->clock().push(std::chrono::seconds(8));
        std::this_thread::sleep_for(std::chrono::milliseconds(110));
        for (const auto& event : house_->events()) {
            if (event.outcome == "cut" && event.wire == "tftp") return true;
        }
        return false;
    }));
}

TEST_F(TftpDoorTest, WhoeverNeverAcknowledgedDidNotReceive) {
    house_->put("spoofed.lng", "LANGUAGE", "one block");
    const Phone phone;
    phone.send(read_request("spoofed.lng"), port_);
    ASSERT_EQ(phone.heard_block(), 1);
    std::string outcome;
    EXPECT_TRUE(test::eventually([&] {
        house_->clock().push(std::chrono::seconds(8));
        std::this_thread::sleep_for(std::chrono::milliseconds(110));
        for (const auto& event : house_->events()) {
            if (event.path == "spoofed.lng") outcome = event.outcome;
        }
        return !outcome.empty();
    }));
    EXPECT_EQ(outcome, "cut");
}

TEST(TftpDoor, TransfersBeyondTheLimitMustAskAgain) {
    House house;
    house.start({"tftp=127.0.0.1:0"}, "drain_seconds = 1\n[limits]\ntransfers = 1\n");
    std::vector<std::unique_ptr<Phone>> phones;
    std::size_t served = 0;
    for (int i = 0; i < 12; ++i) {
        phones.push_back(std::make_unique<Phone>());
        phones.back()->send(read_request(test::public_path), house.port("tftp"));
        const auto heard = phones.back()->hear(std::chrono::milliseconds(150));
        if (!heard) continue;
        ++served;
        phones.back()->send(ack(1), heard->from);
        EXPECT_EQ(phones.back()->heard_block(), 2);
    }
    EXPECT_GE(served, 1U);
    EXPECT_LE(served, 2U) << "one a loop";
}

TEST(TftpDoor, AFullDoorGivesUpWhoNeverAcknowledged) {
    House house;
    house.start({"tftp=127.0.0.1:0"}, "drain_seconds = 1\n[limits]\ntransfers = 1\n");
    for (int i = 0; i < 12; ++i) {
        const Phone phone;
        phone.send(read_request(test::public_path, {{"timeout", "8"}}), house.port("tftp"));
        EXPECT_TRUE(phone.hear()) << "not even the first of the silent ones holds the door";
    }
}

TEST_F(TftpDoorTest, WhoeverAcknowledgesNowAndThenIsNotServedForEver) {
    house_->put("fw/drops.lng", "LANGUAGE", std::string(1'000'000, 'd'));
    const Phone phone;
    phone.send(read_request("fw/drops.lng", {{"blksize", "8"}}), port_);
    const auto first = phone.hear();
    ASSERT_TRUE(first);
    for (std::uint16_t block = 0; block < 3; ++block) {
        phone.send(ack(block), first->from);
        EXPECT_EQ(phone.heard_block(), block + 1);
    }
    house_->clock().push(longest_delivery(1'000'000));
    EXPECT_TRUE(test::eventually([&] {
        for (const auto& event : house_->events()) {
            if (event.path == "fw/drops.lng") return event.outcome == "cut" && event.bytes == 16;
        }
        return false;
    }));
}

// A phone that asked for the big file in blocks of this size, and acknowledged so many of them.
struct Slow {
    Phone phone;
    std::optional<Phone::Heard> last;

    Slow(std::uint16_t port, const std::string& block_size, std::uint16_t blocks) {
        phone.send(read_request("fw/big.lng", {{"blksize", block_size}}), port);
        last = phone.hear(std::chrono::milliseconds(300));
        for (std::uint16_t block = 0; is_served() && block <= blocks; ++block) {
            phone.send(ack(block), last->from);
            last = phone.hear();
        }
    }
    bool is_served() const { return last.has_value(); }
    // Whether an error is among what it was sent since.
    bool was_told() const {
        while (const auto heard = phone.hear(std::chrono::milliseconds(100))) {
            if (std::holds_alternative<protocol::TftpError>(heard->packet)) return true;
        }
        return false;
    }
};

TEST(TftpDoor, AFullDoorGivesUpWhoBarelyAcknowledges) {
    House house;
    house.put("fw/big.lng", "LANGUAGE", std::string(3'000'000, 'b'));
    house.start({"tftp=127.0.0.1:0"}, "drain_seconds = 1\n[limits]\ntransfers = 1\n");
    std::vector<std::unique_ptr<Slow>> slow;
    for (int i = 0; i < 6; ++i) {
        slow.push_back(std::make_unique<Slow>(house.port("tftp"), "8", 2));
        EXPECT_TRUE(slow.back()->is_served()) << "not even the first of the slow ones holds the door";
        house.clock().push(pace_patience);
    }
    const auto was_told = [](const auto& one) { return one->was_told(); };
    EXPECT_GE(std::count_if(slow.begin(), slow.end(), was_told), 4) << "all but the last one of each loop";
}

TEST(TftpDoor, AFullDoorCutsNobodyWhoKeepsThePace) {
    House house;
    house.put("fw/big.lng", "LANGUAGE", std::string(3'000'000, 'b'));
    house.start({"tftp=127.0.0.1:0"}, "drain_seconds = 1\n[limits]\ntransfers = 1\n");
    Slow brisk(house.port("tftp"), "1468", 40);
    ASSERT_TRUE(brisk.is_served());
    house.clock().push(pace_patience);
    for (int i = 0; i < 6; ++i) const Slow late(house.port("tftp"), "8", 0);
    brisk.phone.send(ack(41), brisk.last->from);
    std::uint16_t block = 0;
    // What was sent again meanwhile comes first.
    for (int i = 0; i < 10 && block != 42; ++i) block = brisk.phone.heard_block();
    EXPECT_EQ(block, 42);
}

TEST(TftpDoor, DrainingFinishesWhatRuns) {
    House house;
    house.start({"tftp=127.0.0.1:0"});
    const std::uint16_t port = house.port("tftp");
    const Phone phone;
    phone.send(read_request(test::public_path, {{"blksize", "1400"}}), port);
    auto heard = phone.hear();
    ASSERT_TRUE(heard);
    house.server().drain();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    const Phone late;
    late.send(read_request(test::public_path), port);
    phone.send(ack(0), heard->from);
    std::size_t bytes = 0;
    for (std::size_t last = 1400; last == 1400;) {
        heard = phone.hear();
        ASSERT_TRUE(heard);
        const auto& data = std::get<protocol::TftpData>(heard->packet);
        last = data.payload.size();
        bytes += last;
        phone.send(ack(data.block), heard->from);
    }
    EXPECT_EQ(bytes, 100'000U);
    EXPECT_FALSE(late.hear(std::chrono::milliseconds(100)));
}

}  // namespace
}  // namespace ringfence::server
