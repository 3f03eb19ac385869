#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "app/phone/answerer.h"
#include "app/phone/bell.h"
#include "app/phone/boot_runner.h"
#include "app/phone/commands.h"
#include "app/phone/enrol_runner.h"
#include "app/phone/lease_file.h"
#include "app/phone/notify_socket.h"
#include "app/phone/output.h"
#include "app/phone/port_keeper.h"
#include "app/phone/report.h"
#include "app/phone/state_folder.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "phone/behaviour.h"
#include "phone/phone_clock.h"
#include "phone/renewal.h"
#include "phone/trust_review.h"
#include "phone/update_schedule.h"
#include "protocol/sip_notify.h"

namespace ringfence::app {

namespace {

// However many NOTIFYs come, they make one boot, and not more than one a minute.
constexpr Duration notify_spacing = std::chrono::minutes(1);
// The trust list's end and the roots' are looked at daily (reference 4.5).
constexpr Duration review_spacing = std::chrono::hours(24);
// So that a clock that was set is noticed.
constexpr Duration longest_sleep = std::chrono::minutes(1);
// Sleeping is cut at a minute, so a check that is later than this was passed by a clock that was set.
constexpr Duration most_lateness = std::chrono::minutes(2);
// A window of today that is over, and the longest of tomorrow.
constexpr Duration farthest_check = std::chrono::hours(54);
// A port may have closed unnoticed when the server is not reached. To log in again costs the network an answer, and a
// network that has none to give would close the port: not every failed boot is worth it.
constexpr Duration port_question_spacing = std::chrono::minutes(10);
// A DHCP client has its own time. A boot that reached nobody does not wait for its next try when a lease comes.
constexpr Duration lease_look_spacing = std::chrono::seconds(1);
constexpr std::size_t tag_bytes = 8;
constexpr std::size_t addresses_of_one_server = 16;

// Written by signal handlers.
std::atomic<bool> must_stop{false};
std::atomic<bool> must_check{false};
std::optional<Bell> wake;  // set before any handler is
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int number) {
    if (number == SIGHUP)
        must_check = true;
    else
        must_stop = true;
    wake->ring();
}

Status watch_signals() {
    auto bell = Bell::make();
    if (!bell) return fail(std::move(bell.error()));
    wake.emplace(std::move(*bell));
    struct sigaction action {};
    action.sa_handler = on_signal;
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaction(number, &action, nullptr);
    return {};
}

// All addresses of a SIP server that the settings name; none when it leads to none.
void add_addresses(const std::string& host, std::vector<Network>& networks) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    if (host.empty() || host == "0.0.0.0" || ::getaddrinfo(host.c_str(), nullptr, &wanted, &found) != 0) return;
    std::size_t count = 0;
    for (const auto* one = found; one != nullptr && count < addresses_of_one_server; one = one->ai_next, ++count) {
        std::array<char, NI_MAXHOST> text{};
        if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
            continue;
        if (auto network = Network::parse(text.data())) networks.push_back(*network);
    }
    ::freeaddrinfo(found);
}

std::vector<Network> provisioned_servers(const phone::EffectiveSettings& settings) {
    std::vector<Network> networks;
    for (const auto& [name, setting] : settings)
        if (name.starts_with("SERVER_IP")) add_addresses(setting.value, networks);
    return networks;
}

void say(const RunOptions& options, std::string_view event, std::string_view text) {
    if (options.boot.json)
        print(run_json(event, text) + "\n");
    else
        print(fmt::format("{}: {}\n", event, text));
    flush();
}

class Agent {
public:
    Agent(const RunOptions& options, std::vector<Network> allowed, phone::Behaviour behaviour,
          std::optional<NotifySocket> socket)
        : options_(options), given_networks_(std::move(allowed)), behaviour_(behaviour), socket_(std::move(socket)) {}

    // Before run(). `keeper` tells by the pipe of the signals.
    void keep_port(std::unique_ptr<PortKeeper> keeper) {
        port_ = std::move(keeper);
        due_boot_.reset();
    }

    int run() {
        while (!must_stop) {
            sleep();
            if (must_stop) break;
            if (port_) follow_port();
            answer_notifies();
            follow_clock();
            if (must_check.exchange(false)) take_key();
            if (port_ && !port_news_.has_network) continue;
            if (due_boot_)
                boot(*std::exchange(due_boot_, std::nullopt));
            else if (is_notified_ && clock_.steady_now() >= last_boot_ + notify_spacing)
                boot("check-sync");
            else if (retry_at_ && clock_.steady_now() >= *retry_at_)
                boot("the server was not reached before");
            else if (retry_at_ && has_new_lease())
                boot("DHCP gave a lease");
            else if (next_check_ && clock_.wall_now() >= *next_check_)
                daily_boot();
            else if (renewal_.is_due(now()))
                renew();
            else if (clock_.steady_now() >= next_review_)
                review();
        }
        say(options_, "stopped", "a signal asked for it");
        return finish_output(exit_done);
    }

private:
    // A person asks for a check, who may have typed something in before.
    void take_key() {
        due_boot_ = "asked for";
        if (!port_) return;
        renew_port_plan();
        if (!port_news_.has_network) port_->ask();
    }

