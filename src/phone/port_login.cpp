#include "phone/port_login.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace ringfence::phone {

namespace {

using Kind = SupplicantEvent::Kind;

constexpr unsigned most_doublings = 16;  // far above what reaches the longest wait
// A certificate's name and reason; more is an attacker's.
constexpr std::size_t told_limit = 120;

constexpr std::array<std::string_view, 6> state_names = {"unguarded",  "no link", "no supplicant",
                                                         "logging in", "open",    "closed"};

// wpa_supplicant's tls_fail_reason: what is wrong with the server's own certificate rather than with its chain.
constexpr unsigned not_yet_valid = 3, expired = 4, subject_mismatch = 5, alternative_name_mismatch = 6,
                   domain_suffix_mismatch = 9, domain_mismatch = 10, name_mismatch = 12;
constexpr std::array own_faults = {not_yet_valid,          expired,         subject_mismatch, alternative_name_mismatch,
                                   domain_suffix_mismatch, domain_mismatch, name_mismatch};

// The text behind `mark` up to the last quote. The last mark counts, because what stands before it is a certificate's.
std::string_view last_quoted(std::string_view text, std::string_view mark) {
    const auto at = text.rfind(mark);
    const auto end = text.rfind('\'');
    if (at == std::string_view::npos || end == std::string_view::npos || end < at + mark.size()) return {};
    return text.substr(at + mark.size(), end - at - mark.size());
}

// The number behind `mark`; 0 when there is none.
unsigned number_after(std::string_view text, std::string_view mark) {
    const auto at = text.find(mark);
    if (at == std::string_view::npos) return 0;
    unsigned number = 0;
    std::from_chars(text.data() + at + mark.size(), text.data() + text.size(), number);
    return number;
}

struct Word {
    std::string_view begin;
    Kind kind;
};
constexpr std::array<Word, 5> plain_words = {{{"CTRL-EVENT-NETWORK-ADDED ", Kind::network_added},
                                              {"CTRL-EVENT-EAP-STARTED ", Kind::started},
                                              {"CTRL-EVENT-EAP-SUCCESS ", Kind::success},
                                              {"CTRL-EVENT-EAP-FAILURE ", Kind::failure},
                                              {"CTRL-EVENT-TERMINATING", Kind::terminating}}};
constexpr std::string_view certificate_word = "CTRL-EVENT-EAP-TLS-CERT-ERROR ";
constexpr std::string_view shown_word = "CTRL-EVENT-EAP-PEER-CERT ";
constexpr std::string_view alert_word = "CTRL-EVENT-EAP-STATUS status='remote TLS alert' ";

std::string_view without_level(std::string_view message) {
    if (!message.starts_with('<')) return message;
    const auto end = message.find('>');
    return end == std::string_view::npos ? message : message.substr(end + 1);
}

bool is_about_certificate(std::string_view alert) {
    const std::string text = to_lower(alert);
    return text.find("certificate") != std::string::npos || text.find("unknown ca") != std::string::npos;
}

// "depth=0 subject='...' cert=HEX"; another message of the word brings a hash instead.
SupplicantEvent read_certificate(std::string_view text) {
    constexpr std::string_view mark = "' cert=";
    const auto at = text.rfind(mark);
    if (at == std::string_view::npos) return {};
    auto der = from_hex(trim(text.substr(at + mark.size())));
    if (!der) return {};
    return {Kind::certificate, 0, number_after(text, " depth="), std::move(*der)};
}

}  // namespace

SupplicantEvent parse_supplicant_event(std::string_view message) {
    const auto text = without_level(message);
    for (const auto& word : plain_words)
        if (text.starts_with(word.begin)) return {word.kind, 0, 0, {}};
    if (text.starts_with(alert_word))
        return {Kind::alert, 0, 0, printable(last_quoted(text, "parameter='"), told_limit)};
    if (text.starts_with(shown_word)) return read_certificate(text);
    if (text.starts_with(certificate_word))
        return {Kind::certificate_fault, number_after(text, " reason="), number_after(text, " depth="),
                printable(last_quoted(text, " err='"), told_limit)};
    return {};
}

std::string_view to_string(PortState state) { return state_names[static_cast<std::size_t>(state)]; }

std::optional<PortState> parse_port_state(std::string_view name) {
    const auto found = std::find(state_names.begin(), state_names.end(), name);
    if (found == state_names.end()) return std::nullopt;
    return static_cast<PortState>(found - state_names.begin());
}

