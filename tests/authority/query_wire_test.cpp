#include "authority/query_wire.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "authority/field_codec.h"

namespace ringfence::authority {
namespace {

RC_GTEST_PROP(QueryWire, AQueryArrivesAsItWasSent,
              (const std::string& message, const std::string& user, const std::string& password, bool is_post)) {
    Query query;
    query.service = Service::cmp;
    query.profile = registry::EnrolmentProfile::legacy;
    query.is_post = is_post;
    query.is_secure = !is_post;
    query.operation = "simpleenroll";
    query.message = message;
    query.user_agent = "libest \x14";
    query.user = user;
    query.password = Secret(password);
    query.proved_token = "0123ABCD";
    query.certificate_fingerprint = "ab12";
    query.source = "192.0.2.1";
    const Query read = parse_query(format_query(query)).value();
    RC_ASSERT(read.service == query.service && read.profile == query.profile);
    RC_ASSERT(read.is_post == is_post && read.is_secure == !is_post);
    RC_ASSERT(read.operation == query.operation && read.message == message);
    RC_ASSERT(read.user_agent == query.user_agent);
    RC_ASSERT(read.user == user && read.password == query.password);
    RC_ASSERT(read.proved_token == query.proved_token);
    RC_ASSERT(read.certificate_fingerprint == query.certificate_fingerprint && read.source == query.source);
}

RC_GTEST_PROP(QueryWire, AReplyArrivesAsItWasSent, (const std::string& body, bool wants_login, std::uint16_t wait)) {
    Reply reply{202, "application/pkcs7-mime", body, wants_login, Duration(wait)};
    const Reply read = parse_reply(format_reply(reply)).value();
    RC_ASSERT(read.status == reply.status && read.content_type == reply.content_type && read.body == body);
    RC_ASSERT(read.wants_login == wants_login && read.retry_after == reply.retry_after);
    reply.retry_after.reset();
    RC_ASSERT(!parse_reply(format_reply(reply)).value().retry_after);
}

bool is_taken(const Reply& reply) { return parse_reply(format_reply(reply)).has_value(); }

TEST(QueryWire, AReplyThatWouldHarmAResponseIsRefused) {
    EXPECT_TRUE(is_taken({200, "a/b; c=\"d\"", {}}));
    for (const unsigned status : {0U, 100U, 199U, 600U}) EXPECT_FALSE(is_taken({status, "a/b", {}})) << status;
    for (const char* type : {"a/b\r\nSet-Cookie: x", "a\nb", "caf\xC3\xA9"}) {
        EXPECT_FALSE(is_taken({200, type, {}})) << type;
    }
    EXPECT_FALSE(is_taken({200, std::string(257, 'x'), {}}));
    EXPECT_FALSE(is_taken({200, {}, std::string(128 * 1024 + 1, 'x')}));
    EXPECT_FALSE(is_taken({503, {}, {}, false, std::chrono::hours(25)}));
}

TEST(QueryWire, WhatIsCutOrHasATailIsRefused) {
    const std::string query = format_query({});
    const std::string reply = format_reply({});
    EXPECT_TRUE(parse_query(query) && parse_reply(reply));
    EXPECT_FALSE(parse_query(query + "x") || parse_reply(reply + "x"));
    EXPECT_FALSE(parse_query(query.substr(1)) || parse_reply(reply.substr(1)));
    for (std::size_t size = 0; size < query.size(); ++size) EXPECT_FALSE(parse_query(query.substr(0, size)));
    for (std::size_t size = 0; size < reply.size(); ++size) EXPECT_FALSE(parse_reply(reply.substr(0, size)));
}

// Valid: one of the two takes it.
TEST(QueryWire, TheCorpusIsJudgedAsItsNamesSay) {
    int seen = 0;
    for (const auto& entry : std::filesystem::directory_iterator(RINGFENCE_SOURCE_DIR "/tests/corpus/query_wire")) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        const std::string name = entry.path().stem().string();
        EXPECT_EQ(parse_query(bytes) || parse_reply(bytes), name.ends_with("-valid")) << name;
        ++seen;
    }
    EXPECT_GT(seen, 0);
}

}  // namespace
}  // namespace ringfence::authority
