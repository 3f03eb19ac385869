#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "app/phone/bell.h"
#include "app/phone/commands.h"
#include "app/phone/output.h"
#include "app/phone/port_keeper.h"
#include "app/phone/state_folder.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/text.h"

namespace ringfence::app {

namespace {

struct Attempt {
    PortKeeper& keeper;
    const Bell& bell;
    phone::Flash& flash;
    const Clock& clock;
    SteadyTime end;

    Duration left() const { return std::max(end - clock.steady_now(), Duration::zero()); }
};

// The log takes what it has to.
PortNews take_news(const Attempt& attempt) {
    PortNews news = attempt.keeper.take_news();
    for (const auto& event : news.events) static_cast<void>(attempt.flash.log(event));
    return news;
}

PortNews wait_for_news(const Attempt& attempt) {
    pollfd waiting{attempt.bell.hearer(), POLLIN, 0};
    ::poll(&waiting, 1, static_cast<int>(attempt.left().count()) + 1);
    attempt.bell.quiet();
    return take_news(attempt);
}

PortNews wait_for_decision(const Attempt& attempt) {
    PortNews news = take_news(attempt);
    while (!news.has_network && news.state != phone::PortState::closed && attempt.left() > Duration::zero())
        news = wait_for_news(attempt);
    return news;
}

PortNews without_network(PortNews news, const std::string& fault) {
    news.has_network = false;
    news.reason = "the RADIUS server's certificate is not accepted: " + fault;
    return news;
}

// What wpa_supplicant cannot know of the RADIUS server.
PortNews judge(PortNews news, const Attempt& attempt, const phone::Behaviour& behaviour) {
    while (news.has_network && !news.server_chain.empty()) {
        const auto chain = news.server_chain;
        auto verdict = judge_radius_server(attempt.flash, behaviour, chain, {attempt.clock.wall_now(), false});
        if (verdict) return news;
        const std::string fault = verdict.error().message;
        attempt.keeper.judge_server(chain, std::move(verdict));
        // Another login of meanwhile may have shown another one.
        while (news.has_network && news.server_chain == chain) {
            if (attempt.left() <= Duration::zero()) return without_network(std::move(news), fault);
            news = wait_for_news(attempt);
        }
    }
    return news;
}

std::string join_text(const PortNews& news) {
    return fmt::format("port {}: {}{}{}\n", to_string(news.state), news.display, news.display.empty() ? "" : ": ",
                       news.reason);
}

std::string join_json(const PortNews& news) {
    return boost::json::serialize(boost::json::object{{"state", to_string(news.state)},
                                                      {"network", news.has_network},
                                                      {"display", news.display},
                                                      {"reason", printable(news.reason, news.reason.size())}}) +
           "\n";
}

}  // namespace

int join(const JoinOptions& options) {
    phone::Behaviour behaviour;
    for (const auto& assignment : options.switches)
        if (auto set = behaviour.set(assignment); !set) return complain(set.error().message, exit_misused);
    SystemDisk disk;
    const SystemClock clock;
    // A `run` looks after the port already, and two would disturb each other.
    const auto alone = StateLock::hold_run(disk, options.state);
    if (!alone) return complain(alone.error().message, exit_failed);
    auto held = hold_recovered_flash(disk, options.state, clock);
    if (!held) return complain(held.error().message, exit_failed);
    auto plan = plan_port(held->flash, disk, options.state, behaviour, clock);
    if (!plan) return complain(plan.error().message, exit_failed);
    const auto bell = Bell::make();
    if (!bell) return complain(bell.error().message, exit_failed);
    const PortKeeperSettings settings{options.port.interface, options.port.supplicant, options.state, false,
                                      bell->ringer()};
    const bool is_clock_believed = plan->network.checks_time;
    auto keeper = PortKeeper::start(settings, std::move(*plan));
    if (!keeper)
        return complain(keeper.error().message,
                        keeper.error().code == FaultCode::malformed ? exit_misused : exit_failed);
    const Attempt attempt{**keeper, *bell, held->flash, clock,
                          clock.steady_now() + std::chrono::seconds(options.wait_seconds)};
    PortNews news = wait_for_decision(attempt);
    // Where the clock is not believed, dates wait for a boot, which learns the time.
    if (is_clock_believed) news = judge(std::move(news), attempt, behaviour);
    print(options.json ? join_json(news) : join_text(news));
    return finish_output(news.has_network ? exit_done : exit_failed);
}

}  // namespace ringfence::app
