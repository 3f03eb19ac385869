#include "phone/event_log.h"

#include <gtest/gtest.h>

#include <regex>

namespace ringfence::phone {
namespace {

const WallTime monday = std::chrono::sys_days(std::chrono::November / 23 / 2026) + std::chrono::hours(6) +
                        std::chrono::minutes(5) + std::chrono::seconds(9);

TEST(EventLog, HasTheLineShapeOfTheSet) {
    const std::string line =
        format_event({EventCode::customer_certificate_imported, Severity::information, "root.pem"}, monday, 42);
    EXPECT_TRUE(std::regex_match(
        line,
        std::regex(
            R"(0x0007 \[Information\] \[Mon Nov 23 06:05:09 2026\] \[42\] \[event_log_test.cpp : \d+\] - root.pem)")))
        << line;
    EXPECT_EQ(parse_running_number(line), 42u);
}

TEST(EventLog, KeepsHostileTextOnOneLine) {
    const std::string line =
        format_event({EventCode::file_failed, Severity::minor, "a\n0x0007 [x] [y] [9] z\x1b"}, monday, 1);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
    EXPECT_EQ(parse_running_number(line), 1u);
}

TEST(EventLog, FindsNoNumberInOtherText) {
    for (const char* text : {"", "0x0007", "0x0007 [a] [b]", "0x0007 [a] [b] [c] -", "]]]", "[[["})
        EXPECT_FALSE(parse_running_number(text)) << text;
}

}  // namespace
}  // namespace ringfence::phone
