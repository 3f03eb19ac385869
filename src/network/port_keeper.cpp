#include "network/port_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ringfence::network {

namespace {

using registry::DevicePort;
using registry::PortChange;

constexpr std::size_t sweep_page = 500;
constexpr std::size_t max_waiting = 1'000;  // a sweep goes on when fewer devices wait to be looked at
constexpr std::size_t max_looks = 100;      // a step, so that answers and the journal are not kept waiting
// Reading the switches opens each one's secret.
constexpr Duration switch_memory = std::chrono::seconds(5);
constexpr std::size_t max_known_switches = 1'000;
constexpr Duration busy_pause = std::chrono::milliseconds(200);  // before a switch with enough in flight is asked more
constexpr Duration working_wait{5};                              // for answers, while there is more to do

bool is_same_port(const DevicePort& a, const DevicePort& b) {
    return a.switch_address == b.switch_address && a.port == b.port;
}

std::string place_of(const DevicePort& port) {
    return fmt::format("{} of {}", port.port.empty() ? "a port" : "port " + port.port,
                       port.switch_name.empty() ? port.switch_address.to_string() : port.switch_name);
}

std::string describe(const ChangeOrder& order) {
    const std::string_view asked = order.is_coa() ? "CoA" : "Disconnect";
    if (order.turn == Turn::out)
        return fmt::format("put out of {} at {} ({})", trust::to_string(order.port.segment), place_of(order.port),
                           asked);
    return fmt::format("from {} to {} at {} ({})", trust::to_string(order.port.segment),
                       trust::to_string(order.segment), place_of(order.port), asked);
}

}  // namespace

PortKeeper::PortKeeper(registry::Registry& registry, registry::EventSink& events, SwitchWire& wire, const Clock& clock,
                       PortPolicy policy)
    : registry_(registry), events_(events), wire_(wire), clock_(clock), policy_(std::move(policy)) {}

Status PortKeeper::step(Duration longest) {
    auto looked = follow_journal();
    if (looked) looked = sweep();
    if (looked) looked = look();
    // Answers are taken whatever the registry says.
    for (auto& end : wire_.wait(looked ? find_pause(longest) : longest)) {
        auto finished = finish(std::move(end));
        if (!finished && looked) looked = std::move(finished);
    }
    return looked;
}

Duration PortKeeper::find_pause(Duration longest) const {
    if (is_sweeping_) return std::min(working_wait, longest);
    const SteadyTime now = clock_.steady_now();
    for (const auto& [mac, when] : to_look_at_) longest = std::min(longest, std::max(working_wait, when - now));
    return longest;
}

// ---- What to look at

void PortKeeper::follow(PortPolicy policy) {
    if (policy_ == policy) return;
    policy_ = std::move(policy);
    look_at_all();
}

void PortKeeper::look_at_all() {
    is_sweeping_ = true;
    swept_until_.reset();
    next_lapse_.reset();
}

void PortKeeper::look_at(const MacAddress& mac, SteadyTime when) {
    const auto [entry, is_new] = to_look_at_.try_emplace(mac, when);
    if (!is_new) entry->second = std::min(entry->second, when);
}

Status PortKeeper::follow_journal() {
    const auto page = registry_.read_journal(read_until_.value_or(0), registry::max_journal_page);
    if (!page) return fail(page.error());
    if (!read_until_) {  // the sweep that begins now sees what came before
        read_until_ = page->last;
        return {};
    }
    const bool concerns_all =
        !page->is_complete || std::any_of(page->entries.begin(), page->entries.end(),
                                          [](const registry::JournalEntry& entry) { return !entry.device; });
    if (concerns_all) look_at_all();
    for (const auto& entry : page->entries)
        if (entry.device) look_at(*entry.device, clock_.steady_now());
    read_until_ = page->is_complete && !page->entries.empty() ? page->entries.back().id : page->last;
    if (next_lapse_ && *next_lapse_ < clock_.wall_now()) look_at_all();
    return {};
}