    void follow_port() {
        const unsigned openings = port_news_.openings;
        const auto former_chain = port_news_.server_chain;
        PortNews news = port_->take_news();
        for (const auto& line : news.lines) say(options_, "port", line);
        unlogged_.insert(unlogged_.end(), news.events.begin(), news.events.end());
        port_news_ = std::move(news);
        if (!unlogged_.empty()) log_port_events();
        if (port_news_.server_chain != former_chain) judge_network();
        if (port_news_.openings == openings) return;
        due_boot_ = openings == 0 ? "power-up" : "the network is back";
        last_question_.reset();
    }

    // What another program's work on the flash delays is logged at the next turn.
    void log_port_events() {
        SystemDisk disk;
        auto held = hold_flash(disk, options_.boot.state, clock_);
        if (!held) return;
        for (const auto& event : std::exchange(unlogged_, {}))
            if (auto logged = held->flash.log(event); !logged) say(options_, "failed", logged.error().message);
    }

    // By the time and the revocation lists that the last boot left.
    void judge_network() {
        if (!clock_error_ || port_news_.server_chain.empty()) return;
        SystemDisk disk;
        auto held = hold_flash(disk, options_.boot.state, clock_);
        if (!held) return say(options_, "failed", held.error().message);
        const crypto::JudgingTime time{clock_.wall_now() + *clock_error_, false};
        port_->judge_server(port_news_.server_chain,
                            judge_radius_server(held->flash, behaviour_, port_news_.server_chain, time));
    }

    // Roots, certificates and the time may be others after a boot.
    void renew_port_plan() {
        SystemDisk disk;
        auto held = hold_flash(disk, options_.boot.state, clock_);
        if (!held) return say(options_, "failed", held.error().message);
        auto plan = plan_port(held->flash, disk, options_.boot.state, behaviour_, clock_);
        if (!plan) return say(options_, "failed", plan.error().message);
        port_->take_plan(std::move(*plan));
    }

    void question_port() {
        if (last_question_ && clock_.steady_now() < *last_question_ + port_question_spacing) return;
        last_question_ = clock_.steady_now();
        port_->question();
    }

    // When the DHCP hook left what is there now.
    std::optional<std::filesystem::file_time_type> lease_time() const {
        std::error_code error;
        const auto time = std::filesystem::last_write_time(lease_path(options_.boot.state), error);
        return error ? std::nullopt : std::optional(time);
    }

    bool has_new_lease() const {
        const auto time = lease_time();
        return time && time != booted_lease_;
    }

    void boot(std::string_view why) {
        is_notified_ = false;
        booted_lease_ = lease_time();
        say(options_, "boot", why);
        const auto end = boot_to_rest(options_.boot, &must_stop);
        last_boot_ = clock_.steady_now();
        next_review_ = last_boot_ + review_spacing;
        if (must_stop) return;
        if (!end) say(options_, "failed", end.error().fault.message);
        const bool has_served = end && end->has_served;
        failures_ = has_served ? 0 : failures_ + 1;
        retry_at_.reset();
        if (!has_served) {
            const Duration wait = phone::retry_wait(failures_ - 1, random_);
            retry_at_ = last_boot_ + wait;
            say(options_, "retry", fmt::format("in {} s", std::chrono::ceil<std::chrono::seconds>(wait).count()));
        }
        if (end) take_settings(end->settings);
        if (end && end->time.at && !end->time.is_floor) clock_error_ = *end->time.at - clock_.wall_now();
        if (port_) renew_port_plan();
        if (port_) judge_network();
        if (port_ && !has_served) question_port();
        plan_check();
        plan_renewal();
    }

    phone::RenewalSchedule::Now now() const { return {clock_.wall_now(), clock_.steady_now()}; }

    // Of the profiles whose certificates can be renewed, the one whose time comes first.
    void plan_renewal() {
        std::optional<WallTime> first;
        SystemDisk disk;
        auto flash = open_existing_flash(disk, options_.boot.state, clock_);
        if (!flash) return;
        for (unsigned profile = 1; profile <= phone::profile_limit; ++profile) {
            if (flash->state().profile(profile).server.empty()) continue;
            const auto identity = flash->read_identity(profile);
            if (!identity) continue;
            const WallTime at = phone::renewal_time(identity->leaf);
            if (first && *first <= at) continue;
            first = at;
            renewal_profile_ = profile;
        }
        renewal_.plan(first);
    }

