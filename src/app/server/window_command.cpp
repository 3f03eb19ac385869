#include <fmt/format.h>

#include <algorithm>

#include "app/server/commands.h"
#include "app/server/context.h"

namespace ringfence::app {

namespace {

using registry::Window;

constexpr std::uint64_t max_minutes = 7 * 24 * 60;  // a roll-out takes days, not months
constexpr std::uint64_t max_count = registry::max_window_visitors;
constexpr std::uint64_t default_limit = 50;
constexpr std::uint64_t max_limit = 10'000;

std::vector<std::string> show_networks(const Window& window) {
    std::vector<std::string> out;
    for (const auto& network : window.networks) out.push_back(network.to_string());
    return out;
}

std::string state_of(const Window& window, WallTime now) {
    if (window.closed) return "closed";
    if (window.closes <= now) return "over";
    return window.count != 0 && window.used >= window.count ? "full" : "open";
}

json::object to_json(const Window& window, WallTime now) {
    json::object out;
    out["id"] = window.id;
    out["state"] = state_of(window, now);
    out["opened"] = format_time(window.opened);
    out["closes"] = format_time(window.closes);
    out["closed"] = window.closed ? json::value(format_time(*window.closed)) : json::value(nullptr);
    out["networks"] = to_array(show_networks(window));
    json::array devices;
    for (const auto& device : window.devices) devices.emplace_back(device.colons());
    out["devices"] = devices;
    out["count"] = window.count;
    out["used"] = window.used;
    out["bootstrap_login"] = window.hands_out_login;
    return out;
}

bool overlap(const Network& a, const Network& b) { return a.contains(b.address()) || b.contains(a.address()); }

// Only a site's shared login can be handed out, so without one the flag does nothing.
bool has_login_to_hand_out(const registry::Catalogue& catalogue, const std::vector<Network>& networks) {
    return std::any_of(catalogue.sites.begin(), catalogue.sites.end(), [&](const registry::Site& site) {
        if (site.login_user.empty()) return false;
        return std::any_of(networks.begin(), networks.end(), [&](const Network& wanted) {
            return std::any_of(site.networks.begin(), site.networks.end(),
                               [&](const Network& own) { return overlap(wanted, own); });
        });
    });
}

// An address is known by the devices of the inventory that it named.
Status remark_strangers(registry::Registry& registry, const std::vector<MacAddress>& devices) {
    for (const auto& mac : devices) {
        const auto known = registry.find_device(mac);
        if (!known) return fail(known.error());
        if (!*known) remark("the window does not open for " + mac.colons() + " before it is in the inventory");
    }
    return {};
}

Done open(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    Window window;
    window.closes = context.clock().wall_now() + std::chrono::minutes(arguments.number("--minutes", 0));
    window.networks = arguments.networks("--net");
    window.devices = arguments.macs("--device");
    if (const auto told = remark_strangers(**registry, window.devices); !told) return fail(told.error());
    window.count = static_cast<std::uint32_t>(arguments.number("--count", 0));
    window.hands_out_login = arguments.has("--bootstrap-login");
    const auto opened = (*registry)->open_window(window);
    if (!opened) return fail(opened.error());
    context.note({.outcome = "opened",
                  .detail = fmt::format("window {} on {} until {}{}", opened->id,
                                        fmt::join(show_networks(*opened), ", "), format_time(opened->closes),
                                        opened->hands_out_login ? ", with the bootstrap login" : ""),
                  .kind = registry::EventKind::window_opened});
    const auto catalogue = (*registry)->catalogue();
    if (opened->hands_out_login && catalogue && !has_login_to_hand_out(**catalogue, opened->networks))
        remark("no site on these networks has a shared login to hand out: site set NAME --login");
    context.output().answer(to_json(*opened, context.clock().wall_now()),
                            fmt::format("Window {} is open until {}.", opened->id, format_time(opened->closes)));
    return {};
}

Done close(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto id = static_cast<std::int64_t>(arguments.number("ID", 0));
    const auto closed = (*registry)->close_window(id);
    if (!closed) return fail(closed.error());
    context.note({.outcome = "closed",
                  .detail = fmt::format("window {} by hand", id),
                  .kind = registry::EventKind::window_closed});
    context.output().answer({{"id", id}, {"state", "closed"}}, fmt::format("Closed window {}.", id));
    return {};
}

Done list(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto windows = (*registry)->list_windows(arguments.number("--limit", default_limit));
    if (!windows) return fail(windows.error());
    const WallTime now = context.clock().wall_now();
    Rows rows(context.output(), {"ID", "STATE", "CLOSES", "NETWORKS", "USED", "LOGIN"});
    for (const auto& window : *windows) {
        const std::string used =
            window.count == 0 ? std::to_string(window.used) : fmt::format("{} of {}", window.used, window.count);
        rows.add(to_json(window, now), {std::to_string(window.id), state_of(window, now), format_time(window.closes),
                                        fmt::format("{}", fmt::join(show_networks(window), " ")), used,
                                        window.hands_out_login ? "handed out" : ""});
    }
    rows.finish("No windows yet: ringfence window open.");
    return {};
}

}  // namespace

std::vector<Command> window_commands() {
    return {
        {.words = {"window", "open"},
         .purpose = "Opens a staging window: for some minutes, sets on these networks also get internal files.",
         .parameters = {{.name = "--minutes",
                         .shape = Shape::number,
                         .placeholder = "N",
                         .meaning = "it closes by itself after this time",
                         .required = true,
                         .min = 1,
                         .max = max_minutes},
                        {.name = "--net",
                         .shape = Shape::network,
                         .placeholder = "CIDR",
                         .meaning = "where the sets stand; may be repeated",
                         .required = true,
                         .repeated = true},
                        {.name = "--count",
                         .shape = Shape::number,
                         .placeholder = "N",
                         .meaning = "how many sets, or addresses without a known one, may use it; default: no limit",
                         .min = 1,
                         .max = max_count},
                        {.name = "--device",
                         .shape = Shape::mac,
                         .placeholder = "MAC",
                         .meaning = "only this set of the inventory; may be repeated",
                         .repeated = true},
                        {.name = "--bootstrap-login",
                         .shape = Shape::flag,
                         .meaning = "manifests carry the site's shared login, readable by all on that network"}},
         .notes = "SIP accounts are never handed out in a window.",
         .run = open},
        {.words = {"window", "close"},
         .purpose = "Closes a window now.",
         .parameters = {{.name = "ID",
                         .shape = Shape::number,
                         .meaning = "as window list shows it",
                         .required = true,
                         .min = 1,
                         .max = std::numeric_limits<std::int64_t>::max()}},
         .run = close},
        {.words = {"window", "list"},
         .purpose = "Lists windows, the newest first, past ones too.",
         .parameters = {{.name = "--limit",
                         .shape = Shape::number,
                         .placeholder = "N",
                         .meaning = "how many; default: 50",
                         .min = 1,
                         .max = max_limit}},
         .run = list},
    };
}

}  // namespace ringfence::app
