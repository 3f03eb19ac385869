#include "server/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/un.h>

#include "tests/server/house.h"

namespace ringfence::server {
namespace {

using registry::EventKind;
using test::Client;
using test::House;
using test::run;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string door(const std::string& kind, const std::string& place, const std::string& more = {}) {
    return "[[listen]]\ndoor = \"" + kind + "\"\nat = \"" + place + "\"\n" + more;
}

std::string free_place() {
    const auto probe = test::must(
        net::listen_tcp(net::SocketAddress(test::must(Endpoint::parse("127.0.0.1:0"))), net::Sharing::alone));
    return test::must(net::local_address(probe.get())).endpoint().to_string();
}

TEST(Server, ListensOnAllDoorsThenSaysSo) {
    House house;
    house.start({"tftp=127.0.0.1:0", "ftp=127.0.0.1:0", "http=127.0.0.1:0", "https=127.0.0.1:0"});
    EXPECT_EQ(house.ready(), 1);
    for (const char* wire : {"ftp", "http", "https"}) EXPECT_TRUE(Client(house.port(wire)).is_connected()) << wire;
    EXPECT_NE(house.port("tftp"), 0);
    EXPECT_TRUE(house.find_event(EventKind::server, "started"));
    house.stop();
    EXPECT_TRUE(house.find_event(EventKind::server, "stopped"));
}

TEST(Server, ListensOnNothingWhenOneDoorIsTaken) {
    House taken;
    taken.start({"http=127.0.0.1:0"});
    const std::string place = "127.0.0.1:" + std::to_string(taken.port("http"));
    const std::string free = free_place();
    House house;
    try {
        house.start({"ftp=" + free, "http=" + place});
        FAIL() << "started on a port in use";
    } catch (const std::runtime_error& error) {
        EXPECT_EQ(std::string(error.what()), "another program already uses " + place);
    }
    EXPECT_EQ(house.ready(), 0);
    EXPECT_FALSE(Client(test::must(Endpoint::parse(free)).port).is_connected());
    EXPECT_TRUE(Client(taken.port("http")).is_connected()) << "the one that was there is undisturbed";
}

TEST(Server, ABadSettingsFileChangesNothing) {
    House house;
    const std::string place = free_place();
    house.start({}, door("https", place));
    const std::string ask = "curl -sS -m 20 -i --cacert " + house.root() + " https://" + place + "/absent";
    for (const std::string bad : {"no_such_setting = 1\n", "[[listen]]\ndoor = \"https\"\n", "this is [not toml\n"}) {
        house.write_settings(bad);
        house.server().reload();
        ASSERT_TRUE(house.find_event(EventKind::server, "not-reloaded"));
        EXPECT_THAT(run(ask).output, HasSubstr("WWW-Authenticate: Basic"));
    }
    house.write_settings(door("https", place, "challenge = \"digest-sha256\"\n"));
    house.server().reload();
    EXPECT_TRUE(house.find_event(EventKind::server, "reloaded"));
    EXPECT_TRUE(
        test::eventually([&] { return run(ask).output.find("WWW-Authenticate: Digest") != std::string::npos; }));
}

TEST(Server, WhatNeedsARestartIsNotReloaded) {
    House house;
    house.start({"http=127.0.0.1:0"});
    house.write_settings("families = \"/elsewhere\"\n");
    house.server().reload();
    const auto event = house.find_event(EventKind::server, "not-reloaded");
    ASSERT_TRUE(event);
    EXPECT_THAT(event->detail, HasSubstr("loops, families and workers change only with a restart"));
    house.write_settings("[enrolment]\nworkers = 5\n");
    house.server().reload();
    EXPECT_TRUE(test::eventually([&] {
        const auto all = house.events();
        return std::count_if(all.begin(), all.end(), [](const auto& e) { return e.outcome == "not-reloaded"; }) == 2;
    }));
}

TEST(Server, SettingsThatCannotWorkAreRefusedAndTheOldOnesStay) {
    House house;
    const std::string place = free_place();
    house.start({}, door("https", place));
    const std::string lane = "[legacy]\ncloses = \"2030-01-01T00:00:00Z\"\nmodels = [\"1230\"";
    const std::string legacy_door = door("https-legacy", "127.0.0.2:0");
    const struct {
        std::string host, address, rest, sentence;
    } bad[] = {
        {"prov.example.test", "127.0.0.1", "realm = \"other\"\n", "the realm has changed"},
        {"prov.example.test", "192.0.2.77", "", "certificate does not name 192.0.2.77"},
        {"other.example.test", "127.0.0.1", "", "certificate does not name other.example.test"},
        {"prov.example.test", "127.0.0.1", lane + ", \"9999\"]\n", "names 9999, which is no model of avaya-1200"},
        {"prov.example.test", "127.0.0.1", legacy_door + lane + "]\nserver = \"127.0.0.2\"\n",
         "certificate does not name 127.0.0.2"},
        {"a b", "127.0.0.1", "", "host must be a DNS name"},
    };
    for (const auto& settings : bad) {
        house.folder().put("ringfence.toml", "[server]\nhost = \"" + settings.host + "\"\naddress = \"" +
                                                 settings.address + "\"\nloops = 2\n" + settings.rest +
                                                 door("https", place));
        house.server().reload();
        EXPECT_TRUE(test::eventually([&] {
            const auto event = house.find_event(EventKind::server, "not-reloaded");
            return event && event->detail.find(settings.sentence) != std::string::npos;
        })) << settings.sentence;
    }
    EXPECT_THAT(run("curl -sS -m 20 --cacert " + house.root() + " https://" + place + "/" + test::public_path).output,
                StartsWith("fff"));
    for (const auto& event : house.events()) EXPECT_NE(event.outcome, "reloaded");
}

TEST(Server, AReloadTakesNoPortThatAnotherProgramUses) {
    House house;
    house.start({}, door("http", free_place()));
    const auto other = test::must(
        net::listen_tcp(net::SocketAddress(test::must(Endpoint::parse("127.0.0.1:0"))), net::Sharing::shared));
    const std::string taken = test::must(net::local_address(other.get())).endpoint().to_string();
    house.write_settings(door("http", taken));
    house.server().reload();
    const auto event = house.find_event(EventKind::server, "not-reloaded");
    ASSERT_TRUE(event);
    EXPECT_THAT(event->detail, HasSubstr("another program already uses " + taken));
}

TEST(Server, ADamagedFileIsToldOnceAMinuteAndNotToEveryPhone) {
    House house;
    house.put("damaged.lng", "LANGUAGE", "damaged");
    const std::string name = to_hex(crypto::sha256("damaged"));
    house.folder().put("content/" + name.substr(0, 2) + "/" + name, "rotten");
    house.start({"http=127.0.0.1:0"});
    const auto ask = [&] { return run("curl -sS -m 20 -i " + house.url("http", "damaged.lng")).output; };
    const auto count_lines = [&](int requests) {
        ::testing::internal::CaptureStderr();
        for (int i = 0; i < requests; ++i) EXPECT_THAT(ask(), StartsWith("HTTP/1.1 503 "));
        const std::string log = ::testing::internal::GetCapturedStderr();
        std::size_t lines = 0;
        for (std::size_t at = log.find(name); at != std::string::npos; at = log.find(name, at + 1)) ++lines;
        return lines;
    };
    const std::size_t first = count_lines(20);
    EXPECT_GE(first, 1U);
    EXPECT_LE(first, 2U) << "one a loop";
    house.clock().push(std::chrono::seconds(61));
    EXPECT_GE(count_lines(10), 1U);
}

TEST(Server, DoorsComeAndGoByReloadAndConnectionsStay) {
    House house;
    house.put("fw/big.lng", "LANGUAGE", std::string(16 << 20, 'b'));
    const std::string first = free_place();
    const std::string second = free_place();
    house.start({}, door("http", first));
    Client running(test::must(Endpoint::parse(first)).port);
    running.send("GET /fw/big.lng HTTP/1.0\r\n\r\n");
    std::string received = running.read_exactly(1000);

    house.write_settings(door("http", second));
    house.server().reload();
    EXPECT_TRUE(test::eventually([&] { return Client(test::must(Endpoint::parse(second)).port).is_connected(); }));
    EXPECT_TRUE(test::eventually([&] { return !Client(test::must(Endpoint::parse(first)).port).is_connected(); }));
    received += running.read_to_end();
    EXPECT_GT(received.size(), 16U << 20);

    // A door that cannot be opened: the others stay as they are.
    House other;
    other.start({"http=127.0.0.1:0"});
    house.write_settings(door("http", "127.0.0.1:" + std::to_string(other.port("http"))) +
                         door("ftp", "192.0.2.77:21"));
    house.server().reload();
    EXPECT_TRUE(house.find_event(EventKind::server, "not-reloaded"));
    EXPECT_TRUE(Client(test::must(Endpoint::parse(second)).port).is_connected());
}

TEST(Server, NewCertificatesAreTakenWithoutDroppingConnections) {
    House house;
    house.put("fw/big.lng", "LANGUAGE", std::string(16 << 20, 'b'));
    house.start({"https=127.0.0.1:0"});
    const std::string port = std::to_string(house.port("https"));
    const auto serial = [&] {
        return run("openssl s_client -connect 127.0.0.1:" + port + " 2>/dev/null | openssl x509 -noout -serial").output;
    };
    const std::string before = serial();
    ASSERT_THAT(before, StartsWith("serial="));
    const std::string slow = "curl -sS -m 30 --limit-rate 8M --cacert " + house.root() + " -o " +
                             (house.folder() / "big") + " " + house.url("https", "fw/big.lng");
    ringfence::test::ProgramResult done;
    std::thread running([&] { done = run(slow); });
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    test::must(house.authority().issue_server(house.authority().server_names(), house.registry()));
    house.server().reload();
    EXPECT_TRUE(test::eventually([&] { return serial() != before; }));
    running.join();
    EXPECT_EQ(done.status, 0) << done.output;
    EXPECT_EQ(std::filesystem::file_size(house.folder() / "big"), 16U << 20);
}

TEST(Server, DrainingFinishesWhatRunsAndTakesNobodyIn) {
    House house;
    house.put("fw/big.lng", "LANGUAGE", std::string(16 << 20, 'b'));
    house.start({"http=127.0.0.1:0"});
    const std::uint16_t port = house.port("http");
    Client idle(port);
    Client running(port);
    idle.send("GET /absent HTTP/1.1\r\nHost: x\r\n\r\n");
    idle.read_until("file.\n");
    running.send("GET /fw/big.lng HTTP/1.1\r\nHost: x\r\n\r\n");
    std::string received = running.read_exactly(1000);
    house.server().drain();
    EXPECT_EQ(idle.read_to_end(), "");
    EXPECT_TRUE(test::eventually([&] { return !Client(port).is_connected(); }));
    received += running.read_to_end();
    EXPECT_GT(received.size(), 16U << 20);
}

TEST(Server, DrainingHasAnEnd) {
    House house;
    house.put("fw/big.lng", "LANGUAGE", std::string(16 << 20, 'b'));
    house.start({"http=127.0.0.1:0"}, "drain_seconds = 1\n");
    Client stuck(house.port("http"));
    stuck.send("GET /fw/big.lng HTTP/1.1\r\nHost: x\r\n\r\n");
    stuck.read_exactly(1000);
    const auto begun = std::chrono::steady_clock::now();
    house.stop();
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(8));
    EXPECT_TRUE(house.find_event(EventKind::request, "cut"));
}

// What systemd hears, on a socket like its own.
TEST(Server, TellsTheServiceManager) {
    House house;
    const std::string path = house.folder() / "notify";
    const net::Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const timeval patience{10, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const auto hear = [&] {
        std::string buffer(200, '\0');
        const ssize_t count = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
        buffer.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return buffer;
    };
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    house.start({"http=127.0.0.1:0"});
    EXPECT_EQ(hear(), "READY=1");
    house.server().reload();
    EXPECT_THAT(hear(), StartsWith("RELOADING=1\nMONOTONIC_USEC="));
    EXPECT_EQ(hear(), "READY=1");
    house.stop();
    EXPECT_EQ(hear(), "STOPPING=1");
    ::unsetenv("NOTIFY_SOCKET");
}

}  // namespace
}  // namespace ringfence::server
