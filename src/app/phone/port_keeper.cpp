#include "app/phone/port_keeper.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

#include "app/phone/bell.h"
#include "app/phone/supplicant_holder.h"
#include "base/random.h"
#include "base/text.h"
#include "net/link_watch.h"
#include "phone/port_store.h"

namespace ringfence::app {

namespace {

using phone::PortCommand;
using phone::PortMode;
using phone::PortState;

constexpr Duration longest_sleep = std::chrono::minutes(1);
// While the phone boots nobody takes the news; a cable that comes and goes must not fill the memory.
constexpr std::size_t most_lines = 100;
constexpr std::size_t most_events = 100;
constexpr std::size_t boot_id_limit = 64;
constexpr std::string_view supplicant_folder = "supplicant";

std::string read_boot_id() {
    SystemDisk disk;
    const auto text = disk.read("/proc/sys/kernel/random/boot_id", boot_id_limit);
    return text ? std::string(trim(*text)) : std::string();
}

class Keeper final : public PortKeeper {
public:
    Keeper(PortKeeperSettings settings, PortPlan plan, net::LinkWatch link, Bell bell)
        : settings_(std::move(settings)),
          store_(disk_, settings_.folder),
          boot_id_(read_boot_id()),
          plan_(std::move(plan)),
          link_(std::move(link)),
          bell_(std::move(bell)),
          session_(plan_.network.settings.mode, random_),
          holder_(
              {settings_.interface, settings_.supplicant, fmt::format("{}/{}", settings_.folder, supplicant_folder)},
              disk_) {
        thread_ = std::thread([this] { work(); });
    }

    ~Keeper() override {
        must_stop_ = true;
        bell_.ring();
        thread_.join();
    }

    void take_plan(PortPlan plan) override {
        const std::lock_guard lock(mutex_);
        next_plan_ = std::move(plan);
        bell_.ring();
    }

    void ask() override {
        const std::lock_guard lock(mutex_);
        is_asked_ = true;
        bell_.ring();
    }

    void question() override {
        const std::lock_guard lock(mutex_);
        is_questioned_ = true;
        bell_.ring();
    }

    void judge_server(std::vector<std::string> chain, Status verdict) override {
        const std::lock_guard lock(mutex_);
        verdict_ = Verdict{std::move(chain), std::move(verdict)};
        bell_.ring();
    }

    PortNews take_news() override {
        const std::lock_guard lock(mutex_);
        PortNews out = news_;
        news_.lines.clear();
        news_.events.clear();
        return out;
    }

private:
    struct Verdict {
        std::vector<std::string> chain;
        Status finding;
    };

    SteadyTime now() const { return clock_.steady_now(); }
    // One that runs already is kept from answering, too.
    bool wants_supplicant() const {
        return !holder_.starts_its_own() || plan_.network.settings.mode != PortMode::disabled;
    }

    void work() {
        begin();
        while (!must_stop_) {
            take_orders();
            follow_link();
            follow_supplicant();
            session_.tick(now());
            obey();
            publish();
            sleep();
        }
    }

    phone::LinkMark mark() const { return {boot_id_, settings_.interface, link_.link().index, link_.link().losses}; }

    void begin() {
        const auto note = store_.load_note();
        const bool was_open = note && *note && (*note)->state == PortState::open && (*note)->link == mark();
        if (was_open && settings_.may_assume_open) session_.assume_open();
        tell_link();
    }

    void tell_link() {
        session_.see_link(link_.link().has_carrier ? phone::LinkState::up : phone::LinkState::down, now());
    }

    void take_orders() {
        std::optional<PortPlan> plan;
        std::optional<Verdict> verdict;
        bool is_asked = false;
        bool is_questioned = false;
        {
            const std::lock_guard lock(mutex_);
            plan = std::exchange(next_plan_, std::nullopt);
            verdict = std::exchange(verdict_, std::nullopt);
            is_asked = std::exchange(is_asked_, false);
            is_questioned = std::exchange(is_questioned_, false);
        }
        if (plan) change_plan(std::move(*plan));
        if (verdict) session_.judge_server(verdict->chain, verdict->finding, now());
        if (is_asked) session_.ask(now());
        if (is_questioned) session_.question(now());
    }

    void change_plan(PortPlan plan) {
        const PortPlan before = std::exchange(plan_, std::move(plan));
        if (plan_.network.settings != before.network.settings) return start_over();
        // What was believed without a clock is judged again with one.
        if (!session_.is_time_checked() && plan_.network.checks_time) return session_.ask_anew(now());
        if (plan_.obstacle != before.obstacle && session_.state() == PortState::closed) session_.ask(now());
    }

    void start_over() {
        former_openings_ += session_.openings();
        session_ = phone::PortLogin(plan_.network.settings.mode, random_);
        tell_link();
        if (holder_.supplicant() != nullptr) session_.see_supplicant({}, now());
    }

    void follow_link() {
        const auto before = link_.link();
        if (!link_.read()) return;
        // A cable that was out and is in again meanwhile.
        if (link_.link().losses != before.losses) session_.see_link(phone::LinkState::down, now());
        tell_link();
    }

