#include "protocol/http_response.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <tuple>

namespace ringfence::protocol {
namespace {

using namespace std::chrono_literals;

const WallTime modified = parse_time("1994-11-06T08:49:37Z").value() + 250ms;
const HttpFile file{1000, "\"abc\"", modified};
constexpr std::string_view modified_text = "Sun, 06 Nov 1994 08:49:37 GMT";

std::tuple<unsigned, std::uint64_t, std::uint64_t> part(const HttpRequest& request, const HttpFile& of = file) {
    const auto chosen = choose_part(request, of);
    return {chosen.status, chosen.first, chosen.length};
}

HttpRequest get() {
    HttpRequest request;
    request.method = "GET";
    return request;
}

auto range(std::string text, const HttpFile& of = file) {
    auto request = get();
    request.range = std::move(text);
    return part(request, of);
}

TEST(http_response, ranges_follow_rfc9110) {
    EXPECT_EQ(range(""), std::tuple(200U, 0U, 1000U));
    EXPECT_EQ(range("bytes=0-499"), std::tuple(206U, 0U, 500U));
    EXPECT_EQ(range("Bytes=500-999"), std::tuple(206U, 500U, 500U));
    EXPECT_EQ(range("bytes=999-5000"), std::tuple(206U, 999U, 1U));
    EXPECT_EQ(range("bytes=9-"), std::tuple(206U, 9U, 991U));
    EXPECT_EQ(range("bytes=-1"), std::tuple(206U, 999U, 1U));
    EXPECT_EQ(range("bytes=-5000"), std::tuple(206U, 0U, 1000U));
    EXPECT_EQ(range("bytes=1000-"), std::tuple(416U, 0U, 0U));
    EXPECT_EQ(range("bytes=-0"), std::tuple(416U, 0U, 0U));
    const HttpFile empty{0, "\"\"", modified};
    EXPECT_EQ(range("bytes=0-", empty), std::tuple(416U, 0U, 0U));
    EXPECT_EQ(range("bytes=-1", empty), std::tuple(416U, 0U, 0U));
}

TEST(http_response, what_is_not_one_byte_range_gets_the_whole) {
    for (const auto* text : {"bytes=0-1,5-6", "bytes=5-2", "bytes=-", "bytes=a-b", "bytes=1", "lines=1-2", "bytes 1-2",
                             "bytes=1--2", "bytes=99999999999999999999-"})
        EXPECT_EQ(range(text), std::tuple(200U, 0U, 1000U)) << text;
    auto head = get();
    head.method = "HEAD";
    head.range = "bytes=0-1";
    EXPECT_EQ(part(head), std::tuple(200U, 0U, 1000U));
}

RC_GTEST_PROP(http_response, a_part_lies_inside_its_file, (std::uint64_t size, std::uint64_t a, std::uint64_t b)) {
    const HttpFile of{size, "\"e\"", modified};
    for (const auto& text :
         {std::to_string(a) + "-" + std::to_string(b), std::to_string(a) + "-", "-" + std::to_string(b)}) {
        auto request = get();
        request.range = "bytes=" + text;
        const auto chosen = choose_part(request, of);
        RC_ASSERT(chosen.first <= size && chosen.length <= size - chosen.first);
        RC_ASSERT((chosen.status == 206) == (chosen.status != 200 && chosen.length > 0));
    }
}

TEST(http_response, etags_are_compared_weakly) {
    auto request = get();
    for (const auto* match : {"\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*", " \"x\" ,W/\"abc\" "}) {
        request.if_none_match = match;
        EXPECT_EQ(part(request), std::tuple(304U, 0U, 0U)) << match;
    }
    for (const auto* other : {"\"ab\"", "abc", "\"x\", \"y\"", "\"*\""}) {
        request.if_none_match = other;
        EXPECT_EQ(part(request), std::tuple(200U, 0U, 1000U)) << other;
    }
}

TEST(http_response, an_etag_wins_over_a_date) {
    auto request = get();
    request.if_modified_since = modified_text;
    EXPECT_EQ(part(request), std::tuple(304U, 0U, 0U));
    request.if_none_match = "\"other\"";
    EXPECT_EQ(part(request), std::tuple(200U, 0U, 1000U));
}

TEST(http_response, dates_are_compared_in_whole_seconds) {
    auto request = get();
    request.if_modified_since = "Sun, 06 Nov 1994 08:49:36 GMT";
    EXPECT_EQ(part(request), std::tuple(200U, 0U, 1000U));
    request.if_modified_since = "Sun, 06 Nov 1994 08:49:38 GMT";
    EXPECT_EQ(part(request), std::tuple(304U, 0U, 0U));
    request.if_modified_since = "yesterday";
    EXPECT_EQ(part(request), std::tuple(200U, 0U, 1000U));
}

TEST(http_response, if_range_takes_only_the_very_same_file) {
    auto request = get();
    request.range = "bytes=1-2";
    for (const std::string_view same : {std::string_view("\"abc\""), modified_text}) {
        request.if_range = same;
        EXPECT_EQ(part(request), std::tuple(206U, 1U, 2U)) << same;
    }
    for (const auto* other : {"\"abd\"", "W/\"abc\"", "Sun, 06 Nov 1994 08:49:38 GMT", "x"}) {
        request.if_range = other;
        EXPECT_EQ(part(request), std::tuple(200U, 0U, 1000U)) << other;
    }
}

TEST(http_response, dates_are_read_in_all_three_forms) {
    const auto expected = parse_time("1994-11-06T08:49:37Z").value();
    EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), expected);
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), expected);
    EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), expected);
    for (const auto* bad :
         {"", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
          "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06 Nov 1994 8:49:37 GMT",
          "Sunday, 06-Nov 08:49:37 GMT", "Sun Nov 66 08:49:37 1994", "784111777", ","})
        EXPECT_FALSE(parse_http_date(bad)) << bad;
}

