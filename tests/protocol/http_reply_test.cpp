#include "protocol/http_reply.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <fstream>

namespace ringfence::protocol {
namespace {

constexpr std::size_t max_body = std::size_t{1024} * 1024;

struct ReadAll {
    std::vector<std::string> bodies;
    bool is_refused = false;
};

// What is read of the bytes when they come in parts of that size.
ReadAll read_in_parts(const std::string& bytes, std::size_t part) {
    HttpReplyReader reader(max_body);
    ReadAll out;
    for (std::size_t at = 0; at < bytes.size(); at += part) {
        reader.add(std::string_view(bytes).substr(at, part));
        while (true) {
            const auto reply = reader.next();
            out.is_refused = !reply;
            if (out.is_refused) return out;
            if (!*reply) break;
            out.bodies.push_back(std::to_string((*reply)->status) + ((*reply)->keep_alive ? " " : " close ") +
                                 std::string((*reply)->body.reveal()));
        }
    }
    return out;
}

TEST(HttpReply, every_sample_is_judged_as_its_name_says) {
    int seen = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(RINGFENCE_SOURCE_DIR) + "/tests/corpus/http_reply")) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        const std::string name = entry.path().stem().string();
        for (const std::size_t part : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
            const auto read = read_in_parts(bytes, part);
            EXPECT_EQ(!read.is_refused && !read.bodies.empty(), name.ends_with("-valid")) << name << " by " << part;
        }
        ++seen;
    }
    EXPECT_GT(seen, 5);
}

TEST(HttpReply, replies_come_one_after_another) {
    const std::string bytes =
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: "
        "close\r\n\r\n";
    for (std::size_t part = 1; part <= bytes.size(); ++part)
        EXPECT_EQ(read_in_parts(bytes, part).bodies, (std::vector<std::string>{"200 hi", "401 close "})) << part;
}

}  // namespace
}  // namespace ringfence::protocol