Status PortKeeper::sweep() {
    if (!is_sweeping_ || to_look_at_.size() >= max_waiting) return {};
    const auto found = registry_.devices_let_in_since(WallTime{}, swept_until_, sweep_page);
    if (!found) return fail(found.error());
    for (const auto& mac : *found) look_at(mac, clock_.steady_now());
    is_sweeping_ = found->size() == sweep_page;
    if (is_sweeping_) swept_until_ = found->back();
    return {};
}

Status PortKeeper::look() {
    std::size_t looks = 0;
    for (auto entry = to_look_at_.begin(); entry != to_look_at_.end() && looks < max_looks;) {
        const SteadyTime now = clock_.steady_now();
        if (!wire_.has_room() || now < next_send_) return {};
        if (now < entry->second) {
            ++entry;
            continue;
        }
        const MacAddress mac = entry->first;
        entry = to_look_at_.erase(entry);
        ++looks;
        auto looked = look_at_device(mac);
        if (!looked) {
            look_at(mac, now + busy_pause);
            return looked;
        }
    }
    return {};
}

Status PortKeeper::look_at_device(const MacAddress& mac) {
    const WallTime now = clock_.wall_now();
    const Rules rules{.lane = policy_.lane ? &*policy_.lane : nullptr};
    const auto standing = get_standing(registry_, rules, mac, now);
    if (!standing) return fail(standing.error());
    const auto ports = registry_.ports_of(mac);
    if (!ports) return fail(ports.error());
    forget_efforts(mac, *ports);
    if (*standing) {
        const auto lapse = find_lapse(**standing, now);
        if (lapse) next_lapse_ = std::min(next_lapse_.value_or(*lapse), *lapse);
    }
    std::set<IpAddress> seen;
    for (const auto& port : *ports) {
        auto looked = look_at_port(*standing, port, seen.insert(port.switch_address).second);
        if (!looked) return looked;
    }
    return {};
}

void PortKeeper::forget_efforts(const MacAddress& mac, const std::vector<DevicePort>& ports) {
    const auto first = efforts_.lower_bound(Place{mac, IpAddress{}, {}});
    for (auto entry = first; entry != efforts_.end() && std::get<0>(entry->first) == mac;) {
        const bool is_noted = std::any_of(ports.begin(), ports.end(), [&](const DevicePort& port) {
            return Place{mac, port.switch_address, port.port} == entry->first;
        });
        entry = is_noted ? std::next(entry) : efforts_.erase(entry);
    }
}

// ---- One port

Status PortKeeper::look_at_port(const std::optional<Standing>& standing, const DevicePort& port, bool is_newest_there) {
    const Place place{port.device, port.switch_address, port.port};
    const Verdict verdict = judge_port(standing, port, clock_.wall_now());
    // A switch knows a device at one port: asked about an older one, it may throw it off the newer one.
    const bool is_right = verdict.turn == Turn::stays || (verdict.turn == Turn::other_segment && !is_newest_there);
    auto at = is_right ? Result<std::optional<registry::Switch>>() : find_switch(port.switch_address);
    if (!at) return fail(std::move(at.error()));
    if (!is_right && !*at) return wait_for_switch(port);
    if (is_right || (*at)->change == PortChange::none) {
        efforts_.erase(place);
        return {};
    }
    Effort* const effort = find_due_effort(place, port, {verdict, port.identity, port.proof, port.segment});
    if (effort == nullptr || must_wait_for(port)) return {};
    effort->stage = Stage::asked;
    ++effort->times;
    next_send_ = clock_.steady_now() + pace;
    wire_.begin({.port = port,
                 .at = std::move(**at),
                 .turn = verdict.turn,
                 .segment = verdict.segment,
                 .segment_name = name_of(verdict.segment)});
    return {};
}

