// The enrolment services through the HTTP doors, as curl and hand-written clients see them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/child_roles.h"
#include "tests/server/house.h"

namespace ringfence::server {
namespace {

using test::Client;
using test::House;
using test::run;
using test::without_date;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

EnrolmentParts parts_for(House& house, const Answering& desk) {
    return {house.clock(), house.nonces(), test::play("registrar"), [desk]() -> Result<Answering> { return desk; }};
}

class EnrolmentDoorTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        house_ = new House();
        house_->enrolment.emplace(
            parts_for(*house_, [](std::string_view question) { return "desk: " + std::string(question); }));
        house_->find_revocation_list = [](std::string_view name) -> std::optional<std::string> {
            if (name != "issuing-rsa") return std::nullopt;
            return std::string("0\x82 list", 7);
        };
        house_->start({"http=127.0.0.1:0", "https=127.0.0.1:0", "https-legacy=127.0.0.1:0"},
                      "[enrolment]\nocsp = false\n[legacy]\nmodels = [\"1230\"]\ncloses = \"2037-01-01T00:00:00Z\"\n");
    }
    static void TearDownTestSuite() { delete std::exchange(house_, nullptr); }

    static std::string curl(const std::string& arguments) {
        return run("curl -sS -m 20 -i --cacert " + house_->root() + " " + arguments).output;
    }
    static std::string http(const std::string& path) { return house_->url("http", path); }
    static std::string https(const std::string& path) { return house_->url("https", path); }
    static std::string send(const std::string& bytes) {
        Client client(house_->port("http"));
        client.send(bytes);
        return client.read_to_end();
    }

    static House* house_;
};
House* EnrolmentDoorTest::house_ = nullptr;

TEST_F(EnrolmentDoorTest, AQueryHoldsWhatTheRequestSaid) {
    EXPECT_THAT(curl("'" + http("scep?operation=PKIOperation&message=MI%2B") + "'"),
                HasSubstr("service 0 profile modern post false secure false operation 'PKIOperation' message 'MI+' "
                          "user '' password '' certificate '' source 127.0.0.1"));
    EXPECT_THAT(curl("--data-binary abc " + https("cmp")),
                HasSubstr("service 2 profile modern post true secure true operation '' message 'abc' user ''"));
    EXPECT_THAT(curl(http("scep/pkiclient.exe")), HasSubstr("service 0 "));
    EXPECT_THAT(curl(" -k '" + house_->url("https-legacy", "scep?operation=GetCACaps") + "'"),
                HasSubstr("profile legacy"));
}

TEST_F(EnrolmentDoorTest, WhoLogsInOrShowsACertificateIsKnownByIt) {
    EXPECT_THAT(curl("-u RRRR:SSSS --data-binary x " + https(".well-known/est/simpleenroll")),
                HasSubstr("operation 'simpleenroll' message 'x' user 'RRRR' "
                          "password 'SSSS' certificate ''"));
    EXPECT_THAT(curl("--digest -u RRRR:SSSS " + https(".well-known/est/cacerts")), HasSubstr("user '' password ''"));
    EXPECT_THAT(curl("-u RRRR:SSSS " + http("scep")), HasSubstr("user '' password ''")) << "it was not asked for";
    const std::string certificate = house_->issue(test::own_mac);
    EXPECT_THAT(curl(certificate + " --data-binary x " + https(".well-known/est/simplereenroll")),
                ::testing::ContainsRegex("certificate '[0-9a-f]{64}'"));
}

TEST_F(EnrolmentDoorTest, WhoMustLogInIsAskedOnHttpsOnly) {
    const std::string asked = curl("--data-binary login " + https(".well-known/est/simpleenroll"));
    EXPECT_THAT(asked, StartsWith("HTTP/1.1 401 "));
    EXPECT_THAT(asked, HasSubstr("WWW-Authenticate: Basic realm=\"ringfence\""));
    EXPECT_THAT(curl("--data-binary login " + http("scep")), Not(HasSubstr("WWW-Authenticate")));
}

TEST_F(EnrolmentDoorTest, WhoMustWaitIsToldHowLong) {
    const std::string answer = curl("--data-binary wait " + https("cmp"));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 202 Accepted\r\n"));
    EXPECT_THAT(answer, HasSubstr("Retry-After: 7\r\n"));
    EXPECT_THAT(answer, EndsWith("later"));
}

