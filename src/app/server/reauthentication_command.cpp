#include <fmt/format.h>

#include <utility>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "network/switch_wire.h"

namespace ringfence::app {

namespace {

using network::ChangeAnswer;
using network::ChangeEnd;
using network::ChangeOrder;

constexpr Duration look_every{100};

// Where it was let in last.
Result<registry::DevicePort> get_port(registry::Registry& registry, const MacAddress& mac) {
    auto ports = registry.ports_of(mac);
    if (!ports) return fail(std::move(ports).error());
    if (ports->empty()) return fail(FaultCode::not_found, mac.colons() + " was let in at no port that is known");
    return std::move(ports->front());
}

Result<ChangeOrder> make_order(registry::Registry& registry, const MacAddress& mac) {
    auto port = get_port(registry, mac);
    if (!port) return fail(std::move(port).error());
    auto at = registry.find_switch(port->switch_address);
    if (!at) return fail(std::move(at).error());
    const std::string address = port->switch_address.to_string();
    if (!*at) return fail(FaultCode::not_found, "there is no switch at " + address + ": radius switch add");
    if ((*at)->change == registry::PortChange::none)
        return fail(FaultCode::forbidden, "the switch " + (*at)->name + " takes no requests: --change none");
    return ChangeOrder{.port = std::move(*port), .at = std::move(**at)};
}

Result<ChangeEnd> ask(Context& context, ChangeOrder order) {
    auto wire = network::SwitchWire::open(context.clock(), context.random());
    if (!wire) return fail(std::move(wire).error());
    wire->begin(std::move(order));
    while (true) {
        for (auto& end : wire->wait(look_every)) {
            auto next =
                end.answer == ChangeAnswer::refused ? network::find_next_try(end.order, end.cause) : std::nullopt;
            if (!next) return std::move(end);
            wire->begin(std::move(*next));
        }
    }
}

Status judge(const ChangeEnd& end) {
    if (end.answer == ChangeAnswer::silent)
        return fail(FaultCode::unavailable,
                    fmt::format("the switch {} did not answer on port {}, or not with its secret", end.order.at.name,
                                end.order.at.port));
    if (end.answer == ChangeAnswer::refused)
        return fail(FaultCode::conflict,
                    fmt::format("the switch {} refused: {}", end.order.at.name,
                                end.cause ? network::format_error_cause(*end.cause) : "no reason told"));
    return {};
}

Done reauthenticate(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    auto order = make_order(**registry, arguments.mac("MAC"));
    if (!order) return fail(std::move(order).error());
    const auto end = ask(context, std::move(*order));
    if (!end) return fail(end.error());
    if (const auto judged = judge(*end); !judged) return fail(judged.error());
    const auto& port = end->order.port;
    context.note({.outcome = "device-reauthenticated",
                  .detail = fmt::format("port {} of {}", port.port, end->order.at.name),
                  .device = port.device});
    context.output().answer(
        {{"mac", port.device.colons()}, {"switch", end->order.at.name}, {"port", port.port}},
        fmt::format("{} closed port {}; {} logs in anew.", end->order.at.name, port.port, port.device.colons()));
    return {};
}

}  // namespace

std::vector<Command> reauthentication_commands() {
    return {{.words = {"radius", "reauthenticate"},
             .purpose = "Asks the switch to close a set's port, so that the set logs in anew (RFC 5176 Disconnect).",
             .parameters = {{.name = "MAC",
                             .shape = Shape::mac,
                             .meaning = "the set's MAC address, with or without ':' or '-'",
                             .required = true}},
             .run = reauthenticate}};
}

}  // namespace ringfence::app
