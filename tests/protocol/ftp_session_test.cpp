#include "protocol/ftp_session.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace ringfence::protocol {
namespace {

using namespace std::string_literals;

const FtpEnds ends_v4{Endpoint::parse("192.0.2.1:21").value(), Endpoint::parse("192.0.2.77:50000").value()};
const FtpEnds ends_v6{Endpoint::parse("[2001:db8::1]:21").value(), Endpoint::parse("[2001:db8::77]:50000").value()};

std::string say(FtpSession& session, const std::string& bytes) { return session.on_bytes(bytes).replies; }

struct Ftp : testing::Test {
    FtpSession session{ends_v4};

    void log_in() {
        ASSERT_EQ(say(session, "USER anonymous\r\nPASS x\r\n"), "331 Any password will do.\r\n230 Logged in.\r\n");
    }
    void open_passive() {
        ASSERT_EQ(session.on_bytes("EPSV\r\n").actions.size(), 1U);
        ASSERT_EQ(session.passive_opened(4000).replies.substr(0, 3), "229");
    }
    template <typename Action>
    Action only_action(const std::string& bytes) {
        const auto step = session.on_bytes(bytes);
        EXPECT_EQ(step.replies, "");
        EXPECT_EQ(step.actions.size(), 1U);
        return std::get<Action>(step.actions.at(0));
    }
};

TEST_F(Ftp, a_file_is_fetched_as_curl_does) {
    EXPECT_EQ(session.start().replies, "220 Ready.\r\n");
    log_in();
    EXPECT_EQ(say(session, "PWD\r\n"), "257 \"/\" is the current folder.\r\n");
    only_action<FtpOpenPassive>("EPSV\r\n");
    EXPECT_TRUE(session.is_busy());
    EXPECT_EQ(session.passive_opened(4000).replies, "229 Entering Extended Passive Mode (|||4000|)\r\n");
    EXPECT_EQ(say(session, "TYPE I\r\n"), "200 Command okay.\r\n");
    EXPECT_EQ(only_action<FtpFindSize>("SIZE 1230SIP.cfg\r\n").path, "1230SIP.cfg");
    EXPECT_EQ(session.size_is(1234).replies, "213 1234\r\n");
    EXPECT_EQ(only_action<FtpFindModified>("MDTM 1230SIP.cfg\r\n").path, "1230SIP.cfg");
    EXPECT_EQ(session.modified_at(parse_time("2026-11-03T06:01:09Z").value()).replies, "213 20261103060109\r\n");
    const auto retrieve = only_action<FtpRetrieve>("RETR 1230SIP.cfg\r\n");
    EXPECT_EQ(retrieve.path, "1230SIP.cfg");
    EXPECT_EQ(retrieve.offset, 0U);
    EXPECT_FALSE(retrieve.connect_to);
    EXPECT_EQ(session.transfer_started(1234).replies, "150 Opening data connection (1234 bytes).\r\n");
    EXPECT_EQ(session.transfer_done(true).replies, "226 Transfer complete.\r\n");
    EXPECT_FALSE(session.is_busy());
    const auto step = session.on_bytes("QUIT\r\nNOOP\r\n");
    EXPECT_EQ(step.replies, "221 Goodbye.\r\n");
    ASSERT_EQ(step.actions.size(), 1U);
    EXPECT_TRUE(std::holds_alternative<FtpClose>(step.actions[0]));
    EXPECT_EQ(say(session, "NOOP\r\n"), "");
}

TEST_F(Ftp, any_login_is_welcome_but_one_is_needed) {
    EXPECT_EQ(say(session, "RETR x\r\n"), "530 Please log in with USER and PASS.\r\n");
    EXPECT_EQ(say(session, "PASS x\r\n"), "503 Bad sequence of commands.\r\n");
    EXPECT_EQ(say(session, "USER\r\n").substr(0, 3), "501");
    EXPECT_EQ(say(session, "user 00247F0102AB\r\npass \r\n"), "331 Any password will do.\r\n230 Logged in.\r\n");
    EXPECT_EQ(say(session, "ACCT x\r\n").substr(0, 3), "202");
    EXPECT_EQ(say(session, "USER other\r\nPWD\r\n"),
              "331 Any password will do.\r\n530 Please log in with USER and PASS.\r\n");
}

TEST_F(Ftp, lines_may_come_in_pieces_and_with_telnet_commands) {
    EXPECT_EQ(say(session, "US"), "");
    EXPECT_EQ(say(session, "\xFF"), "");
    EXPECT_EQ(say(session, "\xFB"), "");
    EXPECT_EQ(say(session, "\1ER a\r"), "");
    EXPECT_EQ(say(session, "\n\xFF\xF4\xFF\xF2PASS b\n"), "331 Any password will do.\r\n230 Logged in.\r\n");
    EXPECT_EQ(say(session,
                  "CWD a\xFF\xFF"
                  "b\r\nPWD\r\n"),
              "250 Folder changed.\r\n257 \"/a\\xffb\" is the current folder.\r\n");
}

TEST_F(Ftp, a_line_that_is_too_long_is_one_bad_command) {
    log_in();
    EXPECT_EQ(say(session, std::string(100000, 'x')), "");
    EXPECT_EQ(say(session, "\r\nNOOP\r\n"), "500 Command not understood.\r\n200 Command okay.\r\n");
    EXPECT_EQ(say(session, "SIZE " + std::string(600, 'x') + "\r\n"), "550 File not available.\r\n");
}

TEST_F(Ftp, folders_are_a_prefix_and_nothing_more) {
    log_in();
    const auto path = [this](const std::string& argument) {
        const auto found = only_action<FtpFindSize>("SIZE " + argument + "\r\n").path;
        session.lookup_failed(FaultCode::not_found);
        return found;
    };
    EXPECT_EQ(say(session, "CWD /fw/sip/\r\n"), "250 Folder changed.\r\n");
    EXPECT_EQ(path("a b.bin"), "fw/sip/a b.bin");
    EXPECT_EQ(path("/a.bin"), "a.bin");
    EXPECT_EQ(path("../a.bin"), "fw/sip/../a.bin");  // the pipeline's to refuse
    EXPECT_EQ(path("//etc/passwd"), "/etc/passwd");
    EXPECT_EQ(say(session, "CWD ..\r\n"), "250 Folder changed.\r\n");
    EXPECT_EQ(path("a"), "fw/a");
    EXPECT_EQ(say(session, "CDUP\r\nCDUP\r\n"), "250 Folder changed.\r\n250 Folder changed.\r\n");
    EXPECT_EQ(path("a"), "a");
    EXPECT_EQ(say(session, "CWD a\"b\r\nPWD\r\n"), "250 Folder changed.\r\n257 \"/a\"\"b\" is the current folder.\r\n");
    EXPECT_EQ(say(session, "CWD /\r\nCWD\r\n"), "250 Folder changed.\r\n501 Syntax error in argument.\r\n");
    for (int i = 0; i < 200; ++i) say(session, "CWD deeper\r\n");
    EXPECT_EQ(say(session, "CWD deeper\r\n"), "550 File not available.\r\n");
}

TEST_F(Ftp, absent_and_forbidden_read_the_same) {
    log_in();
    std::vector<std::string> replies;
    for (const auto code :
         {FaultCode::not_found, FaultCode::forbidden, FaultCode::unauthenticated, FaultCode::malformed}) {
        open_passive();
        only_action<FtpRetrieve>("RETR x\r\n");
        replies.push_back(session.transfer_failed(code).replies);
        only_action<FtpFindSize>("SIZE x\r\n");
        replies.push_back(session.lookup_failed(code).replies);
        only_action<FtpFindModified>("MDTM x\r\n");
        replies.push_back(session.lookup_failed(code).replies);
    }
    for (const auto& reply : replies) EXPECT_EQ(reply, "550 File not available.\r\n");
    EXPECT_EQ(ftp_refusal(FaultCode::unavailable).substr(0, 3), "450");
    EXPECT_EQ(ftp_refusal(FaultCode::corrupt).substr(0, 3), "451");
}

TEST_F(Ftp, nothing_is_listed_or_changed) {
    log_in();
    for (const auto* command : {"LIST", "NLST /", "MLSD", "MLST x", "STAT /"})
        EXPECT_EQ(say(session, command + "\r\n"s), "550 File not available.\r\n");
    for (const auto* command :
         {"STOR x", "STOU", "APPE x", "DELE x", "MKD x", "RMD x", "RNFR x", "RNTO y", "SITE CHMOD 7 x"})
        EXPECT_EQ(say(session, command + "\r\n"s), "550 This server is read-only.\r\n");
    EXPECT_EQ(say(session, "AUTH TLS\r\n\r\n"), "500 Command not understood.\r\n500 Command not understood.\r\n");
}

TEST_F(Ftp, restart_applies_to_one_retrieval) {
    log_in();
    EXPECT_EQ(say(session, "REST 4294967296\r\n"), "350 Restarting at 4294967296.\r\n");
    EXPECT_EQ(say(session, "REST -1\r\n").substr(0, 3), "501");
    open_passive();
    EXPECT_EQ(only_action<FtpRetrieve>("RETR x\r\n").offset, 4294967296U);
    session.transfer_started(1);
    session.transfer_done(true);
    open_passive();
    EXPECT_EQ(only_action<FtpRetrieve>("RETR x\r\n").offset, 0U);
}

TEST_F(Ftp, a_transfer_needs_a_data_connection_of_its_own) {
    log_in();
    EXPECT_EQ(say(session, "RETR x\r\n").substr(0, 3), "425");
    open_passive();
    only_action<FtpRetrieve>("RETR x\r\n");
    EXPECT_EQ(session.data_connection_failed().replies.substr(0, 3), "425");
    EXPECT_EQ(say(session, "RETR x\r\n").substr(0, 3), "425");
    only_action<FtpOpenPassive>("PASV\r\n");
    EXPECT_EQ(session.passive_failed().replies.substr(0, 3), "425");
    EXPECT_EQ(say(session, "RETR x\r\n").substr(0, 3), "425");
}

TEST_F(Ftp, active_mode_goes_to_the_peer_itself_only) {
    log_in();
    for (const auto* command : {"PORT 192,0,2,78,200,0", "PORT 127,0,0,1,200,0", "PORT 192,0,2,77,3,255",
                                "EPRT |1|192.0.2.78|5000|", "EPRT |2|2001:db8::77|5000|", "EPRT |1|192.0.2.77|1023|"})
        EXPECT_EQ(say(session, command + "\r\n"s).substr(0, 3), "504") << command;
    for (const auto* command :
         {"PORT", "PORT 192,0,2,77,200", "PORT 192,0,2,77,200,256", "PORT 192,0,2,77,200,0,1",
          "EPRT |1|192.0.2.77|5000", "EPRT |2|192.0.2.77|5000|", "EPRT |1|192.0.2.77|65536|", "EPRT"})
        EXPECT_EQ(say(session, command + "\r\n"s).substr(0, 3), "501") << command;
    EXPECT_EQ(say(session, "RETR x\r\n").substr(0, 3), "425");

    EXPECT_EQ(say(session, "PORT 192,0,2,77,4,0\r\n").substr(0, 3), "200");
    EXPECT_EQ(only_action<FtpRetrieve>("RETR x\r\n").connect_to, Endpoint::parse("192.0.2.77:1024").value());
    session.transfer_failed(FaultCode::not_found);
    EXPECT_EQ(say(session, "EPRT !1!192.0.2.77!5000!\r\n").substr(0, 3), "200");
    EXPECT_EQ(only_action<FtpRetrieve>("RETR x\r\n").connect_to, Endpoint::parse("192.0.2.77:5000").value());
}

TEST_F(Ftp, passive_mode_follows_the_address_family) {
    log_in();
    only_action<FtpOpenPassive>("PASV\r\n");
    EXPECT_EQ(session.passive_opened(4000).replies, "227 Entering Passive Mode (192,0,2,1,15,160)\r\n");
    EXPECT_EQ(say(session, "EPSV 2\r\n").substr(0, 3), "522");
    EXPECT_EQ(say(session, "EPSV ALL\r\nPASV\r\nPORT 192,0,2,77,4,0\r\n"),
              "200 Command okay.\r\n503 Bad sequence of commands.\r\n503 Bad sequence of commands.\r\n");
    only_action<FtpOpenPassive>("EPSV 1\r\n");

    FtpSession over_v6{ends_v6};
    over_v6.on_bytes("USER a\r\nPASS b\r\n");
    EXPECT_EQ(say(over_v6, "PASV\r\n").substr(0, 3), "425");
    EXPECT_EQ(say(over_v6, "EPSV 1\r\n"), "522 Network protocol not supported, use (2).\r\n");
    EXPECT_EQ(say(over_v6, "EPRT |2|2001:db8::77|5000|\r\n").substr(0, 3), "200");
    EXPECT_EQ(over_v6.on_bytes("EPSV 2\r\n").actions.size(), 1U);
}

TEST_F(Ftp, commands_wait_for_a_transfer_and_are_bounded) {
    log_in();
    open_passive();
    only_action<FtpRetrieve>("RETR x\r\n");
    EXPECT_EQ(say(session, "NOOP\r\nQUIT\r\n"), "");
    EXPECT_EQ(session.transfer_started(5).replies, "150 Opening data connection (5 bytes).\r\n");
    const auto step = session.transfer_done(false);
    EXPECT_EQ(step.replies, "426 Connection closed; transfer aborted.\r\n200 Command okay.\r\n221 Goodbye.\r\n");
    EXPECT_TRUE(std::holds_alternative<FtpClose>(step.actions.at(0)));

    FtpSession flooded{ends_v4};
    flooded.on_bytes("USER a\r\nPASS b\r\nEPSV\r\n");
    for (std::size_t i = 0; i < FtpSession::max_waiting; ++i) EXPECT_EQ(say(flooded, "NOOP\r\n"), "");
    const auto cut = flooded.on_bytes("NOOP\r\n");
    EXPECT_EQ(cut.replies, "421 Too many commands at once.\r\n");
    EXPECT_TRUE(std::holds_alternative<FtpClose>(cut.actions.at(0)));
    EXPECT_EQ(flooded.passive_opened(1).replies, "");
}

TEST_F(Ftp, a_transfer_can_be_aborted) {
    log_in();
    open_passive();
    only_action<FtpRetrieve>("RETR x\r\n");
    session.transfer_started(5);
    const auto step = session.on_bytes(
        "\xFF\xF4\xFF\xF2"
        "ABOR\r\n");
    EXPECT_EQ(step.replies, "426 Connection closed; transfer aborted.\r\n226 Abort successful.\r\n");
    EXPECT_TRUE(std::holds_alternative<FtpAbort>(step.actions.at(0)));
    EXPECT_EQ(session.transfer_done(true).replies, "");
    EXPECT_EQ(say(session, "ABOR\r\n"), "226 Abort successful.\r\n");
}

TEST_F(Ftp, small_commands_have_their_codes) {
    log_in();
    const std::vector<std::pair<std::string, std::string>> expected = {
        {"TYPE A", "200"}, {"TYPE a n", "200"}, {"TYPE L 8", "200"},  {"TYPE E", "504"}, {"MODE S", "200"},
        {"MODE B", "504"}, {"STRU F", "200"},   {"STRU R", "504"},    {"SYST", "215"},   {"HELP", "214"},
        {"NOOP", "200"},   {"ALLO 5", "202"},   {"OPTS UTF8", "501"}, {"SIZE", "501"},   {"RETR", "501"},
        {"MDTM", "501"},   {"XPWD", "257"}};
    for (const auto& [command, code] : expected)
        EXPECT_EQ(say(session, command + "\r\n").substr(0, 3), code) << command;
    EXPECT_EQ(say(session, "FEAT\r\n"), "211-Features:\r\n EPSV\r\n MDTM\r\n REST STREAM\r\n SIZE\r\n211 End.\r\n");
}

TEST_F(Ftp, an_idle_client_is_told_and_closed) {
    const auto step = session.on_idle();
    EXPECT_EQ(step.replies.substr(0, 3), "421");
    EXPECT_TRUE(std::holds_alternative<FtpClose>(step.actions.at(0)));
    EXPECT_TRUE(session.on_idle().actions.empty());
}

RC_GTEST_PROP(ftp_session, cuts_do_not_matter, (const std::vector<std::uint8_t>& cuts)) {
    const std::string bytes =
        "USER a\r\nPASS b\r\nCWD x\r\nPWD\r\n\xFF\xFB\1TYPE I\r\nEPSV ALL\r\nLIST\r\nREST 5\r\nRETR y\r\nQUIT\r\n";
    FtpSession whole{ends_v4};
    const auto expected = say(whole, bytes);
    FtpSession session{ends_v4};
    std::string replies;
    std::string_view rest = bytes;
    for (const auto cut : cuts) {
        const std::size_t count = std::min<std::size_t>(cut % 20U, rest.size());
        replies += session.on_bytes(rest.substr(0, count)).replies;
        rest.remove_prefix(count);
    }
    RC_ASSERT(replies + session.on_bytes(rest).replies == expected);
}

}  // namespace
}  // namespace ringfence::protocol