std::optional<SteadyTime> PortLogin::deadline() const {
    if (!answer_by_ || !retry_at_) return answer_by_ ? answer_by_ : retry_at_;
    return std::min(*answer_by_, *retry_at_);
}

EventCode PortLogin::failure_code() const {
    switch (mode_) {
        case PortMode::peap: return EventCode::eap_peap_failed;
        case PortMode::tls: return EventCode::eap_tls_failed;
        case PortMode::md5:
        case PortMode::disabled: break;
    }
    return EventCode::eap_md5_failed;
}

void PortLogin::enter(PortState state, std::string reason) {
    const bool had_network = has_network();
    state_ = state;
    reason_ = std::move(reason);
    if (!had_network && has_network()) ++openings_;
}

void PortLogin::see_link(LinkState link, SteadyTime now) {
    const bool is_up = link == LinkState::up;
    if (!is_up) is_assumed_open_ = false;
    if (is_up == has_link_) return;
    has_link_ = is_up;
    answer_by_.reset();
    retry_at_.reset();
    failures_ = 0;
    reported_.clear();
    if (!is_up) {
        if (mode_ != PortMode::disabled && has_supplicant_) commands_.push_back(PortCommand::leave);
        forget_server();
        return enter(PortState::no_link, "the link is down");
    }
    if (mode_ == PortMode::disabled) return enter(PortState::unguarded, "802.1X is disabled");
    if (has_supplicant_) return begin(now);
    enter(PortState::no_supplicant, "the supplicant is not there yet");
}

void PortLogin::see_supplicant(const FoundSupplicant& found, SteadyTime now) {
    has_supplicant_ = true;
    if (mode_ == PortMode::disabled) return commands_.push_back(PortCommand::leave);
    holds_login_ = found.holds_login;
    if (has_link_) begin(now);
}

void PortLogin::begin(SteadyTime now) {
    if (!std::exchange(is_assumed_open_, false)) return log_in(now);
    enter(PortState::open, "taken for open: the link was not down since the last login");
    if (!holds_login_) return log_in(now);
    attempt_.is_ours = true;
}

void PortLogin::miss_supplicant(std::string reason, SteadyTime now) {
    has_supplicant_ = false;
    if (mode_ == PortMode::disabled || !has_link_) return;
    attempt_ = {};
    if (state_ == PortState::open) {
        // The switch knows nothing of it yet; once it asks, somebody has to answer.
        reason_ = std::move(reason);
        if (!answer_by_) wait_for_answer(now);
        return;
    }
    answer_by_.reset();
    retry_at_.reset();
    enter(PortState::no_supplicant, std::move(reason));
}

void PortLogin::wait_for_answer(SteadyTime now) { answer_by_ = now + login_limit; }

// A port that is open stays so meanwhile.
void PortLogin::log_in(SteadyTime now) {
    retry_at_.reset();
    attempt_ = {};
    if (state_ != PortState::open) enter(PortState::logging_in, fmt::format("logging in by {}", to_string(mode_)));
    commands_.push_back(PortCommand::log_in);
    wait_for_answer(now);
}

void PortLogin::begun(const LoginFacts& facts) { facts_ = facts; }

void PortLogin::could_not_begin(EventCode code, std::string reason, SteadyTime now) {
    fail_login(code, std::move(reason), now);
}

void PortLogin::hear(const SupplicantEvent& event, SteadyTime now) {
    if (event.kind == Kind::network_added) {
        attempt_ = {};
        attempt_.is_ours = true;
        return;
    }
    if (!attempt_.is_ours || (state_ != PortState::logging_in && state_ != PortState::open)) return;
    switch (event.kind) {
        case Kind::started:
            attempt_.was_asked = true;
            attempt_.complaint = {};
            attempt_.chain.clear();
            if (!answer_by_) wait_for_answer(now);
            return;
        case Kind::certificate: return keep_certificate(event);
        case Kind::certificate_fault: attempt_.complaint = event; return;
        case Kind::alert:
            if (attempt_.complaint.kind == Kind::other) attempt_.complaint = event;
            return;
        case Kind::success: return succeed(now);
        case Kind::failure: return judge_failure(now);
        case Kind::other:
        case Kind::network_added:
        case Kind::terminating: return;
    }
}

void PortLogin::keep_certificate(const SupplicantEvent& event) {
    if (event.depth >= longest_server_chain) return;
    if (attempt_.chain.size() <= event.depth) attempt_.chain.resize(event.depth + 1);
    attempt_.chain[event.depth] = event.text;
}

