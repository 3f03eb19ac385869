#include <fmt/format.h>

#include "app/server/commands.h"
#include "app/server/context.h"

namespace ringfence::app {

namespace {

Done floor(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    if (arguments.has("N")) {
        const auto wanted = static_cast<std::uint32_t>(arguments.number("N", 0));
        const auto before = (*registry)->versions();
        if (!before) return fail(before.error());
        if (wanted < before->floor)
            return fail(FaultCode::conflict, fmt::format("the floor stands at {} and never falls", before->floor));
        const auto raised = (*registry)->raise_version_floor(wanted);
        if (!raised) return fail(raised.error());
        context.note({.outcome = "version-floor-raised", .detail = fmt::format("to {}", wanted)});
    }
    const auto counter = (*registry)->versions();
    if (!counter) return fail(counter.error());
    context.output().answer(
        {{"floor", counter->floor}, {"last", counter->last}},
        format_facts({{"floor", std::to_string(counter->floor)}, {"last given out", std::to_string(counter->last)}}));
    return {};
}

}  // namespace

std::vector<Command> version_commands() {
    return {{.words = {"version", "floor"},
             .purpose = "Shows the VERSION that manifests start at or above, or raises it.",
             .parameters = {{.name = "N",
                             .shape = Shape::number,
                             .meaning = "one above the highest VERSION that sets in the field may hold",
                             .min = 1,
                             .max = registry::highest_version}},
             .notes = "A set fetches only what is newer than what it holds, so the numbers never fall.",
             .run = floor}};
}

}  // namespace ringfence::app