// One that is added meanwhile is asked then.
Status PortKeeper::wait_for_switch(const DevicePort& port) {
    const SteadyTime now = clock_.steady_now();
    const auto [entry, is_new] = silent_.try_emplace(port.switch_address);
    Silence& silence = entry->second;
    if (is_new || now >= silence.until) {
        silence.pause = is_new ? first_pause : std::min(2 * silence.pause, longest_pause);
        silence.until = now + silence.pause;
        silence.told = now;
        tell(port, "port-change-impossible",
             "no switch is known at " + port.switch_address.to_string() +
                 " (radius switch add), so the port stays as it is until the device logs in again");
    }
    look_at(port.device, silence.until);
    return {};
}

// Null when nothing is to be done for now.
PortKeeper::Effort* PortKeeper::find_due_effort(const Place& place, const DevicePort& port, const Cause& cause) {
    const SteadyTime now = clock_.steady_now();
    const auto [entry, is_new] = efforts_.try_emplace(place);
    Effort& effort = entry->second;
    if (effort.stage == Stage::asked) return nullptr;
    if (is_new || !(effort.cause == cause)) {
        effort = {.cause = cause, .begun = now, .not_before = now};
        if (cause.verdict.turn == Turn::other_segment) effort.not_before = now + grace;
    }
    // Let in anew since, it is worth as long an effort as the first time.
    if (port.last > std::exchange(effort.last, port.last)) effort.begun = now;
    const bool came_back = effort.stage == Stage::settled && port.last > effort.settled_at;
    if (came_back && effort.times < max_times) effort.stage = Stage::waits;
    if (effort.stage == Stage::settled) return nullptr;
    if (now < effort.not_before) {
        look_at(port.device, effort.not_before);
        return nullptr;
    }
    if (now - effort.begun > longest_effort) return nullptr;
    return &effort;
}

bool PortKeeper::must_wait_for(const DevicePort& port) {
    const SteadyTime now = clock_.steady_now();
    const auto silent = silent_.find(port.switch_address);
    const bool is_silent = silent != silent_.end() && now < silent->second.until;
    const bool is_busy = !wire_.has_room() || wire_.in_flight_to(port.switch_address) >= max_in_flight_per_switch;
    if (!is_silent && !is_busy) return false;
    look_at(port.device, is_silent ? silent->second.until : now + busy_pause);
    return true;
}

Result<std::optional<registry::Switch>> PortKeeper::find_switch(const IpAddress& address) {
    const SteadyTime now = clock_.steady_now();
    const auto known = switches_.find(address);
    if (known != switches_.end() && now - known->second.read < switch_memory) return known->second.at;
    auto found = registry_.find_switch(address);
    if (!found) return found;
    if (switches_.size() >= max_known_switches) switches_.clear();
    switches_.insert_or_assign(address, KnownSwitch{*found, now});
    return found;
}

const std::string& PortKeeper::name_of(trust::Segment segment) const {
    return segment == trust::Segment::onboarding ? policy_.terms.onboarding : policy_.terms.production;
}

// ---- What the switch said

Status PortKeeper::finish(ChangeEnd end) {
    if (end.answer == ChangeAnswer::silent) {
        finish_silent(end);
        return {};
    }
    silent_.erase(end.order.port.switch_address);
    answered_[end.order.port.switch_address] = clock_.steady_now();
    return end.answer == ChangeAnswer::done ? finish_done(end.order) : finish_refused(std::move(end.order), end.cause);
}

Status PortKeeper::finish_done(const ChangeOrder& order) {
    settle(order);
    tell(order.port, "port-changed", describe(order));
    if (order.turn == Turn::out) return forget(order);
    // After a Disconnect the device logs in anew, which is noted then.
    return order.is_coa() ? note_segment(order) : Status();
}

