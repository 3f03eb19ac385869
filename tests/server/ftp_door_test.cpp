#include "server/ftp_door.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/house.h"

namespace ringfence::server {
namespace {

using registry::EventKind;
using test::Client;
using test::House;
using test::run;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A control connection, past its login.
class Control : public Client {
public:
    explicit Control(std::uint16_t port, const std::string& address = "127.0.0.1") : Client(port, address) {
        greeting = read_until("\r\n");
        say("USER anonymous");
        say("PASS x");
    }
    std::string say(const std::string& command) {
        send(command + "\r\n");
        return read_until("\r\n");
    }
    // Whole lines, up to the one with this code.
    std::string hear(const std::string& code) const {
        std::string out;
        while (out.find(code + " ") == std::string::npos || out.back() != '\n') {
            const std::string more = read_some();
            if (more.empty()) break;
            out += more;
        }
        return out;
    }
    std::uint16_t passive_port() {
        const std::string reply = say("EPSV");
        const std::size_t begin = reply.find("|||") + 3;
        return static_cast<std::uint16_t>(
            parse_number(reply.substr(begin, reply.find('|', begin) - begin)).value_or(0));
    }
    std::string greeting;
};

class FtpDoorTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        house_ = new House();
        house_->put("fw/big.lng", "LANGUAGE", std::string(16 << 20, 'b'));
        house_->put("small.lng", "LANGUAGE", "small");
        house_->start({"ftp=127.0.0.1:0", "ftp=[::1]:0"});
        port_ = house_->port("ftp");
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
House* FtpDoorTest::house_ = nullptr;
std::uint16_t FtpDoorTest::port_ = 0;

TEST_F(FtpDoorTest, ServesTheClientsOfOthers) {
    const std::string whole(100'000, 'f');
    const std::string url = house_->url("ftp", test::public_path);
    EXPECT_EQ(fetched_by("curl -sS -o curled " + url, "curled"), whole);
    EXPECT_EQ(fetched_by("curl -sS --disable-epsv -o pasv " + url, "pasv"), whole);
    EXPECT_EQ(fetched_by("curl -sS -P - -o active " + url, "active"), whole);
    EXPECT_EQ(fetched_by("curl -sS --disable-eprt -P - -o port " + url, "port"), whole);
    EXPECT_EQ(fetched_by("curl -sS -u 1230:secret -o named " + url, "named"), whole);
    EXPECT_EQ(fetched_by("wget -q -O got " + url, "got"), whole);
    EXPECT_EQ(fetched_by("lftp -c 'set net:timeout 10; open ftp://127.0.0.1:" + std::to_string(port_) + "; get " +
                             test::public_path + " -o lftped'",
                         "lftped"),
              whole);
    if (test::has_ipv6()) {
        const std::string v6 = "curl -sS -o six 'ftp://[::1]:" + std::to_string(house_->port("ftp", 1)) + "/";
        EXPECT_EQ(fetched_by(v6 + test::public_path + "'", "six"), whole);
    }
    const auto event = house_->find_event(EventKind::request, "delivered");
    ASSERT_TRUE(event);
    EXPECT_EQ(event->wire, "ftp");
    EXPECT_EQ(event->bytes, 100'000U);
}

TEST_F(FtpDoorTest, GoesOnWhereItStopped) {
    house_->folder().put("half", std::string(60'000, 'f'));
    const std::string resume = "curl -sS -C - -o half " + house_->url("ftp", test::public_path);
    EXPECT_EQ(fetched_by(resume, "half"), std::string(100'000, 'f'));
    Control control(port_);
    control.passive_port();
    control.say("REST 100001");
    EXPECT_THAT(control.say("RETR " + test::public_path), StartsWith("550 "));
    Client data(control.passive_port());
    control.say("REST 100000");
    control.send("RETR " + test::public_path + "\r\n");
    EXPECT_EQ(data.read_to_end(), "") << "nothing is left to send";
    EXPECT_THAT(control.read_until("226 "), HasSubstr("226 "));
}

TEST_F(FtpDoorTest, UnknownAndForbiddenAreTheSameReply) {
    Control control(port_);
    const auto ask = [&](const std::string& path) {
        control.passive_port();
        return control.say("RETR " + path) + control.say("SIZE " + path) + control.say("MDTM " + path);
    };
    const std::string unknown = ask("SIP00247FFFFFFF.cfg");
    EXPECT_THAT(unknown, StartsWith("550 "));
    EXPECT_EQ(ask(test::own_path), unknown);
    EXPECT_EQ(ask("../ringfence.toml"), unknown);
    EXPECT_EQ(control.say("SIZE " + test::public_path), "213 100000\r\n");
    EXPECT_THAT(control.say("MDTM " + test::public_path), StartsWith("213 20"));
    EXPECT_THAT(control.say("STOR x"), StartsWith("550 "));
}

TEST_F(FtpDoorTest, OnlyThePhoneItselfGetsTheData) {
    Control control(port_);
    const std::uint16_t data_port = control.passive_port();
    Client stranger(data_port, "127.0.0.1", "127.0.0.2");
    control.send("RETR " + test::public_path + "\r\n");
    EXPECT_EQ(stranger.read_to_end(), "");
    Client phone(data_port);
    EXPECT_EQ(phone.read_to_end(), std::string(100'000, 'f'));
    EXPECT_THAT(control.read_until("226 "), HasSubstr("150 "));
    EXPECT_THAT(control.say("PORT 192,0,2,1,30,30"), StartsWith("504 "));
}

TEST_F(FtpDoorTest, PassiveAnswersNameTheAddressThatWasAsked) {
    Control control(port_);
    EXPECT_THAT(control.say("PASV"), StartsWith("227 Entering Passive Mode (127,0,0,1,"));
    EXPECT_THAT(control.say("PASV"), StartsWith("227 "));
    if (!test::has_ipv6()) return;
    Control six(house_->port("ftp", 1), "::1");
    EXPECT_THAT(six.say("PASV"), StartsWith("425 "));
    EXPECT_THAT(six.say("EPSV"), StartsWith("229 "));
}

TEST_F(FtpDoorTest, ACutTransferIsToldAndRecorded) {
    Control control(port_);
    Client data(control.passive_port());
    control.send("RETR fw/big.lng\r\n");
    data.read_exactly(1000);
    data.reset();
    EXPECT_THAT(control.read_until("426 "), HasSubstr("426 "));
    const auto event = house_->find_event(EventKind::request, "cut");
    ASSERT_TRUE(event);
    EXPECT_LT(event->bytes, 16U << 20);
    EXPECT_THAT(control.say("NOOP"), HasSubstr("200 ")) << "the control connection lives on";
}

TEST_F(FtpDoorTest, AnAbortedTransferLeavesTheConnectionUsable) {
    Control control(port_);
    Client data(control.passive_port());
    control.send("RETR fw/big.lng\r\n");
    data.read_exactly(1000);
    control.send("ABOR\r\n");
    control.read_until("226 ");
    Client again(control.passive_port());
    control.send("RETR " + test::public_path + "\r\n");
    EXPECT_EQ(again.read_to_end().size(), 100'000U);
}

TEST_F(FtpDoorTest, NoDataConnectionAndIdlenessEndInTime) {
    Control waiting(port_);
    waiting.passive_port();
    waiting.send("RETR " + test::public_path + "\r\n");
    Control idle(port_);
    idle.say("NOOP");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    house_->clock().push(std::chrono::seconds(31));
    EXPECT_THAT(waiting.read_until("\r\n"), StartsWith("425 "));
    house_->clock().push(std::chrono::seconds(121));
    EXPECT_THAT(idle.read_to_end(), StartsWith("421 "));
}

TEST_F(FtpDoorTest, NoCommandButATransferBuysTime) {
    Client stranger(port_);
    stranger.read_until("\r\n");
    Control talker(port_);
    Control fetcher(port_);
    for (int i = 0; i < 5; ++i) {
        stranger.send("NOOP\r\n");
        talker.say("NOOP");
        std::this_thread::sleep_for(std::chrono::milliseconds(150));
        house_->clock().push(std::chrono::seconds(14));
        Client data(fetcher.passive_port());
        fetcher.send("RETR " + test::public_path + "\r\n");
        EXPECT_EQ(data.read_to_end().size(), 100'000U);
        std::string replies = fetcher.read_until("226 ");
        if (replies.substr(replies.size() - 2) != "\r\n") replies += fetcher.read_until("\r\n");
        EXPECT_THAT(replies, HasSubstr("226 "));
        if (i == 0) {
            EXPECT_THAT(stranger.read_to_end(), HasSubstr("421 "));
        }
    }
    EXPECT_THAT(talker.read_to_end(), HasSubstr("421 "));
    EXPECT_THAT(fetcher.say("NOOP"), StartsWith("200 "));
}

// Each of these has taken longer than the idle time when it is cut.
TEST_F(FtpDoorTest, ACutTransferLeavesTimeToGoOn) {
    for (const std::string how : {"cut", "aborted", "unconnected"}) {
        Control control(port_);
        const std::uint16_t data_port = control.passive_port();
        std::optional<Client> data;
        if (how != "unconnected") data.emplace(data_port);
        control.send("RETR fw/big.lng\r\n");
        if (data) data->read_exactly(1000);
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        house_->clock().push(std::chrono::seconds(61));
        if (how == "cut") data->reset();
        if (how == "aborted") control.send("ABOR\r\n");
        const std::string code = how == "cut" ? "426" : how == "aborted" ? "226" : "425";
        EXPECT_THAT(control.hear(code), HasSubstr(code));
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        Client again(control.passive_port());
        control.say("REST 16777000");
        control.send("RETR fw/big.lng\r\n");
        EXPECT_EQ(again.read_to_end().size(), (16U << 20) - 16777000U) << how;
    }
}

TEST_F(FtpDoorTest, WhoeverCutsHisTransfersAgainAndAgainIsLetGo) {
    Control control(port_);
    int cuts = 0;
    for (; cuts < 12; ++cuts) {
        const std::uint16_t data_port = control.passive_port();
        if (data_port == 0) break;
        Client data(data_port);
        control.send("RETR fw/big.lng\r\n");
        data.read_exactly(1000);
        data.reset();
        control.hear("426");
        house_->clock().push(std::chrono::seconds(20));
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    EXPECT_GE(cuts, 5);
    EXPECT_LT(cuts, 12);
}

TEST_F(FtpDoorTest, AskingForFactsOfAFileIsRecordedAsThat) {
    Control control(port_);
    EXPECT_THAT(control.say("SIZE " + test::public_path), StartsWith("213 100000"));
    auto event = house_->find_event(EventKind::request, "asked");
    ASSERT_TRUE(event);
    EXPECT_EQ(event->path, test::public_path);
    EXPECT_EQ(event->bytes, 0U);
    EXPECT_THAT(control.say("MDTM small.lng"), StartsWith("213 "));
    EXPECT_TRUE(test::eventually([&] {
        event = house_->find_event(EventKind::request, "asked");
        return event && event->path == "small.lng";
    }));
}

TEST_F(FtpDoorTest, QuitIsAnsweredBeforeTheEnd) {
    Control control(port_);
    control.send("QUIT\r\n");
    EXPECT_THAT(control.read_to_end(), StartsWith("221 "));
}

TEST(FtpDoor, PassivePortsStayInTheirRange) {
    House house;
    std::uint16_t free_port = 0;
    {
        const auto probe = test::must(
            net::listen_tcp(net::SocketAddress(test::must(Endpoint::parse("127.0.0.1:0"))), net::Sharing::alone));
        free_port = test::must(net::local_address(probe.get())).endpoint().port;
    }
    const std::string number = std::to_string(free_port);
    house.start({"ftp=127.0.0.1:0"}, "passive_ports = \"" + number + "-" + number + "\"\n");
    Control first(house.port("ftp"));
    EXPECT_EQ(first.passive_port(), free_port);
    Control second(house.port("ftp"));
    EXPECT_THAT(second.say("EPSV"), StartsWith("425 ")) << "the only port is taken";
}

TEST(FtpDoor, AFullDoorLetsGoOfWhoWaitsLongest) {
    House house;
    house.start({"ftp=127.0.0.1:0"}, "[limits]\nconnections = 2\n");
    std::vector<std::unique_ptr<Control>> idle;
    for (int i = 0; i < 5; ++i) idle.push_back(std::make_unique<Control>(house.port("ftp")));
    Control late(house.port("ftp"));
    Client data(late.passive_port());
    late.send("RETR " + test::public_path + "\r\n");
    EXPECT_EQ(data.read_to_end().size(), 100'000U);
    EXPECT_EQ(idle[0]->read_to_end(), "") << "the first that came";
}

TEST(FtpDoor, AFullDoorLetsGoOfTransfersThatStandStill) {
    House house;
    house.put("fw/big.lng", "LANGUAGE", std::string(16 << 20, 'b'));
    house.start({"ftp=127.0.0.1:0"}, "drain_seconds = 1\n[limits]\nconnections = 1\n");
    std::vector<std::unique_ptr<Client>> still;
    std::vector<std::unique_ptr<Control>> controls;
    for (std::size_t i = 1; i <= 3; ++i) {
        controls.push_back(std::make_unique<Control>(house.port("ftp")));
        still.push_back(std::make_unique<Client>(controls.back()->passive_port()));
        controls.back()->send("RETR fw/big.lng\r\n");
        EXPECT_EQ(still.back()->read_exactly(1000).size(), 1000U);
        EXPECT_TRUE(house.has_cut(i, pace_patience));
    }
}

TEST(FtpDoor, DrainingFinishesTheTransferAndLetsTheIdleGo) {
    House house;
    house.put("fw/big.lng", "LANGUAGE", std::string(16 << 20, 'b'));
    house.start({"ftp=127.0.0.1:0"});
    Control idle(house.port("ftp"));
    Control control(house.port("ftp"));
    Client data(control.passive_port());
    control.send("RETR fw/big.lng\r\n");
    std::string received = data.read_exactly(1000);
    house.server().drain();
    EXPECT_EQ(idle.read_to_end(), "");
    received += data.read_to_end();
    EXPECT_EQ(received.size(), 16U << 20);
    EXPECT_THAT(control.read_to_end(), HasSubstr("226 "));
}

}  // namespace
}  // namespace ringfence::server