void PortLogin::judge_server(const std::vector<std::string>& chain, const Status& verdict, SteadyTime now) {
    if (state_ != PortState::open || chain.empty() || chain != server_chain_) return;
    if (verdict) {
        judged_chain_ = chain;
        return;
    }
    refused_chain_ = chain;
    refusal_ = verdict.error().message;
    refuse_server(now);
}

void PortLogin::refuse_server(SteadyTime now) {
    fail_login(failure_code(), fmt::format("the RADIUS server's certificate is not accepted: {}", refusal_), now);
}

void PortLogin::succeed(SteadyTime now) {
    answer_by_.reset();
    if (!attempt_.chain.empty()) server_chain_ = std::move(attempt_.chain);
    attempt_.chain.clear();
    if (!refused_chain_.empty() && server_chain_ == refused_chain_) return refuse_server(now);
    failures_ = 0;
    reported_.clear();
    enter(PortState::open, fmt::format("logged in by {}{}", to_string(mode_),
                                       facts_.is_time_checked ? "" : "; the RADIUS server's dates are judged later"));
}

void PortLogin::judge_failure(SteadyTime now) {
    const SupplicantEvent complaint = attempt_.complaint;
    if (complaint.kind == Kind::certificate_fault) {
        const bool is_its_own = complaint.depth == 0 &&
                                std::find(own_faults.begin(), own_faults.end(), complaint.reason) != own_faults.end();
        return fail_login(is_its_own ? failure_code() : EventCode::eap_root_invalid,
                          fmt::format("the RADIUS server's certificate is not accepted: {}", complaint.text), now);
    }
    if (mode_ == PortMode::tls && complaint.kind == Kind::alert && is_about_certificate(complaint.text))
        return fail_login(EventCode::eap_device_certificate_invalid,
                          fmt::format("the RADIUS server does not accept the device certificate: {}", complaint.text),
                          now);
    if (mode_ == PortMode::tls && !facts_.certificate_fault.empty())
        return fail_login(EventCode::eap_device_certificate_invalid,
                          fmt::format("the login was refused, and {}", facts_.certificate_fault), now);
    const std::string why = complaint.kind == Kind::alert ? ": " + complaint.text : std::string();
    fail_login(failure_code(), fmt::format("the login by {} was refused{}", to_string(mode_), why), now);
}

void PortLogin::forget_server() {
    attempt_ = {};
    server_chain_.clear();
    judged_chain_.clear();
}

void PortLogin::fail_login(EventCode code, std::string reason, SteadyTime now) {
    answer_by_.reset();
    forget_server();
    if (has_supplicant_) commands_.push_back(PortCommand::leave);
    report(code, reason);
    enter(PortState::closed, std::move(reason));
    const Duration doubled = first_login_retry * (1LL << std::min(failures_, most_doublings));
    const Duration wait = std::min(doubled, longest_login_retry);
    ++failures_;
    // Spread, because a switch that restarts closes all its ports at once.
    retry_at_ = now + wait +
                Duration(static_cast<Duration::rep>(random_->below(static_cast<std::uint64_t>((wait / 4).count()))));
}

void PortLogin::report(EventCode code, const std::string& reason) {
    const std::string entry = fmt::format("{:04X} {}", static_cast<unsigned>(code), reason);
    if (std::exchange(reported_, entry) == entry) return;
    events_.push_back({code, Severity::minor, fmt::format("{}: {}", login_failed_display, reason)});
}

void PortLogin::time_out(SteadyTime now) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(login_limit).count();
    fail_login(failure_code(),
               attempt_.was_asked ? fmt::format("the login was not finished within {} s", seconds)
                                  : fmt::format("the switch did not answer within {} s", seconds),
               now);
}

void PortLogin::tick(SteadyTime now) {
    if (answer_by_ && now >= *answer_by_) time_out(now);
    if (!retry_at_ || now < *retry_at_) return;
    if (has_supplicant_) return log_in(now);
    retry_at_.reset();
    enter(PortState::no_supplicant, "the supplicant is not there");
}

void PortLogin::ask(SteadyTime now) {
    refused_chain_.clear();
    if (!has_supplicant_) return;
    if (state_ == PortState::closed) return log_in(now);
    question(now);
}

void PortLogin::question(SteadyTime now) {
    if (!has_supplicant_ || state_ != PortState::open || answer_by_) return;
    attempt_ = {};
    attempt_.is_ours = true;
    commands_.push_back(PortCommand::reauthenticate);
    wait_for_answer(now);
}

void PortLogin::ask_anew(SteadyTime now) {
    if (has_supplicant_ && (state_ == PortState::open || state_ == PortState::closed)) log_in(now);
}

}  // namespace ringfence::phone