    void renew() {
        const auto report = ask_for_renewal(renewal_profile_);
        const bool is_renewed = report && report->outcome == phone::EnrolmentReport::Outcome::enrolled;
        say(options_, is_renewed ? "renewed" : "not renewed", report ? report->reason : report.error().message);
        if (is_renewed)
            renewal_.note_renewed(clock_.steady_now());
        else
            renewal_.note_failure(clock_.steady_now(), random_);
        plan_renewal();
    }

    // Who has to decide may take his time: it is asked for again later, not waited for.
    Result<phone::EnrolmentReport> ask_for_renewal(unsigned profile) {
        SystemDisk disk;
        auto held = hold_recovered_flash(disk, options_.boot.state, clock_);
        if (!held) return fail(std::move(held.error()));
        auto plan = app::plan_renewal(held->flash, *MacAddress::parse(options_.boot.mac), profile);
        if (!plan) return fail(std::move(plan.error()));
        plan->polls = 0;
        plan->fetching.stop = &must_stop;
        return enrol_phone(*plan, held->flash, disk, options_.boot.state, Answerer({}, false));
    }

    // A clock that was set meanwhile moves the check: sets that get the time at once do not all check at once.
    void follow_clock() {
        if (!next_check_) return;
        const Duration late = clock_.wall_now() - *next_check_;
        if (late > most_lateness || -late > farthest_check) plan_check();
    }

    void daily_boot() {
        last_check_ = next_check_;
        boot("daily check");
    }

    void take_settings(const phone::EffectiveSettings& settings) {
        const auto remote = settings.find("REMOTE_CHECK_FOR_UPDATE");
        obeys_notify_ = remote != settings.end() && remote->second.value == "YES";
        networks_ = given_networks_.empty() && socket_ ? provisioned_servers(settings) : given_networks_;
        window_ = phone::read_update_window(settings);
    }

    // After every boot, also one that failed: a time that has passed must not be met again.
    void plan_check() {
        next_check_.reset();
        if (!window_) return;
        next_check_ = phone::next_update(*window_, clock_.wall_now(), last_check_, random_);
        say(options_, "next", "daily check at " + format_time(*next_check_));
    }

    Duration wait() const {
        Duration wait = longest_sleep;
        const auto until = [&](SteadyTime time) { wait = std::min(wait, time - clock_.steady_now()); };
        // Without a network nothing is due but the port's news.
        if (port_ && !port_news_.has_network) return wait;
        if (due_boot_) return Duration::zero();
        if (retry_at_) until(std::min(*retry_at_, clock_.steady_now() + lease_look_spacing));
        if (is_notified_) until(last_boot_ + notify_spacing);
        until(next_review_);
        if (next_check_) wait = std::min(wait, *next_check_ - clock_.wall_now());
        if (const auto renewal = renewal_.wait(now())) wait = std::min(wait, *renewal);
        return std::max(wait, Duration::zero());
    }

    void sleep() const {
        std::array<pollfd, 2> waiting = {pollfd{wake->hearer(), POLLIN, 0},
                                         pollfd{socket_ ? socket_->descriptor() : -1, POLLIN, 0}};
        ::poll(waiting.data(), waiting.size(), static_cast<int>(wait().count()) + 1);
        wake->quiet();
    }

    void answer_notifies() {
        if (!socket_) return;
        constexpr int most_at_once = 1024;  // several sockets' worth; what more there is waits for the next turn
        for (int i = 0; i < most_at_once; ++i) {
            const auto datagram = socket_->receive(protocol::max_sip_datagram);
            if (!datagram) return;
            answer(*datagram);
        }
    }

