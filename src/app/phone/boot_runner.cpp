#include "app/phone/boot_runner.h"

#include <unistd.h>

#include <utility>
#include <variant>

#include "app/phone/answerer.h"
#include "app/phone/change_hook.h"
#include "app/phone/output.h"
#include "app/phone/phone_family.h"
#include "app/phone/report.h"
#include "app/phone/server_choice.h"
#include "app/phone/state_folder.h"
#include "app/phone/time_inquiry.h"
#include "base/clock.h"
#include "base/disk.h"
#include "phone/boot.h"
#include "phone/curl_fetcher.h"
#include "phone/effective_configuration.h"
#include "phone/flash.h"

namespace ringfence::app {

namespace {

auto failed(Fault fault) { return tl::unexpected<Complaint>(Complaint{std::move(fault), exit_failed}); }

// Prints each file as soon as it is settled, so that a person can watch.
class Timeline {
public:
    Timeline(bool is_wanted, Detail detail) : is_wanted_(is_wanted), detail_(detail) {}

    void follow(const phone::BootReport& report) {
        if (!is_wanted_) return;
        if (!manifest_shown_ && !report.manifest.reason.empty()) {
            print(boot_heading(report) + file_line(report.manifest, detail_));
            manifest_shown_ = true;
        }
        for (; shown_ < report.sections.size(); ++shown_) print(file_line(report.sections[shown_], detail_));
        flush();
    }
    void end(const phone::BootReport& report) {
        follow(report);
        if (is_wanted_) print(boot_ending(report));
    }

private:
    bool is_wanted_;
    Detail detail_;
    bool manifest_shown_ = false;
    std::size_t shown_ = 0;
};

struct Drivers {
    const phone::CurlFetcher& fetcher;
    const Answerer& answerer;
    const std::atomic<bool>* stop;
};

// Whether the boot came to its end; else it is left where it stands, as by a power cut.
bool run(phone::BootSession& session, const Drivers& drivers, Timeline& timeline) {
    phone::Step step = session.start();
    while (!std::holds_alternative<phone::Finished>(step)) {
        timeline.follow(session.report());
        if (drivers.stop != nullptr && drivers.stop->load()) return false;
        if (const auto* order = std::get_if<phone::FetchOrder>(&step))
            step = session.fetched(drivers.fetcher.fetch(*order));
        else if (const auto* time = std::get_if<phone::TimeOrder>(&step))
            step = session.told(ask_time(*time, drivers.stop));
        else
            step = session.answered(drivers.answerer.answer(std::get<phone::Question>(step)));
    }
    return true;
}

// What the boot changed is told to the program that wants to know; how that ended stands in the report.
void tell_change(const BootOptions& options, const phone::StateChange& change, phone::BootReport& report) {
    const std::chrono::seconds limit(options.on_change_seconds > 0 ? options.on_change_seconds : change_hook_seconds);
    auto note = run_change_hook({options.on_change, options.state, limit}, change);
    if (note) report.notes.push_back(std::move(*note));
}

}  // namespace

Checked<BootEnd> boot_to_rest(const BootOptions& options, const std::atomic<bool>* stop) {
    auto prepared = prepare(options);
    if (!prepared) return tl::unexpected<Complaint>(std::move(prepared.error()));
    const auto family = load_phone_family();
    if (!family) return failed(family.error());

    SystemDisk disk;
    const SystemClock clock;
    auto held = hold_recovered_flash(disk, options.state, clock);
    if (!held) return failed(std::move(held.error()));
    phone::Flash& flash = held->flash;

    if (prepared->surroundings.lease) prepared->settings.time_servers = prepared->surroundings.lease->ntp_servers;
    const auto discovery = choose_server(*prepared, flash);
    if (!discovery) return tl::unexpected<Complaint>(discovery.error());

    const bool may_ask = readers_of_standard_input(options) == 0 && ::isatty(STDIN_FILENO) == 1;
    const Answerer answerer(std::move(prepared->answers), may_ask);
    prepared->fetcher.stop = stop;
    const phone::CurlFetcher fetcher(std::move(prepared->fetcher));
    // What a boot that was cut off, or cut off before its restart, has changed nobody was told: all of it counts as
    // new.
    const bool was_cut_off = flash.interrupted() || flash.state().restarts > 0;
    const phone::FlashState before = was_cut_off ? phone::FlashState() : flash.state();
    while (true) {
        phone::BootSession session(prepared->settings, *family, flash, clock);
        Timeline timeline(!options.json, options.explain ? Detail::explained : Detail::plain);
        if (!run(session, {fetcher, answerer, stop}, timeline)) return BootEnd{};
        phone::BootReport report = session.report();
        if (!report.restart) tell_change(options, phone::changes_between(before, flash.state(), *family), report);
        timeline.end(report);
        if (options.json) print(boot_json(report) + "\n");
        flush();
        auto remembered = remember_server(flash, *discovery, report);
        if (!remembered) return failed(std::move(remembered.error()));
        const bool has_served = report.manifest.action == phone::Action::fetched;
        if (!report.restart) return BootEnd{report.is_clean(), has_served, flash.state().settings, session.time()};
    }
}

}  // namespace ringfence::app