RC_GTEST_PROP(http_response, dates_survive_a_round_trip, ()) {
    const auto seconds = *rc::gen::inRange<std::int64_t>(0, 253402300799);
    const WallTime time{std::chrono::seconds(seconds)};
    RC_ASSERT(parse_http_date(format_http_date(time)) == time);
}

TEST(http_response, heads_are_written_in_full) {
    HttpResponseHead head;
    head.status = 206;
    head.date = modified;
    head.content_length = 2;
    head.content_type = "text/plain";
    head.etag = "\"abc\"";
    head.modified = modified;
    head.accepts_ranges = true;
    const auto content_range = format_content_range({206, 1, 2}, 1000);
    head.content_range = content_range;
    head.keep_alive = true;
    EXPECT_EQ(format_response_head(head),
              "HTTP/1.1 206 Partial Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 2\r\n"
              "Content-Type: text/plain\r\nETag: \"abc\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
              "Accept-Ranges: bytes\r\nContent-Range: bytes 1-2/1000\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(format_content_range({416, 0, 0}, 1000), "bytes */1000");
}

TEST(http_response, a_refusal_names_its_challenge_or_methods) {
    HttpResponseHead head;
    head.status = 401;
    head.content_length = 0;
    head.www_authenticate = "Basic realm=\"r\"";
    EXPECT_EQ(format_response_head(head),
              "HTTP/1.1 401 Unauthorized\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n"
              "WWW-Authenticate: Basic realm=\"r\"\r\nConnection: close\r\n\r\n");
    HttpResponseHead refused;
    refused.status = 405;
    refused.allow = "GET, HEAD";
    EXPECT_NE(format_response_head(refused).find("\r\nAllow: GET, HEAD\r\n"), std::string::npos);
}

TEST(http_response_death, a_header_cannot_be_split) {
    HttpResponseHead head;
    head.etag = "\"a\r\nX: y\"";
    EXPECT_DEATH(format_response_head(head), "");
}

TEST(http_response, absent_and_forbidden_have_one_status) {
    EXPECT_EQ(http_status(FaultCode::not_found), http_status(FaultCode::forbidden));
    EXPECT_EQ(http_status(FaultCode::not_found), 404U);
    for (int code = 0; code <= static_cast<int>(FaultCode::internal); ++code)
        EXPECT_NE(http_reason(http_status(static_cast<FaultCode>(code))), "Unknown");
}

}  // namespace
}  // namespace ringfence::protocol