    // A sender that is not allowed hears nothing: whoever scans the network learns of no phone here.
    void answer(const Datagram& datagram) {
        const bool is_allowed = std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
            return network.contains(datagram.sender.address);
        });
        if (!is_allowed) return;
        const auto notify = protocol::read_notify(datagram.bytes, to_hex(random_.bytes(tag_bytes)));
        if (notify.kind == protocol::NotifyKind::nothing) return;
        const bool is_check = notify.kind == protocol::NotifyKind::check_sync;
        const int status = is_check && !obeys_notify_ ? protocol::sip_forbidden : notify.status;
        socket_->send(datagram.sender, protocol::format_sip_answer(notify, status));
        if (is_check && obeys_notify_) take_notify(datagram.sender);
    }

    void take_notify(const Endpoint& sender) {
        if (is_notified_) return;
        const bool waits_for_key = behaviour_.is(phone::Switch::check_sync, "needs-key");
        say(options_, "check-sync",
            fmt::format("from {}{}", sender.to_string(), waits_for_key ? "; it waits for a key (SIGHUP)" : ""));
        is_notified_ = !waits_for_key;
    }

    void review() {
        next_review_ = clock_.steady_now() + review_spacing;
        SystemDisk disk;
        auto held = hold_flash(disk, options_.boot.state, clock_);
        if (!held) return say(options_, "failed", held.error().message);
        phone::Flash& flash = held->flash;
        auto trust = phone::TrustStore::load(flash, {});
        if (!trust) return say(options_, "failed", trust.error().message);
        const phone::PhoneClock clock(clock_, flash.state().proved_time);
        const auto kept = phone::keep_trust(flash, *trust, clock.judging_time());
        if (!kept) say(options_, "failed", kept.error().message);
    }

    const RunOptions& options_;
    std::unique_ptr<PortKeeper> port_;  // null: nobody looks after a port
    PortNews port_news_;
    std::vector<phone::Event> unlogged_;
    std::optional<Duration> clock_error_;      // how far the machine's clock is behind; empty: unknown
    std::optional<SteadyTime> last_question_;  // to the port, since it opened
    std::optional<std::string_view> due_boot_ = "power-up";
    std::vector<Network> given_networks_;
    phone::Behaviour behaviour_;
    std::optional<NotifySocket> socket_;
    SystemClock clock_;
    SystemRandom random_;
    std::vector<Network> networks_;
    bool obeys_notify_ = false;
    bool is_notified_ = false;
    unsigned failures_ = 0;
    SteadyTime last_boot_{};
    std::optional<std::filesystem::file_time_type> booted_lease_;  // that the last boot found
    SteadyTime next_review_{};
    std::optional<SteadyTime> retry_at_;
    std::optional<phone::UpdateWindow> window_;
    std::optional<WallTime> next_check_;
    std::optional<WallTime> last_check_;
    phone::RenewalSchedule renewal_;
    unsigned renewal_profile_ = 1;
};

Checked<std::vector<Network>> read_networks(const RunOptions& options) {
    std::vector<Network> networks;
    for (const auto& text : options.sip_from) {
        auto network = Network::parse(text);
        if (!network) return tl::unexpected<Complaint>(Complaint{std::move(network.error()), exit_misused});
        networks.push_back(*network);
    }
    return networks;
}

Checked<std::optional<NotifySocket>> open_socket(const RunOptions& options) {
    if (options.sip_listen.empty()) return std::optional<NotifySocket>();
    const auto endpoint = Endpoint::parse(options.sip_listen);
    if (!endpoint) return tl::unexpected<Complaint>(Complaint{endpoint.error(), exit_misused});
    auto socket = NotifySocket::open(*endpoint);
    if (!socket) return tl::unexpected<Complaint>(Complaint{std::move(socket.error()), exit_failed});
    return std::optional<NotifySocket>(std::move(*socket));
}

Checked<std::unique_ptr<PortKeeper>> start_port(const RunOptions& options, const phone::Behaviour& behaviour) {
    const auto failed = [](Fault fault) {
        const int code = fault.code == FaultCode::malformed ? exit_misused : exit_failed;
        return tl::unexpected<Complaint>(Complaint{std::move(fault), code});
    };
    if (options.port.interface.empty()) return std::unique_ptr<PortKeeper>();
    SystemDisk disk;
    const SystemClock clock;
    auto held = hold_recovered_flash(disk, options.boot.state, clock);
    if (!held) return failed(std::move(held.error()));
    auto plan = plan_port(held->flash, disk, options.boot.state, behaviour, clock);
    if (!plan) return failed(std::move(plan.error()));
    auto keeper = PortKeeper::start(
        {options.port.interface, options.port.supplicant, options.boot.state, true, wake->ringer()}, std::move(*plan));
    if (!keeper) return failed(std::move(keeper.error()));
    return std::move(*keeper);
}

}  // namespace

int run(const RunOptions& options) {
    // Each boot reads its files again, which standard input cannot be.
    if (readers_of_standard_input(options.boot) > 0)
        return complain("run reads its secrets from files, not from standard input", exit_misused);
    const auto prepared = prepare(options.boot);
    if (!prepared) return complain(prepared.error().fault.message, prepared.error().code);
    auto networks = read_networks(options);
    if (!networks) return complain(networks.error().fault.message, networks.error().code);
    SystemDisk disk;
    const auto lock = StateLock::hold_run(disk, options.boot.state);
    if (!lock) return complain(lock.error().message, exit_failed);
    auto socket = open_socket(options);
    if (!socket) return complain(socket.error().fault.message, socket.error().code);
    if (auto watched = watch_signals(); !watched) return complain(watched.error().message, exit_failed);
    auto port = start_port(options, prepared->settings.behaviour);
    if (!port) return complain(port.error().fault.message, port.error().code);
    Agent agent(options, std::move(*networks), prepared->settings.behaviour, std::move(*socket));
    if (*port) agent.keep_port(std::move(*port));
    return agent.run();
}

}  // namespace ringfence::app
