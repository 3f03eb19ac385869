#include "protocol/sip_notify.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace ringfence::protocol {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string request(const std::string& method, const std::string& more,
                    const std::string& to = "<sip:4711@a.example>") {
    return method + " sip:4711@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\n" +
           "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2\r\nTo: " + to +
           "\r\nFrom: <sip:s@a.example>;tag=88\r\nCall-ID: a84b\r\nCSeq: 7 " + method + "\r\n" + more + "\r\n";
}

TEST(SipNotify, CheckSyncIsReadAndAnswered) {
    const auto notify = read_notify(request("NOTIFY", "Event: check-sync\r\n"), "t4g");
    EXPECT_EQ(notify.kind, NotifyKind::check_sync);
    EXPECT_FALSE(notify.wants_reboot);
    EXPECT_EQ(format_sip_answer(notify, 200),
              "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\n"
              "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2\r\nFrom: <sip:s@a.example>;tag=88\r\n"
              "To: <sip:4711@a.example>;tag=t4g\r\nCall-ID: a84b\r\nCSeq: 7 NOTIFY\r\nContent-Length: 0\r\n\r\n");
    EXPECT_THAT(format_sip_answer(notify, 403), StartsWith("SIP/2.0 403 Forbidden\r\n"));
}

TEST(SipNotify, ParametersCaseAndCompactForms) {
    EXPECT_TRUE(read_notify(request("NOTIFY", "Event: check-sync;reboot=true\r\n"), "t").wants_reboot);
    EXPECT_FALSE(read_notify(request("NOTIFY", "event : Check-Sync ; reboot=false\r\n"), "t").wants_reboot);
    EXPECT_EQ(read_notify(request("NOTIFY", "o: check-sync\r\n"), "t").kind, NotifyKind::check_sync);
    EXPECT_EQ(read_notify(request("NOTIFY", "Event:\r\n check-sync\r\n"), "t").kind, NotifyKind::check_sync);
    EXPECT_EQ(read_notify(request("NOTIFY", "Event: check-synchrony\r\n"), "t").kind, NotifyKind::other);
    const auto tagged = read_notify(request("NOTIFY", "Event: check-sync\r\n", "<sip:x;tag=no>;tag=own"), "t4g");
    EXPECT_THAT(format_sip_answer(tagged, 200), HasSubstr("To: <sip:x;tag=no>;tag=own\r\n"));
}

TEST(SipNotify, OtherRequestsAreDeclined) {
    const auto options = read_notify(request("OPTIONS", ""), "t");
    EXPECT_EQ(options.kind, NotifyKind::other);
    EXPECT_EQ(options.status, 405);
    EXPECT_THAT(format_sip_answer(options, 405), HasSubstr("Allow: NOTIFY\r\n"));
    EXPECT_EQ(read_notify(request("NOTIFY", "Event: message-summary\r\n"), "t").status, 489);
    EXPECT_EQ(read_notify(request("NOTIFY", ""), "t").status, 489);
    EXPECT_EQ(read_notify(request("NOTIFY", "Event: check-sync\r\nEvent: presence\r\n"), "t").status, 489);
}

TEST(SipNotify, WhatCannotBeAnsweredIsPassedOver) {
    const std::string whole = request("NOTIFY", "Event: check-sync\r\n");
    for (std::size_t size = 0; size < whole.size() - 2; ++size)
        EXPECT_EQ(read_notify(whole.substr(0, size), "t").kind, NotifyKind::nothing) << size;
    for (const std::string& bytes : {std::string("SIP/2.0 200 OK\r\n\r\n"), request("ACK", ""), request("CANCEL", ""),
                                     std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), std::string(5000, 'x'),
                                     request("NOTIFY", "Event: check-sync\r\nX: a" + std::string(1, '\0') + "b\r\n"),
                                     request("NOTIFY", std::string("X: a\x01") + "b\r\n"),
                                     request("NOTIFY", "Call-ID: second\r\n"), request("NOTIFY", "no colon\r\n")})
        EXPECT_EQ(read_notify(bytes, "t").kind, NotifyKind::nothing) << bytes;
}

RC_GTEST_PROP(SipNotifyProperty, NoHeaderOfTheAnswerIsBroken, ()) {
    const auto noise = *rc::gen::container<std::string>(rc::gen::element('a', ':', ';', ' ', '\r', '\n', '\t', '\0'));
    const auto notify = read_notify(request("NOTIFY", "Event: check-sync\r\n" + noise + "\r\n"), "t");
    if (notify.kind == NotifyKind::nothing) return;
    const std::string answer = format_sip_answer(notify, notify.status);
    RC_ASSERT(answer.find("\r\n\r\n") == answer.size() - 4);
    RC_ASSERT(answer.find('\0') == std::string::npos);
}

}  // namespace
}  // namespace ringfence::protocol
