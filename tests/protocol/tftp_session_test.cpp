#include "protocol/tftp_session.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/random.h"

namespace ringfence::protocol {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using Datagrams = std::vector<std::string>;

std::string data(unsigned block, const std::string& payload) {
    return format_tftp(TftpData{static_cast<std::uint16_t>(block), payload});
}
std::string ack(unsigned block) { return format_tftp(TftpAck{static_cast<std::uint16_t>(block)}); }

struct Transfer {
    SteadyTime now{1h};
    std::string content;
    TftpReadSession session;

    explicit Transfer(std::string text, std::vector<TftpOption> options = {}, TftpMode mode = TftpMode::octet,
                      const TftpLimits& limits = {})
        : content(std::move(text)),
          session(TftpReadSession::open({"x", mode, std::move(options)}, content, limits).value()) {}

    Datagrams start() { return session.start(now); }
    Datagrams send(const std::string& datagram) { return session.on_datagram(datagram, now); }
    Datagrams fall_silent() {
        now = session.deadline().value();
        return session.on_deadline(now);
    }
};

TEST(tftp_session, without_options_it_is_lock_step_with_512_bytes) {
    const std::string content = std::string(512, 'a') + std::string(512, 'b') + "c";
    Transfer transfer(content);
    EXPECT_EQ(transfer.start(), Datagrams{data(1, std::string(512, 'a'))});
    EXPECT_EQ(transfer.send(ack(1)), Datagrams{data(2, std::string(512, 'b'))});
    EXPECT_EQ(transfer.send(ack(2)), Datagrams{data(3, "c")});
    EXPECT_FALSE(transfer.session.is_done());
    EXPECT_EQ(transfer.send(ack(3)), Datagrams{});
    EXPECT_TRUE(transfer.session.is_done());
    EXPECT_EQ(transfer.session.result().end, TftpEnd::complete);
    EXPECT_EQ(transfer.session.result().bytes_acknowledged, 1025U);
    EXPECT_FALSE(transfer.session.deadline());
}

TEST(tftp_session, a_file_of_whole_blocks_ends_with_an_empty_one) {
    Transfer whole(std::string(512, 'a'));
    whole.start();
    EXPECT_EQ(whole.send(ack(1)), Datagrams{data(2, "")});
    whole.send(ack(2));
    EXPECT_EQ(whole.session.result().end, TftpEnd::complete);
    Transfer empty("");
    EXPECT_EQ(empty.start(), Datagrams{data(1, "")});
    empty.send(ack(1));
    EXPECT_EQ(empty.session.result().end, TftpEnd::complete);
}

TEST(tftp_session, duplicate_and_stray_acks_never_cause_data) {
    Transfer transfer(std::string(2000, 'a'));
    transfer.start();
    EXPECT_EQ(transfer.send(ack(0)), Datagrams{});
    EXPECT_EQ(transfer.send(ack(1)).size(), 1U);
    for (const unsigned stray : {1U, 0U, 3U, 4U, 65535U}) EXPECT_EQ(transfer.send(ack(stray)), Datagrams{}) << stray;
    EXPECT_EQ(transfer.send(ack(2)).size(), 1U);
}

TEST(tftp_session, noise_neither_ends_nor_hastens_a_transfer) {
    Transfer transfer(std::string(2000, 'a'));
    transfer.start();
    const auto deadline = transfer.session.deadline();
    transfer.now += 10ms;
    for (const auto& noise : {""s, "\0\4"s, "\0\1x\0octet\0"s, "\0\3\0\1x"s,
                              "\0\6blksize\0"
                              "8\0"s,
                              "\0\x9x"s})
        EXPECT_EQ(transfer.send(noise), Datagrams{});
    EXPECT_EQ(transfer.session.deadline(), deadline);
    EXPECT_FALSE(transfer.session.is_done());
}

TEST(tftp_session, known_options_are_answered_and_held_to_our_limits) {
    Transfer transfer(std::string(3000, 'a'), {{"BLKSIZE", "9000"},
                                               {"tsize", "0"},
                                               {"timeout", "3"},
                                               {"windowsize", "100"},
                                               {"multicast", ""},
                                               {"rollover", "0"}});
    const auto oack =
        format_tftp(TftpOptionAck{{{"BLKSIZE", "1468"}, {"tsize", "3000"}, {"timeout", "3"}, {"windowsize", "64"}}});
    EXPECT_EQ(transfer.start(), Datagrams{oack});
    EXPECT_EQ(transfer.session.deadline(), transfer.now + 3s);
    EXPECT_EQ(transfer.send(ack(1)), Datagrams{});
    EXPECT_EQ(transfer.send(ack(0)), (Datagrams{data(1, std::string(1468, 'a')), data(2, std::string(1468, 'a')),
                                                data(3, std::string(64, 'a'))}));
    EXPECT_EQ(transfer.send(ack(0)), Datagrams{});
    transfer.send(ack(3));
    EXPECT_EQ(transfer.session.result().end, TftpEnd::complete);
}

TEST(tftp_session, options_out_of_range_are_left_out) {
    for (const TftpOption& option : std::vector<TftpOption>{{"blksize", "7"},
                                                            {"blksize", "65465"},
                                                            {"blksize", "-8"},
                                                            {"blksize", "512 "},
                                                            {"timeout", "0"},
                                                            {"timeout", "9"},
                                                            {"timeout", "255"},
                                                            {"timeout", "256"},
                                                            {"windowsize", "0"},
                                                            {"windowsize", "65536"},
                                                            {"tsize", "x"},
                                                            {"unknown", "1"}}) {
        Transfer transfer("content", {option});
        EXPECT_EQ(transfer.start(), Datagrams{data(1, "content")}) << option.name << option.value;
    }
    Transfer smallest("0123456789", {{"blksize", "8"}});
    EXPECT_EQ(smallest.start(), Datagrams{format_tftp(TftpOptionAck{{{"blksize", "8"}}})});
    EXPECT_EQ(smallest.send(ack(0)), Datagrams{data(1, "01234567")});
}

TEST(tftp_session, an_acknowledged_part_of_a_window_moves_it) {
    Transfer transfer("aaaaaaaabbbbbbbbccccccccdddddddde", {{"blksize", "8"}, {"windowsize", "3"}});
    transfer.start();
    EXPECT_EQ(transfer.send(ack(0)), (Datagrams{data(1, "aaaaaaaa"), data(2, "bbbbbbbb"), data(3, "cccccccc")}));
    EXPECT_EQ(transfer.send(ack(1)), (Datagrams{data(2, "bbbbbbbb"), data(3, "cccccccc"), data(4, "dddddddd")}));
    EXPECT_EQ(transfer.send(ack(1)), Datagrams{});
    EXPECT_EQ(transfer.send(ack(4)), Datagrams{data(5, "e")});
    EXPECT_EQ(transfer.session.result().bytes_acknowledged, 32U);
}

TEST(tftp_session, silence_is_answered_with_longer_and_longer_waits) {
    Transfer transfer(std::string(600, 'a'));
    const auto first = transfer.start();
    std::vector<Duration> waits;
    while (!transfer.session.is_done()) {
        const auto before = transfer.now;
        EXPECT_EQ(transfer.session.on_deadline(transfer.session.deadline().value() - 1ms), Datagrams{});
        const auto again = transfer.fall_silent();
        waits.push_back(transfer.now - before);
        EXPECT_EQ(again, transfer.session.is_done() ? Datagrams{} : first);
    }
    EXPECT_EQ(waits, (std::vector<Duration>{1s, 2s, 4s})) << "it may not even exist";
    EXPECT_EQ(transfer.session.result().end, TftpEnd::cut);
    EXPECT_EQ(transfer.session.result().bytes_acknowledged, 0U);
    EXPECT_FALSE(transfer.session.was_heard());
}

TEST(tftp_session, who_acknowledged_once_is_given_more_time) {
    Transfer transfer(std::string(600, 'a'), {{"tsize", "0"}});
    transfer.start();
    transfer.send(ack(0));
    EXPECT_TRUE(transfer.session.was_heard());
    std::vector<Duration> waits;
    while (!transfer.session.is_done()) {
        const auto before = transfer.now;
        transfer.fall_silent();
        waits.push_back(transfer.now - before);
    }
    EXPECT_EQ(waits, (std::vector<Duration>{1s, 2s, 4s, 8s, 8s, 8s}));
}

TEST(tftp_session, an_answer_makes_the_wait_short_again) {
    Transfer transfer(std::string(2000, 'a'));
    transfer.start();
    transfer.fall_silent();
    transfer.fall_silent();
    EXPECT_EQ(transfer.send(ack(1)).size(), 1U);
    EXPECT_EQ(transfer.session.deadline(), transfer.now + 1s);
}

TEST(tftp_session, the_longest_timeout_option_is_kept_and_not_doubled) {
    Transfer transfer("a", {{"timeout", "8"}});
    EXPECT_EQ(transfer.start(), Datagrams{format_tftp(TftpOptionAck{{{"timeout", "8"}}})});
    const auto begun = transfer.now;
    transfer.fall_silent();
    EXPECT_EQ(transfer.session.deadline(), transfer.now + 8s);
    while (!transfer.session.is_done()) transfer.fall_silent();
    EXPECT_EQ(transfer.now - begun, 24s);
}

TEST(tftp_session, a_lost_last_ack_is_told_from_a_cut) {
    Transfer transfer(std::string(513, 'a'));
    transfer.start();
    transfer.send(ack(1));
    while (!transfer.session.is_done()) transfer.fall_silent();
    EXPECT_EQ(transfer.session.result().end, TftpEnd::unconfirmed);
    EXPECT_EQ(transfer.session.result().bytes_acknowledged, 512U);
    EXPECT_EQ(transfer.send(ack(2)), Datagrams{});
}

TEST(tftp_session, a_peer_that_barely_answers_cannot_hold_it_for_ever) {
    TftpLimits limits;
    limits.longest_transfer = 100s;
    Transfer transfer(std::string(5000, 'a'), {{"blksize", "8"}, {"timeout", "8"}}, TftpMode::octet, limits);
    const auto begun = transfer.now;
    transfer.start();
    for (unsigned block = 0; block < 500 && !transfer.session.is_done(); ++block) {
        transfer.send(ack(block));
        transfer.fall_silent();
    }
    EXPECT_EQ(transfer.session.result().end, TftpEnd::cut);
    EXPECT_EQ(transfer.now - begun, 100s);
}

TEST(tftp_session, a_peer_that_answers_at_once_is_held_to_its_time_too) {
    TftpLimits limits;
    limits.longest_transfer = 10s;
    Transfer transfer(std::string(5000, 'a'), {{"blksize", "8"}}, TftpMode::octet, limits);
    const auto begun = transfer.now;
    transfer.start();
    for (unsigned block = 0; transfer.now - begun < 10s; ++block) {
        EXPECT_EQ(transfer.session.on_deadline(transfer.now), Datagrams{});
        ASSERT_FALSE(transfer.session.is_done());
        transfer.send(ack(block));
        transfer.now += 100ms;
    }
    EXPECT_EQ(transfer.session.deadline(), begun + 10s);
    transfer.session.on_deadline(transfer.now);
    EXPECT_EQ(transfer.session.result().end, TftpEnd::cut);
}

TEST(tftp_session, giving_up_ends_it_as_silence_would) {
    Transfer cut(std::string(2000, 'a'));
    cut.start();
    cut.session.give_up();
    EXPECT_EQ(cut.session.result().end, TftpEnd::cut);
    Transfer unconfirmed(std::string(513, 'a'));
    unconfirmed.start();
    unconfirmed.send(ack(1));
    unconfirmed.session.give_up();
    EXPECT_EQ(unconfirmed.session.result().end, TftpEnd::unconfirmed);
    Transfer complete("a");
    complete.start();
    complete.send(ack(1));
    complete.session.give_up();
    EXPECT_EQ(complete.session.result().end, TftpEnd::complete);
}

TEST(tftp_session, an_error_from_the_peer_ends_it) {
    Transfer transfer(std::string(2000, 'a'), {{"tsize", "0"}});
    transfer.start();
    EXPECT_EQ(transfer.send(format_error(TftpErrorCode::options_refused, "no\nthanks")), Datagrams{});
    EXPECT_EQ(transfer.session.result().end, TftpEnd::peer_error);
    EXPECT_EQ(transfer.session.result().peer_message, "no\\x0athanks");
}

TEST(tftp_session, mail_is_refused) {
    EXPECT_EQ(TftpReadSession::open({"x", TftpMode::mail, {}}, "x").error().code, FaultCode::malformed);
}

TEST(tftp_session, netascii_translates_line_ends_across_blocks) {
    Transfer transfer("abcdefg\nh\ri\r\n", {{"blksize", "8"}, {"tsize", "0"}}, TftpMode::netascii);
    EXPECT_EQ(transfer.start(), Datagrams{format_tftp(TftpOptionAck{{{"blksize", "8"}, {"tsize", "17"}}})});
    EXPECT_EQ(transfer.send(ack(0)), Datagrams{data(1, "abcdefg\r")});
    EXPECT_EQ(transfer.fall_silent(), Datagrams{data(1, "abcdefg\r")});
    EXPECT_EQ(transfer.send(ack(1)), Datagrams{data(2, "\nh\r\0i\r\0\r"s)});
    EXPECT_EQ(transfer.send(ack(2)), Datagrams{data(3, "\n")});
    transfer.send(ack(3));
    EXPECT_EQ(transfer.session.result().end, TftpEnd::complete);
    EXPECT_EQ(transfer.session.result().bytes_acknowledged, 13U);
}

// A receiver as RFC 7440 has it, over a line that loses packets both ways.
std::string receive(Transfer& transfer, std::size_t block_size, unsigned loss_percent, Random& random) {
    std::string received;
    std::uint64_t expected = 1;
    bool last_seen = false;
    auto datagrams = transfer.start();
    while (!transfer.session.is_done()) {
        bool heard = false;
        for (const auto& datagram : datagrams) {
            if (random.below(100) < loss_percent) continue;
            heard = true;
            const auto packet = parse_tftp(datagram).value();
            if (std::holds_alternative<TftpOptionAck>(packet)) continue;
            const auto& block = std::get<TftpData>(packet);
            if (block.block != static_cast<std::uint16_t>(expected)) continue;
            received += block.payload;
            last_seen = block.payload.size() < block_size;
            ++expected;
        }
        const bool answers = heard && random.below(100) >= loss_percent;
        datagrams = answers ? transfer.send(ack(static_cast<std::uint16_t>(expected - 1))) : Datagrams{};
        if (datagrams.empty() && !transfer.session.is_done()) datagrams = transfer.fall_silent();
    }
    EXPECT_TRUE(last_seen || transfer.session.result().end != TftpEnd::complete);
    return received;
}

TEST(tftp_session, the_size_of_an_empty_file_is_not_told) {
    Transfer transfer("", {{"tsize", "0"}});
    EXPECT_EQ(transfer.start(), Datagrams{format_tftp(TftpData{1, ""})});
}

RC_GTEST_PROP(tftp_session, every_byte_arrives_over_a_lossy_line, ()) {
    SeededRandom random(*rc::gen::arbitrary<std::uint64_t>());
    const auto size = *rc::gen::inRange<std::size_t>(0, 3000);
    const auto block_size = *rc::gen::inRange<std::size_t>(8, 600);
    const auto window = *rc::gen::inRange<unsigned>(1, 65);
    const auto loss = *rc::gen::inRange<unsigned>(0, 30);
    TftpLimits limits;
    limits.tries_per_window = 50;
    limits.tries_unheard = 50;
    Transfer transfer(random.bytes(size),
                      {{"blksize", std::to_string(block_size)}, {"windowsize", std::to_string(window)}},
                      TftpMode::octet, limits);
    const auto received = receive(transfer, block_size, loss, random);
    RC_ASSERT(received == transfer.content);
    RC_ASSERT(transfer.session.result().end == TftpEnd::complete ||
              transfer.session.result().end == TftpEnd::unconfirmed);
}

TEST(tftp_session, block_numbers_wrap_around) {
    SeededRandom random(3);
    Transfer transfer(random.bytes(8 * 140000 + 5), {{"blksize", "8"}, {"windowsize", "64"}});
    EXPECT_EQ(receive(transfer, 8, 0, random), transfer.content);
    EXPECT_EQ(transfer.session.result().end, TftpEnd::complete);
}

}  // namespace
}  // namespace ringfence::protocol