Status PortKeeper::finish_refused(ChangeOrder order, std::optional<std::uint32_t> cause) {
    if (auto next = find_next_try(order, cause)) {
        wire_.begin(std::move(*next));
        return {};
    }
    if (cause == error_cause::resources_unavailable && try_later(order)) return {};
    settle(order);
    tell(order.port, "port-change-refused",
         fmt::format("{}: {}", describe(order), cause ? format_error_cause(*cause) : "no reason told"));
    const bool is_gone = order.turn == Turn::out && cause == error_cause::session_context_not_found;
    return is_gone ? forget(order) : Status();
}

// The switch may have room again by then.
bool PortKeeper::try_later(const ChangeOrder& order) {
    const auto effort = efforts_.find({order.port.device, order.port.switch_address, order.port.port});
    if (effort == efforts_.end() || effort->second.times >= max_times) return false;
    effort->second.stage = Stage::waits;
    effort->second.not_before = clock_.steady_now() + first_pause;
    look_at(order.port.device, effort->second.not_before);
    return true;
}

bool PortKeeper::has_answered_others(const ChangeEnd& end) const {
    const auto answered = answered_.find(end.order.port.switch_address);
    return answered != answered_.end() && answered->second >= end.begun;
}

void PortKeeper::finish_silent(const ChangeEnd& end) {
    const ChangeOrder& order = end.order;
    const SteadyTime now = clock_.steady_now();
    const auto effort = efforts_.find({order.port.device, order.port.switch_address, order.port.port});
    if (effort != efforts_.end()) {
        effort->second.stage = Stage::waits;
        --effort->second.times;
        if (has_answered_others(end)) {
            effort->second.not_before = now + odd_pause;
            look_at(order.port.device, effort->second.not_before);
            return tell(order.port, "port-change-unanswered", describe(order) + "; tried again later");
        }
    }
    const auto [entry, is_new] = silent_.try_emplace(order.port.switch_address);
    Silence& silence = entry->second;
    // What was sent together ends together, and is one silence.
    if (now >= silence.until || is_new) {
        silence.pause = is_new ? first_pause : std::min<Duration>(silence.pause * 2, longest_pause);
        silence.until = now + silence.pause;
    }
    look_at(order.port.device, silence.until);
    if (!is_new && now - silence.told < silence_told_again) return;
    silence.told = now;
    tell(order.port, "port-change-unanswered", fmt::format("{}; tried again later", describe(order)));
}

void PortKeeper::settle(const ChangeOrder& order) {
    const auto effort = efforts_.find({order.port.device, order.port.switch_address, order.port.port});
    if (effort == efforts_.end()) return;
    effort->second.stage = Stage::settled;
    effort->second.settled_at = clock_.wall_now();
    // It may have changed meanwhile.
    look_at(order.port.device, clock_.steady_now());
}

Status PortKeeper::forget(const ChangeOrder& order) {
    const auto known = is_as_before(order);
    if (!known) return fail(known.error());
    return *known ? registry_.forget_port(order.port) : Status();
}

Status PortKeeper::note_segment(const ChangeOrder& order) {
    const auto known = is_as_before(order);
    if (!known) return fail(known.error());
    if (!*known) return {};
    DevicePort port = order.port;
    port.segment = order.segment;
    const auto noted = registry_.note_port(std::move(port), clock_.wall_now());
    return noted ? Status() : fail(noted.error());
}

// Whether the device was not let in there anew since the switch was asked.
Result<bool> PortKeeper::is_as_before(const ChangeOrder& order) {
    const auto ports = registry_.ports_of(order.port.device);
    if (!ports) return fail(ports.error());
    return std::any_of(ports->begin(), ports->end(), [&](const DevicePort& port) {
        return is_same_port(port, order.port) && port.last == order.port.last;
    });
}

void PortKeeper::tell(const DevicePort& port, std::string outcome, std::string detail) {
    registry::Event event;
    event.kind = registry::EventKind::network;
    event.device = port.device;
    event.source = port.switch_address.to_string();
    event.outcome = std::move(outcome);
    event.detail = std::move(detail);
    events_.record(std::move(event));
}

}  // namespace ringfence::network
