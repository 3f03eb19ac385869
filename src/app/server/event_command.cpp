#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include "app/server/commands.h"
#include "app/server/context.h"

namespace ringfence::app {

namespace {

using registry::Event;
using registry::EventFilter;
using registry::EventReader;

// With the writer's half second, what happened is shown within a second.
constexpr auto poll_interval = std::chrono::milliseconds(200);
constexpr std::uint64_t default_limit = 1'000;

volatile std::sig_atomic_t stopped = 0;

void stop_following(int) { stopped = 1; }

json::object to_json(const Event& event) {
    json::object out;
    out["id"] = event.id;
    out["time"] = format_time(event.time);
    out["kind"] = registry::to_string(event.kind);
    out["outcome"] = event.outcome;
    out["mac"] = text_or_null(event.device ? event.device->colons() : "");
    out["site"] = text_or_null(event.site);
    out["wire"] = text_or_null(event.wire);
    out["source"] = text_or_null(event.source);
    out["path"] = text_or_null(event.path);
    out["proof"] = text_or_null(event.proof);
    out["bytes"] = event.bytes;
    out["detail"] = text_or_null(event.detail);
    return out;
}

std::string format_event(const Event& event) {
    std::string out =
        fmt::format("{}  {:<13} {}", format_time(event.time), registry::to_string(event.kind), event.outcome);
    if (!event.path.empty()) out += " " + event.path;
    if (event.device) out += "  device " + event.device->colons();
    if (!event.wire.empty()) out += "  over " + event.wire;
    if (!event.source.empty()) out += " from " + event.source;
    if (!event.proof.empty() && event.proof != "none") out += " by " + event.proof;
    if (!event.detail.empty()) out += "  (" + event.detail + ")";
    return out;
}

Result<std::int64_t> show_page(Context& context, EventReader& reader, const EventFilter& filter) {
    const auto events = reader.list(filter);
    if (!events) return fail(events.error());
    std::int64_t last = filter.after;
    for (const auto& event : *events) {
        context.output().answer(to_json(event), context.output().as_json() ? std::string() : format_event(event));
        last = event.id;
    }
    return last;
}

// A page that is full has more behind it.
Result<std::int64_t> show_new(Context& context, EventReader& reader, EventFilter filter) {
    filter.newest = false;
    filter.limit = registry::max_event_page;
    while (true) {
        const auto last = show_page(context, reader, filter);
        if (!last || *last == filter.after) return last;
        filter.after = *last;
    }
}

Status follow(Context& context, EventReader& reader, EventFilter filter) {
    std::signal(SIGINT, stop_following);
    std::signal(SIGTERM, stop_following);
    while (stopped == 0) {
        const auto last = show_new(context, reader, filter);
        if (!last) return fail(last.error());
        filter.after = *last;
        if (auto said = context.output().finish(); !said) return said;
        std::this_thread::sleep_for(poll_interval);
    }
    return {};
}

Done events(const Arguments& arguments, Context& context) {
    if (!arguments.has("--text") && ::isatty(STDOUT_FILENO) == 0) context.output().speak_json();
    if (const auto known = context.settings(); !known) return fail(known.error());
    const auto reader = EventReader::open(context.directory());
    if (!reader) return fail(reader.error());
    EventFilter filter;
    filter.device = arguments.find_mac("--device");
    filter.limit = arguments.number("--limit", default_limit);
    filter.newest = true;
    // What comes after this one is new, also where the filter shows none of the old.
    const auto seen = (*reader)->last_id();
    if (!seen) return fail(seen.error());
    const auto last = show_page(context, **reader, filter);
    if (!last) return fail(last.error());
    if (!arguments.has("--follow")) return {};
    filter.after = std::max(*seen, *last);
    const auto followed = follow(context, **reader, filter);
    if (!followed) return fail(followed.error());
    return {};
}

}  // namespace

std::vector<Command> event_commands() {
    return {
        {.words = {"events"},
         .purpose = "Shows what happened, the oldest first: who fetched what, how it proved itself, who changed what.",
         .parameters = {{.name = "--device", .shape = Shape::mac, .placeholder = "MAC", .meaning = "only this set's"},
                        {.name = "--limit",
                         .shape = Shape::number,
                         .placeholder = "N",
                         .meaning = "how many of the newest; default: 1000",
                         .min = 1,
                         .max = registry::max_event_page},
                        {.name = "--follow",
                         .shape = Shape::flag,
                         .meaning = "go on with what happens, within a second of it, until interrupted"},
                        {.name = "--text",
                         .shape = Shape::flag,
                         .meaning = "plain lines, also where standard output is no terminal"}},
         .notes = "On a terminal plain lines; else one JSON object a line, as with --json.",
         .run = events}};
}

}  // namespace ringfence::app
