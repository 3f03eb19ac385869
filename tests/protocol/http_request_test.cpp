#include "protocol/http_request.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace ringfence::protocol {
namespace {

using namespace std::string_literals;

HttpRequest read_one(std::string_view bytes) {
    HttpRequestReader reader;
    reader.add(bytes);
    auto request = reader.next();
    EXPECT_TRUE(request) << bytes;
    EXPECT_TRUE(request.value().has_value()) << bytes;
    return **request;
}

FaultCode read_fault(std::string_view bytes) {
    HttpRequestReader reader;
    reader.add(bytes);
    const auto request = reader.next();
    EXPECT_FALSE(request) << bytes;
    return request.error().code;
}

TEST(http_request, all_headers_that_matter_are_read) {
    const auto request = read_one(
        "GET /SIP00247F0102AB.cfg?x HTTP/1.1\r\nHost: server:8080\r\nAuthorization:  Basic abc \r\nRange: bytes=0-1\r\n"
        "If-None-Match: \"e\"\r\nIf-Modified-Since: x\r\nIf-Range: \"e\"\r\n\r\n");
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(request.target, "/SIP00247F0102AB.cfg?x");
    EXPECT_EQ(request.target_path, "SIP00247F0102AB.cfg");
    EXPECT_FALSE(request.target_is_malformed);
    EXPECT_EQ(request.version, 11U);
    EXPECT_TRUE(request.keep_alive);
    EXPECT_EQ(request.host, "server:8080");
    EXPECT_EQ(request.authorization.reveal(), "Basic abc");
    EXPECT_EQ(request.range, "bytes=0-1");
    EXPECT_EQ(request.if_none_match, "\"e\"");
    EXPECT_EQ(request.if_modified_since, "x");
    EXPECT_EQ(request.if_range, "\"e\"");
    EXPECT_EQ(request.user_agent, "");
}

TEST(http_request, the_12x0_user_agent_is_served_and_kept_as_sent) {
    for (const char odd : {'\x14', '\x16', '\x17', '\xFF', '\x00', '\x7F'}) {
        const std::string agent = "AVAYA/SIP12x0"s + odd + "/04.00.04.00";
        for (const auto* name : {"User-Agent: ", "USER-AGENT:", "user-agent:\t "}) {
            const auto request =
                read_one("GET /1230SIP.cfg HTTP/1.1\r\nHost: a\r\n" + (name + agent) + " \r\nRange: r\r\n\r\n");
            EXPECT_EQ(request.user_agent, agent);
            EXPECT_EQ(request.range, "r");
        }
    }
}

TEST(http_request, odd_bytes_elsewhere_are_refused) {
    EXPECT_EQ(read_fault("GET / HTTP/1.1\r\nHost: a\x14\r\n\r\n"), FaultCode::malformed);
    EXPECT_EQ(read_fault("GET / HTTP/1.1\r\nX-User-Agent: a\x14\r\n\r\n"), FaultCode::malformed);
    EXPECT_EQ(read_fault("GET /\x14 HTTP/1.1\r\nUser-Agent: a\r\n\r\n"), FaultCode::malformed);
    EXPECT_EQ(read_fault("GET / HTTP/1.1\r\nUser-Agent: a\rb\r\n\r\n"), FaultCode::malformed);
    EXPECT_EQ(read_fault("GET /a\0b HTTP/1.1\r\n\r\n"s), FaultCode::malformed);
}

TEST(http_request, connections_are_kept_as_the_version_says) {
    EXPECT_TRUE(read_one("GET / HTTP/1.1\r\nHost: a\r\n\r\n").keep_alive);
    EXPECT_FALSE(read_one("GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n").keep_alive);
    EXPECT_FALSE(read_one("GET / HTTP/1.0\r\n\r\n").keep_alive);
    EXPECT_TRUE(read_one("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
    EXPECT_EQ(read_one("GET / HTTP/1.0\r\n\r\n").version, 10U);
    EXPECT_EQ(read_fault("GET / HTTP/2.0\r\n\r\n"), FaultCode::malformed);
    EXPECT_EQ(read_fault("GET / HTTP/0.9\r\n\r\n"), FaultCode::malformed);
}

TEST(http_request, a_malformed_target_is_a_request_all_the_same) {
    for (const auto* target : {"/a\\b", "/caf\xC3\xA9", "/%zz", "/%00"}) {
        const auto request = read_one("GET "s + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_TRUE(request.target_is_malformed) << target;
        EXPECT_EQ(request.target_path, target);
    }
    for (const auto* target : {"*", "1230SIP.cfg", "ftp://a/b"})
        EXPECT_EQ(read_one("GET "s + target + " HTTP/1.1\r\nHost: a\r\n\r\n").target_path, "//"s + target);
    const auto request = read_one("GET http://b:1/x%20y HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(request.target_path, "x y");
    EXPECT_EQ(request.host, "b:1");
}

TEST(http_request, any_method_is_read_for_the_door_to_judge) {
    EXPECT_EQ(read_one("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").method, "HEAD");
    EXPECT_EQ(read_one("PUT / HTTP/1.1\r\nHost: a\r\n\r\n").method, "PUT");
    EXPECT_EQ(read_one("get / HTTP/1.1\r\nHost: a\r\n\r\n").method, "get");
    EXPECT_EQ(read_one("BREW / HTTP/1.1\r\nHost: a\r\n\r\n").method, "BREW");
}

TEST(http_request, headers_that_may_stand_once_are_not_guessed_at) {
    for (const auto* name : {"Host", "Authorization", "Expect", "Content-Length"})
        EXPECT_EQ(read_fault("GET / HTTP/1.1\r\n"s + name + ": 1\r\n" + name + ": 2\r\n\r\n"), FaultCode::malformed)
            << name;
    EXPECT_EQ(read_fault("GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
              FaultCode::malformed);
    EXPECT_EQ(read_fault("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), FaultCode::malformed);
    EXPECT_EQ(read_fault("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), FaultCode::malformed);
}

TEST(http_request, pipelined_requests_come_one_by_one_and_bodies_are_dropped) {
    HttpRequestReader reader;
    reader.add("\r\n\r\nPOST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /");
    reader.add("\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\nGET /c HTTP/1.0\r\n\r\nGET /d HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ((*reader.next())->target_path, "a");
    EXPECT_EQ((*reader.next())->target_path, "b");
    EXPECT_EQ((*reader.next())->target_path, "c");
    EXPECT_FALSE(reader.next()->has_value());  // /c closes
    EXPECT_FALSE(reader.is_inside_request());
}

TEST(http_request, a_request_waits_for_its_body) {
    HttpRequestReader reader;
    EXPECT_FALSE(reader.is_inside_request());
    reader.add("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
    EXPECT_FALSE(reader.next()->has_value());
    EXPECT_TRUE(reader.is_inside_request());
    reader.add("ab");
    EXPECT_FALSE(reader.next()->has_value());
    reader.add("c");
    EXPECT_TRUE(reader.next()->has_value());
    EXPECT_FALSE(reader.is_inside_request());
}

TEST(http_request, a_body_that_will_not_be_read_closes_the_connection) {
    for (const auto* header :
         {"Content-Length: 65537", "Content-Length: 18446744073709551615", "Transfer-Encoding: chunked",
          "Transfer-Encoding: gzip", "Content-Length: 3\r\nExpect: 100-Continue"}) {
        const auto request = read_one("PUT /a HTTP/1.1\r\nHost: a\r\n"s + header + "\r\n\r\n");
        EXPECT_FALSE(request.keep_alive) << header;
    }
    EXPECT_TRUE(read_one("GET /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").keep_alive);
    const auto longest = "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n" + std::string(65536, 'x');
    EXPECT_TRUE(read_one(longest).keep_alive);
}

bool wants_all(const HttpRequest&) { return true; }

HttpRequest read_wanted(std::string_view bytes) {
    HttpRequestReader reader(wants_all);
    reader.add(bytes);
    auto request = reader.next();
    EXPECT_TRUE(request) << bytes;
    EXPECT_TRUE(request.value().has_value()) << bytes;
    return **request;
}

TEST(http_request, a_wanted_body_is_read_whole_and_the_next_request_follows) {
    HttpRequestReader reader([](const HttpRequest& head) { return head.target_path == "scep"; });
    reader.add("POST /scep?operation=PKIOperation&x=%20#y HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-pki\r\n");
    reader.add("Content-Length: 5\r\n\r\n\r\n");
    EXPECT_FALSE(reader.next()->has_value());
    EXPECT_FALSE(reader.take_continue()) << "nobody asked for it";
    reader.add("\0z!POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"s);
    const auto first = reader.next();
    EXPECT_EQ((*first)->body_state, HttpBody::read);
    EXPECT_EQ((*first)->body, "\r\n\0z!"s);
    EXPECT_EQ((*first)->query, "operation=PKIOperation&x=%20");
    const auto second = reader.next();
    EXPECT_EQ((*second)->target_path, "b");
    EXPECT_EQ((*second)->body_state, HttpBody::unread);
    EXPECT_EQ((*second)->body, "");
}

TEST(http_request, a_wanted_body_is_bounded_and_has_a_length) {
    const auto post = [](const std::string& header, const std::string& body) {
        return read_wanted("POST /scep HTTP/1.1\r\nHost: a\r\n" + header + "\r\n\r\n" + body);
    };
    const auto longest = post("Content-Length: 65536", std::string(65536, 'x'));
    EXPECT_EQ(longest.body_state, HttpBody::read);
    EXPECT_EQ(longest.body.size(), max_http_body);
    EXPECT_TRUE(longest.keep_alive);
    const auto too_large = post("Content-Length: 65537\r\nExpect: 100-continue", "");
    EXPECT_EQ(too_large.body_state, HttpBody::too_large);
    EXPECT_FALSE(too_large.keep_alive);
    const auto chunked = post("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n");
    EXPECT_EQ(chunked.body_state, HttpBody::without_length);
    EXPECT_FALSE(chunked.keep_alive);
    const auto none = read_wanted("POST /scep HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(none.body_state, HttpBody::unread);
    EXPECT_TRUE(none.keep_alive);
}

TEST(http_request, who_holds_a_wanted_body_back_is_told_once_to_go_on) {
    const std::string rest = " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n";
    HttpRequestReader reader(wants_all);
    EXPECT_FALSE(reader.take_continue());
    reader.add("POST /a" + rest);
    EXPECT_FALSE(reader.next()->has_value());
    EXPECT_TRUE(reader.take_continue());
    EXPECT_FALSE(reader.take_continue());
    reader.add("abc");
    EXPECT_EQ((*reader.next())->body, "abc");

    reader.add("POST /b" + rest + "a");
    EXPECT_FALSE(reader.next()->has_value());
    EXPECT_FALSE(reader.take_continue()) << "it has begun to send";
    reader.add("bc");
    EXPECT_TRUE(reader.next()->has_value());

    HttpRequestReader old(wants_all);
    old.add("POST /a HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_FALSE(old.next()->has_value());
    EXPECT_FALSE(old.take_continue());
}

TEST(http_request, a_scep_message_fits_a_request_line) {
    const std::string message(12'000, 'A');
    EXPECT_EQ(read_one("GET /scep?operation=PKIOperation&message=" + message + " HTTP/1.1\r\nHost: a\r\n\r\n").query,
              "operation=PKIOperation&message=" + message);
}

TEST(http_request, the_head_is_bounded) {
    const std::string begin = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    const std::string end = "\r\n\r\n";
    const std::string fits(max_http_head - begin.size() - end.size(), 'x');
    EXPECT_TRUE(read_one(begin + fits + end).keep_alive);
    EXPECT_EQ(read_fault(begin + fits + "x" + end), FaultCode::too_large);

    HttpRequestReader reader;
    reader.add(std::string(max_http_head, 'x'));
    EXPECT_FALSE(reader.next().value().has_value());
    reader.add("x");
    EXPECT_EQ(reader.next().error().code, FaultCode::too_large);
    reader.add("GET / HTTP/1.1\r\n\r\n");
    EXPECT_FALSE(reader.next().value().has_value());  // nothing is read after a fault
}

// However the bytes are cut, the requests are the same.
RC_GTEST_PROP(http_request, cuts_do_not_matter, (const std::vector<std::uint8_t>& cuts)) {
    const std::string bytes =
        "GET /a HTTP/1.1\r\nHost: a\r\nUser-Agent: AVAYA/SIP12x0\x14/04\r\n\r\n\r\nPUT /b HTTP/1.1\r\nContent-Length: "
        "13\r\n\r\n\r\n\r\nGET /x \r\nHEAD /c HTTP/1.1\r\nConnection: close\r\n\r\n";
    HttpRequestReader reader;
    std::vector<std::string> seen;
    std::string_view rest = bytes;
    auto cut = cuts.begin();
    while (!rest.empty()) {
        const std::size_t count = cut == cuts.end() ? rest.size() : std::min<std::size_t>(*cut % 40U, rest.size());
        if (cut != cuts.end()) ++cut;
        reader.add(rest.substr(0, count));
        rest.remove_prefix(count);
        for (auto request = reader.next(); request.value(); request = reader.next())
            seen.push_back((*request)->method + " " + (*request)->target_path + " " + (*request)->user_agent);
    }
    RC_ASSERT(seen == (std::vector<std::string>{"GET a AVAYA/SIP12x0\x14/04", "PUT b ", "HEAD c "}));
}

}  // namespace
}  // namespace ringfence::protocol
