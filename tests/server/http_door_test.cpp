#include "server/http_door.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/server/house.h"

namespace ringfence::server {
namespace {

using registry::EventKind;
using test::Client;
using test::House;
using test::run;
using test::without_date;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string get(const std::string& path, const std::string& more = {}) {
    return "GET /" + path + " HTTP/1.1\r\nHost: x\r\n" + more + "\r\n";
}

class HttpDoorTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        house_ = new House();
        house_->put("fw/big.lng", "LANGUAGE", std::string(16 << 20, 'b'));
        house_->start({"http=127.0.0.1:0", "http=[::1]:0", "https=127.0.0.1:0"});
    }
    static void TearDownTestSuite() { delete std::exchange(house_, nullptr); }

    static std::string curl(const std::string& arguments) {
        const auto done = run("curl -sS -m 20 --cacert " + house_->root() + " " + arguments);
        return done.output;
    }
    static std::string http(const std::string& path) { return house_->url("http", path); }
    static std::string https(const std::string& path) { return house_->url("https", path); }
    static std::string login() { return " -u " + House::user_of(test::own_mac) + ":'" + test::password + "' "; }

    static House* house_;
};
House* HttpDoorTest::house_ = nullptr;

TEST_F(HttpDoorTest, ServesAFileWholeAndInParts) {
    const std::string whole(100'000, 'f');
    EXPECT_EQ(curl(http(test::public_path)), whole);
    EXPECT_EQ(curl("-r 5-14 " + http(test::public_path)), std::string(10, 'f'));
    const std::string part = curl("-i -r 99990- " + http(test::public_path));
    EXPECT_THAT(part, StartsWith("HTTP/1.1 206 "));
    EXPECT_THAT(part, HasSubstr("Content-Range: bytes 99990-99999/100000\r\n"));
    EXPECT_THAT(part, HasSubstr("\r\n\r\nffffffffff"));
    const std::string beyond = curl("-i -r 100000- " + http(test::public_path));
    EXPECT_THAT(beyond, StartsWith("HTTP/1.1 416 "));
    EXPECT_THAT(beyond, HasSubstr("Content-Range: bytes */100000\r\n"));
    const std::string head = curl("-I " + http(test::public_path));
    EXPECT_THAT(head, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(head, HasSubstr("Content-Length: 100000\r\n"));
    EXPECT_EQ(run("wget -q -O - " + http(test::public_path)).output, whole);
}

TEST_F(HttpDoorTest, NothingNewIsSaidWithoutABody) {
    const std::string head = curl("-I " + http(test::public_path));
    const std::size_t begin = head.find("ETag: ") + 6;
    const std::string etag = head.substr(begin, head.find("\r\n", begin) - begin);
    Client client(house_->port("http"));
    client.send(get(test::public_path, "If-None-Match: " + etag + "\r\nConnection: close\r\n"));
    const std::string answer = client.read_to_end();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 304 "));
    EXPECT_THAT(answer, ::testing::EndsWith("\r\n\r\n"));
    EXPECT_TRUE(house_->find_event(EventKind::request, "not-modified"));
}

TEST_F(HttpDoorTest, KeepsTheConnectionAsLongAsTheClientWants) {
    Client client(house_->port("http"));
    client.send(get("absent-1"));
    EXPECT_THAT(client.read_until("file.\n"), HasSubstr("Connection: keep-alive\r\n"));
    // Three at once, the last one in two pieces.
    client.send(get("absent-2") + get("absent-3") + "GET /absent-4 HTTP/1.1\r\nHost: x\r\nConn");
    client.send("ection: close\r\n\r\n");
    const std::string answers = client.read_to_end();
    std::size_t count = 0;
    for (std::size_t at = 0; (at = answers.find("404 Not Found", at)) != std::string::npos; ++at) ++count;
    EXPECT_EQ(count, 3U);
    EXPECT_THAT(answers, HasSubstr("Connection: close\r\n"));
}

TEST_F(HttpDoorTest, Http10IsAnsweredAndClosed) {
    Client client(house_->port("http"));
    client.send("GET /" + test::public_path + " HTTP/1.0\r\n\r\n");
    const std::string answer = client.read_to_end();
    EXPECT_THAT(answer, HasSubstr("Content-Length: 100000\r\n"));
    EXPECT_THAT(answer, Not(HasSubstr("Transfer-Encoding")));
    EXPECT_THAT(answer, ::testing::EndsWith(std::string(1000, 'f')));
}

TEST_F(HttpDoorTest, ServesTheOddUserAgent) {
    for (const char* odd : {"\x14", "\x16", "\x17", "\xff"}) {
        Client client(house_->port("http"));
        const std::string agent = std::string("AVAYA/SIP12x0") + odd + "/04.01.13.00";
        client.send(get(test::public_path, "User-Agent: " + agent + "\r\nConnection: close\r\n"));
        EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 200 "));
    }
}

TEST_F(HttpDoorTest, ServesOverIpv6) {
    if (!test::has_ipv6()) GTEST_SKIP() << "no IPv6 here";
    Client client(house_->port("http", 1), "::1");
    client.send(get(test::public_path, "Connection: close\r\n"));
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpDoorTest, UnknownAndForbiddenLookAlikeAndPlainHttpNeverChallenges) {
    const auto ask = [&](const std::string& path) {
        Client client(house_->port("http"));
        client.send(get(path, "Connection: close\r\n"));
        return without_date(client.read_to_end());
    };
    const std::string unknown = ask("SIP00247FFFFFFF.cfg");
    EXPECT_THAT(unknown, StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(unknown, Not(HasSubstr("WWW-Authenticate")));
    EXPECT_EQ(ask(test::own_path), unknown);
    EXPECT_EQ(ask("../ringfence.toml"), unknown);
    EXPECT_EQ(ask("%2e%2e/ringfence.toml"), unknown);
    EXPECT_EQ(ask("a%00b"), unknown);
}

TEST_F(HttpDoorTest, OtherMethodsAndNonsenseTellNothingOfThePath) {
    const auto send = [&](const std::string& bytes) {
        Client client(house_->port("http"));
        client.send(bytes);
        return without_date(client.read_to_end());
    };
    const auto post = [&](const std::string& path) {
        return send("POST /" + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc");
    };
    EXPECT_THAT(post(test::public_path), StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(post(test::public_path), HasSubstr("Allow: GET, HEAD\r\n"));
    EXPECT_EQ(post(test::public_path), post("absent"));
    EXPECT_THAT(send("garbage\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(send("GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: lies\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(send(get("a", "X: " + std::string(20'000, 'x') + "\r\n")), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpDoorTest, ALargeBodyThatNobodyReadsIsStillAnsweredAndClosed) {
    Client client(house_->port("http"));
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n" + std::string(50'000, 'x'));
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 405 "));
}

TEST_F(HttpDoorTest, AResetAfterTheLastByteIsADelivery) {
    house_->put("tone.wav", "TONES", std::string(3000, 't'));
    Client client(house_->port("http"));
    client.send(get("tone.wav"));
    std::string answer = client.read_until("\r\n\r\n");
    answer += client.read_exactly(answer.find("\r\n\r\n") + 4 + 3000 - answer.size());
    client.reset();
    const auto event = house_->find_event(EventKind::request, "delivered");
    ASSERT_TRUE(event);
    EXPECT_TRUE(test::eventually([&] {
        const auto last = house_->find_event(EventKind::request, "delivered");
        return last->path == "tone.wav" && last->bytes == 3000;
    }));
}

TEST_F(HttpDoorTest, AResetInTheMiddleIsACut) {
    Client client(house_->port("http"));
    client.send(get("fw/big.lng"));
    client.read_exactly(1000);
    client.reset();
    const auto event = house_->find_event(EventKind::request, "cut");
    ASSERT_TRUE(event);
    EXPECT_EQ(event->path, "fw/big.lng");
    EXPECT_GT(event->bytes, 0U);
    EXPECT_LT(event->bytes, 16U << 20);
}

TEST_F(HttpDoorTest, SlowAskersAndIdleOnesAreLetGo) {
    Client slow(house_->port("http"));
    Client idle(house_->port("http"));
    Client mute(house_->port("https"));
    idle.send(get("absent"));
    idle.read_until("file.\n");
    slow.send("GET /absent HTTP/1.1\r\nHo");
    ASSERT_TRUE(idle.is_connected() && slow.is_connected() && mute.is_connected());
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    house_->clock().push(std::chrono::seconds(10));
    slow.send("st: x");  // one more drop must not buy more time
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    house_->clock().push(std::chrono::seconds(15));
    EXPECT_EQ(slow.read_to_end(), "");
    EXPECT_EQ(idle.read_to_end(), "");
    EXPECT_EQ(mute.read_to_end(), "");
    const auto event = house_->find_event(EventKind::handshake, "refused");
    ASSERT_TRUE(event);
    EXPECT_EQ(event->detail, "the TLS handshake was not finished in time");
}

TEST_F(HttpDoorTest, BlankLinesBuyNoTime) {
    for (const std::string drop : {"\r\n", "\r"}) {
        Client client(house_->port("http"));
        for (int i = 0; i < 8; ++i) {
            client.send(drop);
            std::this_thread::sleep_for(std::chrono::milliseconds(120));
            house_->clock().push(std::chrono::seconds(5));
        }
        EXPECT_EQ(client.read_to_end(), "");
    }
}

TEST_F(HttpDoorTest, ABodyThatNobodyTakesEndsInTime) {
    Client client(house_->port("http"));
    client.send(get("fw/big.lng"));
    client.read_exactly(1000);
    // 30 seconds and 16 MB at 4 kB/s.
    house_->clock().push(std::chrono::seconds(30 + 4096 + 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_LT(client.read_to_end().size(), (16U << 20) - 1000U);
}

TEST_F(HttpDoorTest, HttpsChallengesWhateverWasAskedFor) {
    const std::string unknown = without_date(curl("-i " + https("SIP00247FFFFFFF.cfg")));
    EXPECT_THAT(unknown, StartsWith("HTTP/1.1 401 "));
    EXPECT_THAT(unknown, HasSubstr("WWW-Authenticate: Basic realm=\"ringfence\""));
    EXPECT_EQ(without_date(curl("-i " + https(test::own_path))), unknown);
    EXPECT_EQ(without_date(curl("-i " + https("a%00b"))), unknown);
    EXPECT_EQ(without_date(curl("-i -H 'Authorization: Nonsense' " + https(test::own_path))), unknown);
    EXPECT_THAT(curl("-i " + https(test::public_path)), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpDoorTest, APasswordOpensTheOwnFileOnly) {
    EXPECT_THAT(curl("-i" + login() + https(test::own_path)), StartsWith("HTTP/1.1 200 "));
    const std::string others = without_date(curl("-i" + login() + https("SIP00247F0102CD.cfg")));
    EXPECT_THAT(others, StartsWith("HTTP/1.1 404 "));
    EXPECT_EQ(without_date(curl("-i" + login() + https("SIP00247FFFFFFF.cfg"))), others);
}

TEST_F(HttpDoorTest, ACertificateOpensTheOwnFileOnBothTlsVersions) {
    const std::string certificate = house_->issue(test::own_mac);
    for (const char* version : {" --tlsv1.3 ", " --tls-max 1.2 "}) {
        EXPECT_THAT(curl("-i" + certificate + version + https(test::own_path)), StartsWith("HTTP/1.1 200 "));
        EXPECT_THAT(curl("-i" + certificate + version + https("SIP00247F0102CD.cfg")), StartsWith("HTTP/1.1 404 "));
    }
}

TEST_F(HttpDoorTest, ABadCertificateEndsTheHandshakeAlsoWithAGoodPasswordAndOnAResumedSession) {
    const std::string certificate = house_->issue(test::own_mac);
    const std::string session = house_->folder() / "session.pem";
    const std::string openssl = "openssl s_client -quiet -ign_eof -CAfile " + house_->root() +
                                " -connect 127.0.0.1:" + std::to_string(house_->port("https")) +
                                replace_all(replace_all(certificate, "--cert", "-cert"), "--key", "-key");
    const std::string ask = "printf 'GET /" + test::own_path + " HTTP/1.0\\r\\n\\r\\n' | ";
    ASSERT_THAT(run(ask + openssl + " -sess_out " + session).output, HasSubstr("HTTP/1.1 200 "));
    ASSERT_THAT(run(ask + openssl + " -sess_in " + session).output, HasSubstr("HTTP/1.1 200 "));

    house_->registry().revoke_certificates_of(test::must(MacAddress::parse(test::own_mac))).value();
    const auto refused =
        run("curl -sS -m 20 -i --cacert " + house_->root() + login() + certificate + " " + https(test::own_path));
    EXPECT_NE(refused.status, 0);
    EXPECT_THAT(refused.output, Not(HasSubstr("HTTP/1.1")));
    EXPECT_THAT(run(ask + openssl + " -sess_in " + session).output, Not(HasSubstr("HTTP/1.1")));
    const auto event = house_->find_event(EventKind::handshake, "refused");
    ASSERT_TRUE(event);
    EXPECT_THAT(event->detail, HasSubstr("revoked"));
    EXPECT_EQ(event->wire, "https");
    EXPECT_EQ(event->source, "127.0.0.1");
    ASSERT_TRUE(event->device);
    EXPECT_EQ(*event->device, test::must(MacAddress::parse(test::own_mac)));
}

TEST_F(HttpDoorTest, WhoIsRefusedIsToldWhy) {
    const std::string mac = "00:24:7F:01:02:F0";
    house_->add_device(mac, "1230");
    const std::string certificate = house_->issue(mac);
    house_->registry().revoke_certificates_of(test::must(MacAddress::parse(mac))).value();
    const std::string openssl = "openssl s_client -quiet -ign_eof -CAfile " + house_->root() +
                                " -connect 127.0.0.1:" + std::to_string(house_->port("https")) +
                                replace_all(replace_all(certificate, "--cert", "-cert"), "--key", "-key");
    for (const std::string version : {"3", "2"}) {
        // What was sent before the alert came is unread at the server when it closes.
        for (int i = 0; i < 5; ++i) {
            EXPECT_THAT(curl(certificate + " --tlsv1." + version + " --tls-max 1." + version + " " + https("absent")),
                        HasSubstr("alert certificate revoked"));
        }
        const std::string ask = "(printf 'GET /absent HTTP/1.0\r\n\r\n'; sleep 1) | ";
        EXPECT_THAT(run(ask + openssl + " -tls1_" + version).output, HasSubstr("alert certificate revoked"));
    }
}

TEST_F(HttpDoorTest, AFailedHandshakeHoldsTheConnectionForAMomentOnly) {
    Client client(house_->port("https"));
    client.send("this is not TLS at all\r\n");
    client.read_to_end();
    EXPECT_TRUE(test::eventually([&] {
        client.send("still here");
        return ::send(client.descriptor(), "x", 1, MSG_NOSIGNAL) < 0;
    }));
}

TEST_F(HttpDoorTest, ARemovedDevicesCertificateEndsTheHandshake) {
    const std::string mac = "00:24:7F:01:02:EF";
    house_->add_device(mac, "1230");
    const std::string certificate = house_->issue(mac);
    EXPECT_THAT(curl("-i" + certificate + " " + https("SIP00247F0102EF.cfg")), StartsWith("HTTP/1.1 200 "));
    test::must(house_->registry().remove_device(test::must(MacAddress::parse(mac))));
    EXPECT_THAT(curl("-i" + certificate + " " + https(test::public_path)), Not(HasSubstr("HTTP/1.1")));
}

TEST_F(HttpDoorTest, AServersCertificateIsNoDevices) {
    // Our own issuing CA signed it, and still it opens nothing.
    const auto identities = house_->authority().server_identities(crypto::TlsLane::modern);
    const std::string key = house_->folder().put("s.key", identities[0].key.to_pem().reveal());
    const std::string certificate = house_->folder().put("s.pem", identities[0].leaf.to_pem());
    EXPECT_THAT(curl("-i --cert " + certificate + " --key " + key + " " + https(test::public_path)),
                Not(HasSubstr("HTTP/1.1")));
}

// ---- Doors with other settings

TEST(HttpDoor, DigestListenersChallengeWithDigestAndTakeEveryForm) {
    for (const char* kind : {"digest-md5", "digest-sha256"}) {
        House house;
        house.start({},
                    "[[listen]]\ndoor = \"https\"\nat = \"127.0.0.1:0\"\nchallenge = \"" + std::string(kind) + "\"\n");
        const std::string curl = "curl -sS -m 20 -i --cacert " + house.root() + " -u " + House::user_of(test::own_mac) +
                                 ":'" + test::password + "' ";
        const std::string url = house.url("https", test::own_path);
        const auto digest = run(curl + "--digest " + url);
        EXPECT_THAT(digest.output, HasSubstr("HTTP/1.1 401 "));
        EXPECT_THAT(digest.output, HasSubstr("HTTP/1.1 200 "));
        const auto basic = run(curl + "--basic " + url);
        EXPECT_THAT(basic.output, StartsWith("HTTP/1.1 200 "));
    }
}

TEST(HttpDoor, TheLegacyLaneServesItsModelsUntilItCloses) {
    House house;
    const WallTime closes = house.clock().wall_now() + std::chrono::hours(48);
    house.start({"https-legacy=127.0.0.1:0", "https=127.0.0.1:0"},
                "[legacy]\nmodels = [\"1230\"]\ncloses = \"" + format_time(closes) + "\"\n");
    const auto curl = [&](const std::string& mac, const std::string& path) {
        return run("curl -sS -m 20 -i --cacert " + house.root() +
                   " --tls-max 1.0 --tlsv1.0 --ciphers AES256-SHA:@SECLEVEL=0 -u " + House::user_of(mac) + ":'" +
                   test::password + "' " + house.url("https-legacy", path))
            .output;
    };
    EXPECT_THAT(curl(test::own_mac, test::own_path), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(curl(test::other_mac, "SIP00247F0102CD.cfg"), StartsWith("HTTP/1.1 404 ")) << "model not on the lane";
    EXPECT_THAT(run("curl -sS -m 20 -i --cacert " + house.root() +
                    " --tls-max 1.0 --tlsv1.0 --ciphers "
                    "AES256-SHA:@SECLEVEL=0 " +
                    house.url("https", test::public_path))
                    .output,
                Not(HasSubstr("HTTP/1.1")))
        << "the main door speaks no old TLS";
    house.clock().push(std::chrono::hours(49));
    EXPECT_THAT(curl(test::own_mac, test::own_path), Not(HasSubstr("HTTP/1.1")));
    const auto event = house.find_event(EventKind::handshake, "refused");
    ASSERT_TRUE(event);
}

TEST(HttpDoor, ADoorThatRequiresACertificateTakesNobodyWithout) {
    House house;
    house.start({}, "[[listen]]\ndoor = \"https\"\nat = \"127.0.0.1:0\"\nclient_certificates = \"require\"\n");
    const std::string curl = "curl -sS -m 20 -i --cacert " + house.root() + " ";
    EXPECT_THAT(run(curl + house.url("https", test::public_path)).output, Not(HasSubstr("HTTP/1.1")));
    EXPECT_THAT(run(curl + house.issue(test::own_mac) + " " + house.url("https", test::public_path)).output,
                StartsWith("HTTP/1.1 200 "));
}

TEST(HttpDoor, ConnectionsBeyondTheLimitWaitTheirTurn) {
    House house;
    house.start({"http=127.0.0.1:0"}, "[limits]\nconnections = 2\n");
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 12; ++i) {
        clients.push_back(std::make_unique<Client>(house.port("http")));
        clients.back()->send(get("absent", "Connection: close\r\n"));
    }
    for (const auto& client : clients) EXPECT_THAT(client->read_to_end(), StartsWith("HTTP/1.1 404 "));
}

TEST(HttpDoor, AFullDoorLetsGoOfWhoWaitsLongest) {
    House house;
    house.start({"http=127.0.0.1:0"}, "[limits]\nconnections = 2\n");
    std::vector<std::unique_ptr<Client>> idle;
    for (int i = 0; i < 8; ++i) idle.push_back(std::make_unique<Client>(house.port("http")));
    idle[0]->send("GET /half HTTP/1.1\r\n");
    for (int i = 0; i < 8; ++i) {
        Client late(house.port("http"));
        late.send(get("absent", "Connection: close\r\n"));
        EXPECT_THAT(late.read_to_end(), StartsWith("HTTP/1.1 404 "));
    }
    EXPECT_EQ(idle[0]->read_to_end(), "") << "the first that came";
}

TEST(HttpDoor, AFullDoorLetsGoOfDeliveriesThatStandStill) {
    House house;
    house.put("fw/big.lng", "LANGUAGE", std::string(16 << 20, 'b'));
    house.start({"http=127.0.0.1:0"}, "drain_seconds = 1\n[limits]\nconnections = 1\n");
    std::vector<std::unique_ptr<Client>> still;
    for (std::size_t i = 1; i <= 3; ++i) {
        still.push_back(std::make_unique<Client>(house.port("http")));
        still.back()->send(get("fw/big.lng"));
        EXPECT_EQ(still.back()->read_exactly(1000).size(), 1000U);
        EXPECT_TRUE(house.has_cut(i, pace_patience));
    }
}

TEST(HttpDoor, AFullDoorCutsNoDeliveryThatKeepsThePace) {
    House house;
    house.put("fw/big.lng", "LANGUAGE", std::string(16 << 20, 'b'));
    house.start({"http=127.0.0.1:0"}, "drain_seconds = 1\n[limits]\nconnections = 1\n");
    Client brisk(house.port("http"));
    brisk.send(get("fw/big.lng", "Connection: close\r\n"));
    std::vector<std::unique_ptr<Client>> others;
    for (int i = 0; i < 6; ++i) others.push_back(std::make_unique<Client>(house.port("http")));
    std::size_t got = 0;
    for (int i = 0; i < 6; ++i) {
        got += brisk.read_exactly(2 << 20).size();
        std::this_thread::sleep_for(2 * full_door_look);
        // Only two of these make the patience, and between any two it reads, whenever the door looks.
        house.clock().push(pace_patience * 6 / 10);
    }
    EXPECT_GT(got + brisk.read_to_end().size(), 16U << 20);
}

// A promise to keep the connection is kept, and whoever may not stay is told so.
void expect_kept_promises(House& house, std::size_t count, std::size_t least_kept) {
    std::vector<std::unique_ptr<Client>> clients;
    for (std::size_t i = 0; i < count; ++i) clients.push_back(std::make_unique<Client>(house.port("http")));
    std::vector<Client*> kept;
    const auto ask = [&](Client& client) {
        client.send(get("absent"));
        return client.read_until("file.\n");
    };
    for (const auto& client : clients) {
        ASSERT_TRUE(client->is_connected());
        const std::string answer = ask(*client);
        ASSERT_THAT(answer, StartsWith("HTTP/1.1 404 "));
        if (answer.find("Connection: close") == std::string::npos) {
            kept.push_back(client.get());
        } else {
            ASSERT_EQ(client->read_to_end(), "");
            client->close();
        }
    }
    EXPECT_LT(kept.size(), count) << "so many are a crowd";
    EXPECT_GE(kept.size(), least_kept);
    std::this_thread::sleep_for(std::chrono::seconds(3));
    for (Client* client : kept) ASSERT_THAT(ask(*client), StartsWith("HTTP/1.1 404 "));
}

TEST(HttpDoor, ACrowdIsToldToComeAgainAndNobodyIsCutAfterAPromise) {
    House house;
    house.start({"http=127.0.0.1:0"}, "[limits]\nconnections = 40\n");
    expect_kept_promises(house, 56, 1);
}

TEST(HttpDoor, ThreeThousandAtOnceAreServedTwice) {
    constexpr std::size_t count = 3000;
    House house;
    house.start({"http=127.0.0.1:0"});
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < 2 * count + 200) GTEST_SKIP() << "this machine allows too few open files";
    expect_kept_promises(house, count, 1000);
}

TEST(HttpDoor, FailedHandshakesBeyondABoundAreCounted) {
    House house;
    house.start({"https=127.0.0.1:0"});
    for (int i = 0; i < 300; ++i) {
        Client client(house.port("https"));
        client.send("this is not TLS at all\r\n");
        client.read_to_end();
    }
    std::size_t count = 0;
    for (const auto& event : house.events()) count += event.kind == EventKind::handshake ? 1 : 0;
    EXPECT_GE(count, HandshakeEvents::burst);
    EXPECT_LE(count, 2 * (HandshakeEvents::burst + 30U)) << "two loops, and a few seconds of refill";
}

}  // namespace
}  // namespace ringfence::server
