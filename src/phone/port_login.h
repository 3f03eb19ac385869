// The phone's end of an 802.1X port: when it logs in, and what it makes of what the supplicant (wpa_supplicant) and the
// cable tell (reference 1.2 steps 1 and 2, 5.8, 6). A session without I/O: what happened and the time go in; commands,
// events, a state and a deadline come out. Not thread-safe.
//
// Whatever ends badly, the phone counts as without network and the display says "EAP Authenticate-Fail"; it tries again
// at growing intervals. A login is given up after a time, also where the supplicant waits for ever, as it does when
// the switch's refusal comes after it had decided for success.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "phone/event_log.h"
#include "phone/port_settings.h"

namespace ringfence::phone {

// wpa_supplicant waits 2 s before it speaks, a RADIUS server may be asked twice, and 30 s is the supplicant's own limit
// (IEEE 802.1X-2010 section 8.7: authPeriod).
inline constexpr Duration login_limit = std::chrono::seconds(30);
// A switch answers nobody for its quiet period, usually 60 s, after a refusal. The waits double up to the longest.
inline constexpr Duration first_login_retry = std::chrono::seconds(15);
inline constexpr Duration longest_login_retry = std::chrono::minutes(5);
// Longer chains than OpenSSL follows are no use to anybody.
inline constexpr unsigned longest_server_chain = 10;
inline constexpr std::string_view login_failed_display = "EAP Authenticate-Fail";

// What wpa_supplicant says on its control socket, as far as it matters here.
struct SupplicantEvent {
    enum class Kind {
        other,
        network_added,      // what follows belongs to the login that was ordered last
        started,            // the switch asked who is there
        certificate,        // one that the RADIUS server showed, in DER
        certificate_fault,  // the RADIUS server's certificate was refused by us
        alert,              // the RADIUS server refused our TLS, or our certificate
        success,
        failure,
        terminating,
    };
    Kind kind = Kind::other;
    unsigned reason = 0;  // certificate_fault: wpa_supplicant's number (tls_fail_reason of its tls.h)
    unsigned depth = 0;   // of the certificate: 0 is the server's own
    std::string text;     // the reason in words, printable; or a certificate's bytes
};
// One message, with or without its "<3>".
SupplicantEvent parse_supplicant_event(std::string_view message);

enum class PortState {
    unguarded,      // mode Disabled, and there is a link
    no_link,        // no carrier
    no_supplicant,  // it is not there, or not any more
    logging_in,
    open,
    closed,  // refused or without an answer; tried again later
};
std::string_view to_string(PortState state);  // "unguarded", "no link" ...
std::optional<PortState> parse_port_state(std::string_view name);

enum class LinkState { down, up };

enum class PortCommand {
    log_in,  // from the beginning, with the settings as they are now; then begun() or could_not_begin()
    reauthenticate,
    leave,  // and answer nobody
};

// What is known when a login begins.
struct LoginFacts {
    bool is_time_checked = true;    // else the dates of the RADIUS server's certificate do not count
    std::string certificate_fault;  // what is wrong with the phone's own certificate; empty: nothing
};

class PortLogin {
public:
    // `random` outlives this object.
    PortLogin(PortMode mode, Random& random) : mode_(mode), random_(&random) {}

    // The link was not down since the last login, the phone was only restarted: the port is taken for open (reference
    // 1.2 step 2). Before see_link() and see_supplicant().
    void assume_open() { is_assumed_open_ = true; }

    void see_link(LinkState link, SteadyTime now);
    // A supplicant that still holds a login is left in peace where the port is assumed open; else the phone logs in.
    struct FoundSupplicant {
        bool holds_login = false;
    };
    void see_supplicant(const FoundSupplicant& found, SteadyTime now);  // until the first, the phone waits for it
    void miss_supplicant(std::string reason, SteadyTime now);
    void begun(const LoginFacts& facts);
    void could_not_begin(EventCode code, std::string reason, SteadyTime now);
    void hear(const SupplicantEvent& event, SteadyTime now);
    void tick(SteadyTime now);
    // A person wants it to log in again, whatever was refused before. An open port stays open meanwhile.
    void ask(SteadyTime now);
    // An open port may have closed unnoticed. What is closed stays so until its own next try.
    void question(SteadyTime now);
    void ask_anew(SteadyTime now);  // the same with all of the login's settings

    std::vector<PortCommand> take_commands() { return std::exchange(commands_, {}); }
    std::vector<Event> take_events() { return std::exchange(events_, {}); }
    std::optional<SteadyTime> deadline() const;  // for tick()

    PortState state() const { return state_; }
    // Whether the network may be used. Without a guard it is attempted.
    bool has_network() const { return state_ == PortState::open || state_ == PortState::unguarded; }
    std::string_view display() const { return state_ == PortState::closed ? login_failed_display : ""; }
    const std::string& reason() const { return reason_; }  // why the state is what it is; one sentence
    EventCode failure_code() const;                        // the mode's own, where nothing better is known
    // What the RADIUS server showed at the last login that succeeded, its own certificate first, each in DER. A session
    // that is resumed shows none again.
    const std::vector<std::string>& server_chain() const { return server_chain_; }
    // Whether its dates count, judged by the supplicant or by judge_server().
    bool is_time_checked() const {
        return facts_.is_time_checked || (!server_chain_.empty() && judged_chain_ == server_chain_);
    }
    // What the phone itself finds of the chain, each time that it knows more: the supplicant knows no revocation, and
    // may have had no clock. A fault closes the port, also to the same chain at later logins, until ask(). Nothing
    // happens where another chain was shown meanwhile.
    void judge_server(const std::vector<std::string>& chain, const Status& verdict, SteadyTime now);

    // How often the network came back since the phone had none.
    unsigned openings() const { return openings_; }

private:
    // What the supplicant told since the login began.
    struct Attempt {
        bool is_ours = false;  // nothing of an earlier one can come any more
        bool was_asked = false;
        SupplicantEvent complaint;
        std::vector<std::string> chain;
    };

    void enter(PortState state, std::string reason);
    void log_in(SteadyTime now);
    void wait_for_answer(SteadyTime now);
    void begin(SteadyTime now);
    void keep_certificate(const SupplicantEvent& event);
    void succeed(SteadyTime now);
    void refuse_server(SteadyTime now);
    void forget_server();
    void fail_login(EventCode code, std::string reason, SteadyTime now);
    void time_out(SteadyTime now);
    void judge_failure(SteadyTime now);
    void report(EventCode code, const std::string& reason);

    PortMode mode_;
    Random* random_;
    bool is_assumed_open_ = false;
    bool holds_login_ = false;  // the supplicant did when it was found
    PortState state_ = PortState::no_link;
    std::string reason_ = "the link is down";
    bool has_link_ = false;
    bool has_supplicant_ = false;
    LoginFacts facts_;
    Attempt attempt_;
    std::vector<std::string> server_chain_;
    std::vector<std::string> judged_chain_;
    std::vector<std::string> refused_chain_;
    std::string refusal_;
    std::optional<SteadyTime> answer_by_;
    std::optional<SteadyTime> retry_at_;
    unsigned failures_ = 0;  // since the last success or link
    unsigned openings_ = 0;
    std::string reported_;  // the last event since then, so that a port that stays closed does not fill the log
    std::vector<PortCommand> commands_;
    std::vector<Event> events_;
};

}  // namespace ringfence::phone
