#include "protocol/ftp_session.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <limits>

#include "base/secret.h"
#include "base/text.h"

namespace ringfence::protocol {

namespace {

// RFC 854.
constexpr unsigned char telnet_iac = 255;
constexpr unsigned char telnet_will = 251;
constexpr unsigned char telnet_dont = 254;

constexpr std::string_view not_available = "550 File not available.\r\n";
constexpr std::string_view read_only = "550 This server is read-only.\r\n";
constexpr std::string_view bad_argument = "501 Syntax error in argument.\r\n";
constexpr std::string_view bad_parameter = "504 Not implemented for that parameter.\r\n";
constexpr std::string_view bad_order = "503 Bad sequence of commands.\r\n";
constexpr std::string_view not_logged_in = "530 Please log in with USER and PASS.\r\n";
constexpr std::string_view no_data_connection = "425 Can't open data connection.\r\n";
constexpr std::string_view accepted = "200 Command okay.\r\n";

std::optional<std::uint16_t> parse_port(std::string_view text) {
    const auto number = parse_number(text);
    if (!number || *number == 0 || *number > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
    return static_cast<std::uint16_t>(*number);
}

// "h1,h2,h3,h4,p1,p2" (RFC 959 section 4.1.2).
std::optional<Endpoint> parse_host_port(std::string_view argument) {
    const auto parts = split(argument, ',');
    if (parts.size() != 6) return std::nullopt;
    std::array<std::uint8_t, 6> bytes{};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto number = parse_number(parts[i]);
        if (!number || *number > 255) return std::nullopt;
        bytes[i] = static_cast<std::uint8_t>(*number);
    }
    return Endpoint{IpAddress::from_v4({bytes[0], bytes[1], bytes[2], bytes[3]}),
                    static_cast<std::uint16_t>(bytes[4] * 256 + bytes[5])};
}

// "|1|192.0.2.1|6275|" with any printable character as the bar (RFC 2428 section 2).
std::optional<Endpoint> parse_extended_host_port(std::string_view argument) {
    if (argument.empty() || argument.front() <= ' ' || argument.front() > '~') return std::nullopt;
    const auto parts = split(argument, argument.front());
    if (parts.size() != 5 || !parts[0].empty() || !parts[4].empty()) return std::nullopt;
    const auto address = IpAddress::parse(parts[2]);
    const auto port = parse_port(parts[3]);
    if (!address || !port || parts[1] != (address->is_v4() ? "1" : "2")) return std::nullopt;
    return Endpoint{*address, *port};
}

// RFC 3659 section 2.3.
std::string format_modification_time(WallTime time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
    return fmt::format("{:04}{:02}{:02}{:02}{:02}{:02}", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count());
}

}  // namespace

std::string_view ftp_refusal(FaultCode code) {
    switch (code) {
        case FaultCode::malformed:
        case FaultCode::too_large:
        case FaultCode::unauthenticated:
        case FaultCode::forbidden:
        case FaultCode::untrusted:
        case FaultCode::expired:
        case FaultCode::not_found: return not_available;
        case FaultCode::rate_limited:
        case FaultCode::unavailable: return "450 Try again later.\r\n";
        case FaultCode::conflict:
        case FaultCode::corrupt:
        case FaultCode::internal: break;
    }
    return "451 Server error.\r\n";
}

struct FtpSession::Verb {
    std::string_view name;
    Handler handler;
    bool needs_login = true;
};

const FtpSession::Verb* FtpSession::find_verb(std::string_view name) {
    static constexpr Verb verbs[] = {
        {"USER", &FtpSession::user, false},
        {"PASS", &FtpSession::password, false},
        {"ACCT", &FtpSession::account, false},
        {"QUIT", &FtpSession::quit, false},
        {"FEAT", &FtpSession::features, false},
        {"HELP", &FtpSession::help, false},
        {"NOOP", &FtpSession::no_operation, false},
        {"SYST", &FtpSession::system, false},
        {"OPTS", &FtpSession::options, false},
        {"TYPE", &FtpSession::type},
        {"MODE", &FtpSession::mode},
        {"STRU", &FtpSession::structure},
        {"PASV", &FtpSession::passive},
        {"EPSV", &FtpSession::extended_passive},
        {"PORT", &FtpSession::port},
        {"EPRT", &FtpSession::extended_port},
        {"SIZE", &FtpSession::size},
        {"MDTM", &FtpSession::modification_time},
        {"RETR", &FtpSession::retrieve},
        {"REST", &FtpSession::restart},
        {"CWD", &FtpSession::change_folder},
        {"XCWD", &FtpSession::change_folder},
        {"CDUP", &FtpSession::change_up},
        {"XCUP", &FtpSession::change_up},
        {"PWD", &FtpSession::print_folder},
        {"XPWD", &FtpSession::print_folder},
        {"ABOR", &FtpSession::abort},
        {"ALLO", &FtpSession::allocate},
        {"LIST", &FtpSession::refuse_list},
        {"NLST", &FtpSession::refuse_list},
        {"MLSD", &FtpSession::refuse_list},
        {"MLST", &FtpSession::refuse_list},
        {"STAT", &FtpSession::refuse_list},
        {"STOR", &FtpSession::refuse_change},
        {"STOU", &FtpSession::refuse_change},
        {"APPE", &FtpSession::refuse_change},
        {"DELE", &FtpSession::refuse_change},
        {"MKD", &FtpSession::refuse_change},
        {"RMD", &FtpSession::refuse_change},
        {"RNFR", &FtpSession::refuse_change},
        {"RNTO", &FtpSession::refuse_change},
        {"SITE", &FtpSession::refuse_change},
    };
    for (const auto& verb : verbs)
        if (verb.name == name) return &verb;
    return nullptr;
}

FtpSession::~FtpSession() { wipe(line_); }

FtpStep FtpSession::start() { return {"220 Ready.\r\n", {}}; }

FtpStep FtpSession::on_bytes(std::string_view bytes) {
    FtpStep step;
    for (const char c : bytes) {
        if (is_closed_) break;
        take_byte(c, step);
    }
    return step;
}

FtpStep FtpSession::on_idle() {
    FtpStep step;
    close("421 Idle for too long.\r\n", step);
    return step;
}

void FtpSession::take_byte(char c, FtpStep& step) {
    const auto byte = static_cast<unsigned char>(c);
    if (telnet_ == Telnet::option) {
        telnet_ = Telnet::none;
        return;
    }
    if (telnet_ == Telnet::command && byte != telnet_iac) {
        telnet_ = byte >= telnet_will && byte <= telnet_dont ? Telnet::option : Telnet::none;
        return;
    }
    if (telnet_ == Telnet::none && byte == telnet_iac) {
        telnet_ = Telnet::command;
        return;
    }
    telnet_ = Telnet::none;

    if (c == '\n') {
        take_line(step);
    } else if (line_.size() < max_line) {
        // A growing string leaves its old bytes behind; a password may be among them.
        if (line_.empty()) line_.reserve(max_line);
        line_ += c;
    } else {
        line_is_too_long_ = true;
    }
}

void FtpSession::take_line(FtpStep& step) {
    if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    const auto blank = std::min(line_.find(' '), line_.size());
    Command command{to_upper(std::string_view(line_).substr(0, blank)), {}};
    if (line_is_too_long_) command.verb.clear();
    if (blank < line_.size() && command.verb != "PASS" && command.verb != "ACCT")
        command.argument = line_.substr(blank + 1);
    wipe(line_);
    line_is_too_long_ = false;

    const bool in_transfer = waits_for_ == Wait::transfer_start || waits_for_ == Wait::transfer_end;
    if (!is_busy() || (in_transfer && command.verb == "ABOR")) {
        run(command, step);
        run_waiting(step);
        return;
    }
    if (waiting_.size() >= max_waiting) return close("421 Too many commands at once.\r\n", step);
    waiting_.push_back(std::move(command));
}

void FtpSession::run(const Command& command, FtpStep& step) {
    const Verb* verb = find_verb(command.verb);
    if (verb == nullptr) {
        step.replies += "500 Command not understood.\r\n";
        return;
    }
    if (verb->needs_login && !is_logged_in_) {
        step.replies += not_logged_in;
        return;
    }
    (this->*verb->handler)(command.argument, step);
}

void FtpSession::run_waiting(FtpStep& step) {
    while (!is_closed_ && !is_busy() && !waiting_.empty()) {
        const Command command = std::move(waiting_.front());
        waiting_.pop_front();
        run(command, step);
    }
}

bool FtpSession::take_answer(Wait answer) {
    if (waits_for_ != answer) return false;
    waits_for_ = Wait::nothing;
    return true;
}

FtpStep FtpSession::after_answer(std::string_view reply) {
    FtpStep step{std::string(reply), {}};
    run_waiting(step);
    return step;
}

FtpStep FtpSession::after_transfer(std::string_view reply) {
    has_passive_ = false;
    active_.reset();
    return after_answer(reply);
}

void FtpSession::close(std::string_view reply, FtpStep& step) {
    if (is_closed_) return;
    step.replies += reply;
    step.actions.emplace_back(FtpClose{});
    is_closed_ = true;
    waits_for_ = Wait::nothing;
    waiting_.clear();
}

FtpStep FtpSession::passive_opened(std::uint16_t port) {
    if (!take_answer(Wait::passive)) return {};
    has_passive_ = true;
    active_.reset();
    if (opens_extended_) return after_answer(fmt::format("229 Entering Extended Passive Mode (|||{}|)\r\n", port));
    return after_answer(fmt::format("227 Entering Passive Mode ({},{},{})\r\n",
                                    replace_all(ends_.local.address.to_string(), ".", ","), port / 256, port % 256));
}

FtpStep FtpSession::passive_failed() {
    if (!take_answer(Wait::passive)) return {};
    has_passive_ = false;
    return after_answer(no_data_connection);
}

FtpStep FtpSession::transfer_started(std::uint64_t bytes_to_send) {
    if (!take_answer(Wait::transfer_start)) return {};
    waits_for_ = Wait::transfer_end;
    return {fmt::format("150 Opening data connection ({} bytes).\r\n", bytes_to_send), {}};
}

FtpStep FtpSession::transfer_failed(FaultCode code) {
    if (!take_answer(Wait::transfer_start)) return {};
    return after_transfer(ftp_refusal(code));
}

FtpStep FtpSession::data_connection_failed() {
    if (!take_answer(Wait::transfer_start)) return {};
    return after_transfer(no_data_connection);
}

FtpStep FtpSession::transfer_done(bool complete) {
    if (!take_answer(Wait::transfer_end)) return {};
    return after_transfer(complete ? "226 Transfer complete.\r\n" : "426 Connection closed; transfer aborted.\r\n");
}

FtpStep FtpSession::size_is(std::uint64_t bytes) {
    if (!take_answer(Wait::size)) return {};
    return after_answer(fmt::format("213 {}\r\n", bytes));
}

FtpStep FtpSession::modified_at(WallTime time) {
    if (!take_answer(Wait::modified)) return {};
    return after_answer(fmt::format("213 {}\r\n", format_modification_time(time)));
}

FtpStep FtpSession::lookup_failed(FaultCode code) {
    if (!take_answer(Wait::size) && !take_answer(Wait::modified)) return {};
    return after_answer(ftp_refusal(code));
}

void FtpSession::user(const std::string& argument, FtpStep& step) {
    is_logged_in_ = false;
    knows_user_ = !argument.empty();
    step.replies += knows_user_ ? "331 Any password will do.\r\n" : bad_argument;
}

void FtpSession::password(const std::string&, FtpStep& step) {
    is_logged_in_ = knows_user_;
    step.replies += is_logged_in_ ? "230 Logged in.\r\n" : bad_order;
}

void FtpSession::account(const std::string&, FtpStep& step) { step.replies += "202 No account is needed.\r\n"; }

void FtpSession::type(const std::string& argument, FtpStep& step) {
    const std::string wanted = to_upper(argument);
    const bool is_known = wanted == "I" || wanted == "A" || wanted == "A N" || wanted == "L 8";
    step.replies += is_known ? accepted : bad_parameter;
}

void FtpSession::mode(const std::string& argument, FtpStep& step) {
    step.replies += equals_ignoring_case(argument, "S") ? accepted : bad_parameter;
}

void FtpSession::structure(const std::string& argument, FtpStep& step) {
    step.replies += equals_ignoring_case(argument, "F") ? accepted : bad_parameter;
}

void FtpSession::open_passive(bool extended, FtpStep& step) {
    opens_extended_ = extended;
    waits_for_ = Wait::passive;
    step.actions.emplace_back(FtpOpenPassive{});
}

void FtpSession::passive(const std::string&, FtpStep& step) {
    if (is_extended_only_) {
        step.replies += bad_order;
    } else if (!ends_.local.address.is_v4()) {
        step.replies += "425 Use EPSV over IPv6.\r\n";
    } else {
        open_passive(false, step);
    }
}

void FtpSession::extended_passive(const std::string& argument, FtpStep& step) {
    if (equals_ignoring_case(argument, "ALL")) {
        is_extended_only_ = true;
        step.replies += accepted;
        return;
    }
    const std::string_view ours = ends_.local.address.is_v4() ? "1" : "2";
    if (!argument.empty() && argument != ours) {
        step.replies += fmt::format("522 Network protocol not supported, use ({}).\r\n", ours);
        return;
    }
    open_passive(true, step);
}

// A data connection to a third party would make us the attacker's hand (RFC 2577 section 3).
void FtpSession::set_active(const Endpoint& endpoint, FtpStep& step) {
    if (endpoint.address != ends_.peer.address || endpoint.port < min_active_port) {
        step.replies += bad_parameter;
        return;
    }
    active_ = endpoint;
    has_passive_ = false;
    step.replies += accepted;
}

void FtpSession::port(const std::string& argument, FtpStep& step) {
    const auto endpoint = parse_host_port(argument);
    if (is_extended_only_ || !endpoint) {
        step.replies += is_extended_only_ ? bad_order : bad_argument;
        return;
    }
    set_active(*endpoint, step);
}

void FtpSession::extended_port(const std::string& argument, FtpStep& step) {
    const auto endpoint = parse_extended_host_port(argument);
    if (is_extended_only_ || !endpoint) {
        step.replies += is_extended_only_ ? bad_order : bad_argument;
        return;
    }
    set_active(*endpoint, step);
}

// Dot segments in a path are left for the pipeline to refuse.
std::optional<std::string> FtpSession::path_of(const std::string& argument) const {
    std::string path;
    if (argument.front() == '/') {
        path = argument.substr(1);
    } else {
        path = folder_.empty() ? argument : folder_ + "/" + argument;
    }
    if (path.size() > max_path) return std::nullopt;
    return path;
}

void FtpSession::size(const std::string& argument, FtpStep& step) {
    const auto path = argument.empty() ? std::nullopt : path_of(argument);
    if (!path) {
        step.replies += argument.empty() ? bad_argument : not_available;
        return;
    }
    waits_for_ = Wait::size;
    step.actions.emplace_back(FtpFindSize{*path});
}

void FtpSession::modification_time(const std::string& argument, FtpStep& step) {
    const auto path = argument.empty() ? std::nullopt : path_of(argument);
    if (!path) {
        step.replies += argument.empty() ? bad_argument : not_available;
        return;
    }
    waits_for_ = Wait::modified;
    step.actions.emplace_back(FtpFindModified{*path});
}

void FtpSession::retrieve(const std::string& argument, FtpStep& step) {
    const std::uint64_t offset = restart_at_;
    restart_at_ = 0;
    const auto path = argument.empty() ? std::nullopt : path_of(argument);
    if (!path) {
        step.replies += argument.empty() ? bad_argument : not_available;
        return;
    }
    if (!has_passive_ && !active_) {
        step.replies += no_data_connection;
        return;
    }
    waits_for_ = Wait::transfer_start;
    step.actions.emplace_back(FtpRetrieve{*path, offset, active_});
}

void FtpSession::restart(const std::string& argument, FtpStep& step) {
    const auto offset = parse_number(argument);
    if (!offset) {
        step.replies += bad_argument;
        return;
    }
    restart_at_ = *offset;
    step.replies += fmt::format("350 Restarting at {}.\r\n", *offset);
}

void FtpSession::change_folder(const std::string& argument, FtpStep& step) {
    if (argument.empty()) {
        step.replies += bad_argument;
        return;
    }
    if (argument == "..") return change_up(argument, step);
    auto folder = path_of(argument);
    if (!folder) {
        step.replies += not_available;
        return;
    }
    while (!folder->empty() && folder->back() == '/') folder->pop_back();
    folder_ = *folder;
    step.replies += "250 Folder changed.\r\n";
}

void FtpSession::change_up(const std::string&, FtpStep& step) {
    const auto slash = folder_.rfind('/');
    folder_.erase(slash == std::string::npos ? 0 : slash);
    step.replies += "250 Folder changed.\r\n";
}

void FtpSession::print_folder(const std::string&, FtpStep& step) {
    // RFC 959 appendix II doubles quotes.
    step.replies +=
        fmt::format("257 \"/{}\" is the current folder.\r\n", replace_all(printable(folder_, max_path), "\"", "\"\""));
}

void FtpSession::system(const std::string&, FtpStep& step) { step.replies += "215 UNIX Type: L8\r\n"; }

void FtpSession::features(const std::string&, FtpStep& step) {
    step.replies += "211-Features:\r\n EPSV\r\n MDTM\r\n REST STREAM\r\n SIZE\r\n211 End.\r\n";
}

void FtpSession::options(const std::string&, FtpStep& step) { step.replies += "501 There are no options.\r\n"; }

void FtpSession::no_operation(const std::string&, FtpStep& step) { step.replies += accepted; }

void FtpSession::help(const std::string&, FtpStep& step) {
    step.replies += "214 Read-only: USER PASS TYPE PASV EPSV SIZE MDTM REST RETR QUIT.\r\n";
}

void FtpSession::quit(const std::string&, FtpStep& step) { close("221 Goodbye.\r\n", step); }

void FtpSession::abort(const std::string&, FtpStep& step) {
    if (is_busy()) {
        waits_for_ = Wait::nothing;
        has_passive_ = false;
        active_.reset();
        step.replies += "426 Connection closed; transfer aborted.\r\n";
        step.actions.emplace_back(FtpAbort{});
    }
    step.replies += "226 Abort successful.\r\n";
}

void FtpSession::refuse_list(const std::string&, FtpStep& step) { step.replies += not_available; }

void FtpSession::refuse_change(const std::string&, FtpStep& step) { step.replies += read_only; }

void FtpSession::allocate(const std::string&, FtpStep& step) { step.replies += "202 Nothing to allocate.\r\n"; }

}  // namespace ringfence::protocol