TEST_F(EnrolmentDoorTest, BodiesAreTakenUpToTheirLimit) {
    const std::string body = house_->folder().put("body", std::string(65'536, 'b'));
    EXPECT_THAT(curl("-H 'Expect: 100-continue' --data-binary @" + body + " " + http("cmp")),
                ::testing::AllOf(StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"),
                                 HasSubstr(std::string(65'536, 'b'))));
    const std::string more = house_->folder().put("more", std::string(65'537, 'b'));
    EXPECT_THAT(curl("-H 'Expect:' --data-binary @" + more + " " + http("cmp")), StartsWith("HTTP/1.1 413 "));
    EXPECT_THAT(curl("--data-binary @" + more + " " + https(".well-known/est/simpleenroll")),
                HasSubstr("HTTP/1.1 413 "));
    EXPECT_THAT(curl("-H 'Transfer-Encoding: chunked' --data-binary abc " + http("cmp")), StartsWith("HTTP/1.1 411 "));
}

TEST_F(EnrolmentDoorTest, EachPathTakesItsMethodsOnly) {
    const std::string post_only = curl(http("cmp"));
    EXPECT_THAT(post_only, StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(post_only, HasSubstr("Allow: POST\r\n"));
    EXPECT_THAT(curl("-I " + http("scep")), StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(curl("-X DELETE " + http("scep")), HasSubstr("Allow: GET, POST\r\n"));
    EXPECT_THAT(curl("-d x " + https(".well-known/est/cacerts")), HasSubstr("Allow: GET\r\n"));
}

TEST_F(EnrolmentDoorTest, WhatIsOffOrElsewhereLooksAbsent) {
    const auto ask = [&](const std::string& path) {
        return without_date(send("GET /" + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    };
    const std::string absent = ask("absent");
    EXPECT_THAT(absent, StartsWith("HTTP/1.1 404 "));
    for (const char* path : {"ocsp/MFEw", "scep-legacy", ".well-known/est/cacerts", "crl/issuing-p256.crl", "crl/"}) {
        EXPECT_EQ(ask(path), absent) << path;
    }
    EXPECT_EQ(without_date(curl(https(".well-known/est/fullcmc"))), without_date(curl(https("absent"))));
}

TEST_F(EnrolmentDoorTest, AConnectionIsKeptAndAnswersComeInOrder) {
    const std::string post = "POST /cmp HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n";
    const std::string answers =
        send(post + "\r\nfirst" + "GET /absent HTTP/1.1\r\nHost: x\r\n\r\n" + post + "Connection: close\r\n\r\nthird");
    const std::size_t first = answers.find("message 'first'");
    const std::size_t second = answers.find("404 Not Found");
    const std::size_t third = answers.find("message 'third'");
    EXPECT_TRUE(first < second && second < third && third != std::string::npos) << answers;
}

TEST_F(EnrolmentDoorTest, ACrashIsAnsweredAndTheNextQueryIsServed) {
    for (int i = 0; i < 3; ++i) {
        const std::string answer = curl("--data-binary crash " + http("cmp"));
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
        EXPECT_THAT(answer, HasSubstr("Retry-After: 10\r\n"));
        EXPECT_THAT(curl("--data-binary hello " + http("cmp")), StartsWith("HTTP/1.1 200 "));
    }
}

TEST_F(EnrolmentDoorTest, WhoLeavesBeforeTheAnswerHarmsNobody) {
    for (int i = 0; i < 20; ++i) {
        Client client(house_->port("http"));
        client.send("POST /cmp HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
        client.reset();
    }
    EXPECT_THAT(curl("--data-binary hello " + http("cmp")), StartsWith("HTTP/1.1 200 "));
}

TEST_F(EnrolmentDoorTest, RevocationListsAreServedToAnybody) {
    const std::string list = curl(http("crl/issuing-rsa.crl") + " --output -");
    EXPECT_THAT(list, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(list, HasSubstr("Content-Type: application/pkix-crl\r\n"));
    EXPECT_THAT(list, EndsWith(std::string("\r\n\r\n0\x82 list", 11)));
    EXPECT_THAT(curl("-I " + https("crl/issuing-rsa.crl")), HasSubstr("Content-Length: 7\r\n"));
}

// ---- Doors with other settings

TEST(EnrolmentDoor, WithoutTheServiceItsPathsAreAbsent) {
    House house;
    house.start({"http=127.0.0.1:0"});
    const auto ask = [&](const std::string& path) {
        return without_date(run("curl -sS -m 20 -i " + house.url("http", path)).output);
    };
    EXPECT_THAT(ask("scep"), StartsWith("HTTP/1.1 404 "));
    EXPECT_EQ(ask("scep"), ask("absent"));
    EXPECT_THAT(run("curl -sS -m 20 -i -d x " + house.url("http", "cmp")).output, StartsWith("HTTP/1.1 405 "));
}

TEST(EnrolmentDoor, DrainWaitsForAnAnswer) {
    House house;
    std::atomic<bool> is_asked{false};
    house.enrolment.emplace(parts_for(house, [&](std::string_view) {
        is_asked = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
        return std::string("decided");
    }));
    house.start({"http=127.0.0.1:0"});
    Client client(house.port("http"));
    client.send("POST /cmp HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nask me");
    ASSERT_TRUE(test::eventually([&] { return is_asked.load(); }));
    house.server().drain();
    EXPECT_THAT(client.read_to_end(), EndsWith("decided"));
}

}  // namespace
}  // namespace ringfence::server
