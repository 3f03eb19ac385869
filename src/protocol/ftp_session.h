// One read-only FTP control connection, the server's side, as a session without I/O (RFC 959, 2428, 3659). The door
// gives it the bytes it read, sends the replies, and carries out the actions; for each action that asks for an answer
// it calls one of the answer functions. Commands that arrive before that answer wait, in order and bounded.
//
// There is one answer for a path that is absent and one that is not allowed, nothing is listed, and nothing is written.
// Any login is welcome and opens nothing: only public content goes over FTP. Passwords are wiped unread.
// Content is always sent as it is, also in TYPE A: a phone shows the hash of the file's own bytes.
// One thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/result.h"

namespace ringfence::protocol {

// Listen for one data connection, on the control connection's local address; accept it from its peer address only.
// An earlier listener is closed. Answer: passive_opened() or passive_failed().
struct FtpOpenPassive {};

// Send this file over the data connection. Answers: transfer_started() and then transfer_done(), or transfer_failed().
struct FtpRetrieve {
    std::string path;          // one leading '/' removed, not yet judged: as delivery::Request has it
    std::uint64_t offset = 0;  // where to begin (REST); beyond the end: transfer_failed(FaultCode::not_found)
    // PORT or EPRT, always on the peer's own address; empty: the passive listener, which serves this one transfer and
    // is closed with it, also when it fails.
    std::optional<Endpoint> connect_to;
};

// Answer: size_is() or lookup_failed().
struct FtpFindSize {
    std::string path;
};

// Answer: modified_at() or lookup_failed().
struct FtpFindModified {
    std::string path;
};

// The peer gave up a transfer: close the data connection and the listener. It takes back the FtpRetrieve before it,
// which may stand in the same step: answer that one no more.
struct FtpAbort {};

// Send the replies, then close the control connection, and a data connection if there is one. No answer.
struct FtpClose {};

using FtpAction = std::variant<FtpOpenPassive, FtpRetrieve, FtpFindSize, FtpFindModified, FtpAbort, FtpClose>;

// The one table from our faults to FTP's replies, with its line end: 550 for what is absent or not allowed alike, 450
// for what may work later, 451 for our own failures.
std::string_view ftp_refusal(FaultCode code);

// Replies first, then the actions, in order. At most one of them, the last, asks for an answer.
struct FtpStep {
    std::string replies;
    std::vector<FtpAction> actions;
};

// The control connection's two ends.
struct FtpEnds {
    Endpoint local;
    Endpoint peer;
};

class FtpSession {
public:
    // Longest command line with its end, and longest path with the folder before it.
    static constexpr std::size_t max_line = 1024;
    static constexpr std::size_t max_path = 512;
    // Commands that may wait for an answer; a client that sends more is cut off.
    static constexpr std::size_t max_waiting = 16;
    // Active data connections go to this port or above, never to a service of the peer's.
    static constexpr std::uint16_t min_active_port = 1024;

    explicit FtpSession(const FtpEnds& ends) : ends_(ends) {}
    ~FtpSession();
    FtpSession(const FtpSession&) = delete;
    FtpSession& operator=(const FtpSession&) = delete;

    FtpStep start();  // the greeting
    FtpStep on_bytes(std::string_view bytes);
    FtpStep on_idle();  // the door's idle time is over: 421 and close

    // Answers. One that is not awaited (any more) changes nothing.
    FtpStep passive_opened(std::uint16_t port);
    FtpStep passive_failed();
    FtpStep transfer_started(std::uint64_t bytes_to_send);
    FtpStep transfer_failed(FaultCode code);  // before transfer_started(): the file
    FtpStep data_connection_failed();         // before transfer_started(): no data connection came about
    FtpStep transfer_done(bool complete);
    FtpStep size_is(std::uint64_t bytes);
    FtpStep modified_at(WallTime time);
    FtpStep lookup_failed(FaultCode code);

    // True while an answer or a transfer is outstanding; the door's idle timer rests meanwhile.
    bool is_busy() const { return waits_for_ != Wait::nothing; }
    bool is_logged_in() const { return is_logged_in_; }

private:
    enum class Wait { nothing, passive, transfer_start, transfer_end, size, modified };
    struct Command {
        std::string verb;      // upper case
        std::string argument;  // never a password
    };
    using Handler = void (FtpSession::*)(const std::string& argument, FtpStep& step);
    struct Verb;
    static const Verb* find_verb(std::string_view name);

    void take_byte(char c, FtpStep& step);
    void take_line(FtpStep& step);
    void run(const Command& command, FtpStep& step);
    void run_waiting(FtpStep& step);
    bool take_answer(Wait answer);
    FtpStep after_answer(std::string_view reply);
    FtpStep after_transfer(std::string_view reply);
    void close(std::string_view reply, FtpStep& step);

    void user(const std::string&, FtpStep&);
    void password(const std::string&, FtpStep&);
    void account(const std::string&, FtpStep&);
    void type(const std::string&, FtpStep&);
    void mode(const std::string&, FtpStep&);
    void structure(const std::string&, FtpStep&);
    void passive(const std::string&, FtpStep&);
    void extended_passive(const std::string&, FtpStep&);
    void port(const std::string&, FtpStep&);
    void extended_port(const std::string&, FtpStep&);
    void size(const std::string&, FtpStep&);
    void modification_time(const std::string&, FtpStep&);
    void retrieve(const std::string&, FtpStep&);
    void restart(const std::string&, FtpStep&);
    void change_folder(const std::string&, FtpStep&);
    void change_up(const std::string&, FtpStep&);
    void print_folder(const std::string&, FtpStep&);
    void system(const std::string&, FtpStep&);
    void features(const std::string&, FtpStep&);
    void options(const std::string&, FtpStep&);
    void no_operation(const std::string&, FtpStep&);
    void help(const std::string&, FtpStep&);
    void quit(const std::string&, FtpStep&);
    void abort(const std::string&, FtpStep&);
    void refuse_list(const std::string&, FtpStep&);
    void refuse_change(const std::string&, FtpStep&);
    void allocate(const std::string&, FtpStep&);

    void set_active(const Endpoint& endpoint, FtpStep& step);
    void open_passive(bool extended, FtpStep& step);
    std::optional<std::string> path_of(const std::string& argument) const;

    FtpEnds ends_;
    std::string line_;  // bytes of the line that is being read
    bool line_is_too_long_ = false;
    enum class Telnet { none, command, option } telnet_ = Telnet::none;
    std::deque<Command> waiting_;
    Wait waits_for_ = Wait::nothing;
    bool is_closed_ = false;
    bool knows_user_ = false;
    bool is_logged_in_ = false;
    bool is_extended_only_ = false;  // EPSV ALL
    bool opens_extended_ = false;    // the passive request under way is an EPSV
    bool has_passive_ = false;
    std::optional<Endpoint> active_;
    std::uint64_t restart_at_ = 0;
    std::string folder_;  // no '/' at either end; empty: the root
};

}  // namespace ringfence::protocol