    void follow_supplicant() {
        if (!wants_supplicant()) return holder_.drop();
        const auto news = holder_.follow(now());
        if (news.is_found) session_.see_supplicant({news.holds_login}, now());
        if (!news.missed.empty()) session_.miss_supplicant(news.missed, now());
        hear_supplicant();
    }

    void hear_supplicant() {
        while (auto* supplicant = holder_.supplicant()) {
            const auto message = supplicant->next_message();
            if (!message) return;
            const auto event = phone::parse_supplicant_event(*message);
            if (event.kind == phone::SupplicantEvent::Kind::terminating)
                lose_supplicant("wpa_supplicant was ended");
            else
                session_.hear(event, now());
        }
    }

    void lose_supplicant(std::string_view why) { session_.miss_supplicant(holder_.lose(why, now()), now()); }

    void obey() {
        // What fails may bring further commands.
        for (auto commands = session_.take_commands(); !commands.empty(); commands = session_.take_commands())
            for (const auto command : commands) obey(command);
    }

    void obey(PortCommand command) {
        auto* supplicant = holder_.supplicant();
        if (supplicant == nullptr) return;
        if (command == PortCommand::log_in) return log_in(*supplicant);
        const auto done = command == PortCommand::reauthenticate ? supplicant->reauthenticate() : supplicant->leave();
        if (!done && done.error().code == FaultCode::unavailable) lose_supplicant(done.error().message);
    }

    void log_in(Supplicant& supplicant) {
        session_.begun(plan_.facts);
        if (plan_.obstacle) return session_.could_not_begin(plan_.obstacle->code, plan_.obstacle->reason, now());
        const auto begun = supplicant.log_in(plan_.network);
        if (begun) return;
        if (begun.error().code == FaultCode::unavailable) return lose_supplicant(begun.error().message);
        session_.could_not_begin(session_.failure_code(), begun.error().message, now());
    }

    void publish() {
        const auto events = session_.take_events();
        const std::lock_guard lock(mutex_);
        const std::size_t room = most_events - std::min(most_events, news_.events.size());
        news_.events.insert(news_.events.end(), events.begin(), events.begin() + std::min(room, events.size()));
        const bool is_chain_new = news_.server_chain != session_.server_chain();
        news_.server_chain = session_.server_chain();
        const unsigned openings = former_openings_ + session_.openings();
        const bool is_state_new = !has_told_ || news_.state != session_.state() || news_.reason != session_.reason() ||
                                  news_.openings != openings;
        news_.openings = openings;
        if (is_state_new) tell_state();
        if (is_chain_new || is_state_new) Bell::ring(settings_.wake);
    }

    void tell_state() {
        has_told_ = true;
        news_.state = session_.state();
        news_.reason = session_.reason();
        news_.display = session_.display();
        news_.has_network = session_.has_network();
        add_line(fmt::format("{}: {}{}{}", to_string(news_.state), news_.display, news_.display.empty() ? "" : ": ",
                             news_.reason));
        const auto noted = store_.save_note({news_.state, news_.reason, mark()});
        if (!noted) add_line("its state cannot be noted: " + noted.error().message);
    }

    void add_line(std::string line) {
        if (news_.lines.size() == most_lines) news_.lines.erase(news_.lines.begin());
        news_.lines.push_back(std::move(line));
    }

    void sleep() const {
        Duration wait = longest_sleep;
        const auto until = [&](SteadyTime time) { wait = std::min(wait, time - now()); };
        if (const auto deadline = session_.deadline()) until(*deadline);
        if (wants_supplicant()) until(holder_.deadline());
        wait = std::max(wait, Duration::zero());
        const auto [messages, ending] = holder_.descriptors();
        std::array<pollfd, 4> waiting = {pollfd{bell_.hearer(), POLLIN, 0}, pollfd{link_.descriptor(), POLLIN, 0},
                                         pollfd{messages, POLLIN, 0}, pollfd{ending, POLLIN, 0}};
        ::poll(waiting.data(), waiting.size(), static_cast<int>(wait.count()) + 1);
        bell_.quiet();
    }

    const PortKeeperSettings settings_;
    SystemDisk disk_;
    SystemClock clock_;
    SystemRandom random_;
    phone::PortStore store_;
    const std::string boot_id_;
    PortPlan plan_;
    net::LinkWatch link_;
    Bell bell_;
    phone::PortLogin session_;
    SupplicantHolder holder_;
    unsigned former_openings_ = 0;
    bool has_told_ = false;
    std::atomic<bool> must_stop_{false};

    std::mutex mutex_;  // over what follows
    std::optional<PortPlan> next_plan_;
    std::optional<Verdict> verdict_;
    bool is_asked_ = false;
    bool is_questioned_ = false;
    PortNews news_;

    std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<PortKeeper>> PortKeeper::start(const PortKeeperSettings& settings, PortPlan plan) {
    auto link = net::LinkWatch::open(settings.interface);
    if (!link) return fail(std::move(link.error()));
    auto bell = Bell::make();
    if (!bell) return fail(std::move(bell.error()));
    std::error_code error;
    PortKeeperSettings absolute = settings;
    absolute.folder = std::filesystem::absolute(settings.folder, error).lexically_normal().string();
    return std::unique_ptr<PortKeeper>(
        std::make_unique<Keeper>(std::move(absolute), std::move(plan), std::move(*link), std::move(*bell)));
}

}  // namespace ringfence::app
