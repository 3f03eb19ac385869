// Every corpus file's name ends in its verdict: "-valid" or "-invalid".
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "protocol/ftp_session.h"
#include "protocol/http_auth.h"
#include "protocol/http_request.h"
#include "protocol/radius_packet.h"
#include "protocol/sntp_packet.h"
#include "protocol/tftp_packet.h"

namespace ringfence::protocol {
namespace {

void expect_verdicts(const std::string& grammar, const std::function<bool(const std::string&)>& is_valid) {
    const std::filesystem::path folder = std::filesystem::path(RINGFENCE_SOURCE_DIR) / "tests/corpus" / grammar;
    int seen = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const std::string name = entry.path().stem().string();
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        const bool says_invalid = name.ends_with("-invalid");
        ASSERT_TRUE(says_invalid || name.ends_with("-valid")) << name;
        EXPECT_EQ(is_valid(bytes), !says_invalid) << name;
        ++seen;
    }
    EXPECT_GT(seen, 0);
}

TEST(corpus, tftp_packets) {
    expect_verdicts("tftp", [](const std::string& bytes) { return parse_tftp(bytes).has_value(); });
}

// Valid: it tells the time to whom it answers.
TEST(corpus, sntp_packets) {
    expect_verdicts("sntp_packet", [](const std::string& bytes) {
        const auto packet = parse_sntp(bytes);
        return packet && read_sntp_answer(*packet, packet->origin);
    });
}

TEST(corpus, radius_packets) {
    expect_verdicts("radius_packet", [](const std::string& bytes) { return parse_radius(bytes).has_value(); });
}

TEST(corpus, http_authorizations) {
    expect_verdicts("http_auth", [](const std::string& bytes) { return parse_authorization(bytes).has_value(); });
}

// Valid: all bytes are whole requests whose targets can name something.
TEST(corpus, http_requests) {
    expect_verdicts("http_request", [](const std::string& bytes) {
        HttpRequestReader reader;
        reader.add(bytes);
        bool any = false;
        while (true) {
            const auto request = reader.next();
            if (!request) return false;
            if (!*request) return any && !reader.is_inside_request();
            if ((*request)->target_is_malformed) return false;
            any = true;
        }
    });
}

// Valid: no command is answered with an error.
TEST(corpus, ftp_commands) {
    expect_verdicts("ftp", [](const std::string& bytes) {
        FtpSession session({Endpoint::parse("192.0.2.1:21").value(), Endpoint::parse("192.0.2.77:50000").value()});
        bool any = false;
        bool all_good = true;
        const auto judge = [&](const FtpStep& step) {
            for (std::size_t at = 0; at < step.replies.size(); at = step.replies.find('\n', at) + 1) {
                any = true;
                all_good = all_good && step.replies[at] != '4' && step.replies[at] != '5';
            }
        };
        judge(session.on_bytes(bytes));
        while (session.is_busy()) {
            judge(session.passive_opened(4000));
            judge(session.size_is(1));
            judge(session.modified_at(WallTime{}));
            judge(session.transfer_started(1));
            judge(session.transfer_done(true));
        }
        return any && all_good;
    });
}

}  // namespace
}  // namespace ringfence::protocol
