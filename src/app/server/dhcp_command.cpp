#include "app/server/commands.h"
#include "app/server/context.h"
#include "network/dhcp_config.h"

namespace ringfence::app {

namespace {

Result<network::DhcpPlan> load_plan(Context& context) {
    const auto settings = context.settings();
    if (!settings) return fail(settings.error());
    if (auto checked = network::check_dhcp_plan((*settings)->dhcp); !checked) return fail(checked.error());
    return (*settings)->dhcp;
}

Done config(const Arguments& arguments, Context& context) {
    const auto plan = load_plan(context);
    if (!plan) return fail(plan.error());
    const std::string& name = arguments.text("--for");
    const std::string text = network::format_dhcp_config(*network::parse_dhcp_server(name), *plan);
    context.output().answer({{"for", name}, {"text", text}}, text);
    return {};
}

}  // namespace

std::vector<Command> dhcp_commands() {
    return {{.words = {"dhcp", "config"},
             .purpose = "Writes the part of a DHCP server's configuration that leads phones here.",
             .parameters = {{.name = "--for",
                             .shape = Shape::choice,
                             .placeholder = "SERVER",
                             .meaning = "the DHCP server that your network runs",
                             .required = true,
                             .choices = network::dhcp_server_names()}},
             .notes = "What it hands out is [dhcp] in ringfence.toml; comments in the text say where it goes.",
             .run = config}};
}

}  // namespace ringfence::app
