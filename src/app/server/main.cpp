// ringfence: the provisioning server and its administration.
#include <cstdio>

#include "app/server/command_line.h"
#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/output.h"
#include "base/text.h"

namespace ringfence::app {

namespace {

void append(std::vector<Command>& all, std::vector<Command> more) {
    for (auto& command : more) all.push_back(std::move(command));
}

int tell(const Stop& stop) {
    std::string_view sentence = stop.sentence;
    if (sentence.ends_with('.')) sentence.remove_suffix(1);
    std::fflush(stdout);
    std::fprintf(stderr, "ringfence: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
    return static_cast<int>(stop.code);
}

std::string without_slash(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

int run(int count, const char* const* words) {
    const auto commands = all_commands();
    auto parsed = parse_command_line(count, words, commands);
    if (!parsed) return tell(parsed.error());
    if (const auto* information = std::get_if<Information>(&*parsed)) {
        std::fputs(information->text.c_str(), stdout);
        return 0;
    }
    const auto& invocation = std::get<Invocation>(*parsed);
    Output output(invocation.arguments.has("--json"));
    Done done;
    {
        Context context(without_slash(invocation.arguments.text_or_empty("--data")), output);
        done = invocation.command->run(invocation.arguments, context);
    }
    const auto said = output.finish();
    if (!done) return tell(done.error());
    if (!said) return tell(Stop(said.error()));
    return 0;
}

}  // namespace

std::vector<Command> all_commands() {
    std::vector<Command> all;
    append(all, installation_commands());
    append(all, serve_commands());
    append(all, process_commands());
    append(all, device_commands());
    append(all, site_commands());
    append(all, setting_commands());
    append(all, render_commands());
    append(all, file_commands());
    append(all, trust_list_commands());
    append(all, window_commands());
    append(all, certificate_commands());
    append(all, root_commands());
    append(all, ca_commands());
    append(all, certificate_check_commands());
    append(all, token_commands());
    append(all, event_commands());
    append(all, version_commands());
    append(all, import_commands());
    append(all, dhcp_commands());
    append(all, network_device_commands());
    append(all, radius_commands());
    append(all, reauthentication_commands());
    for (auto& command : all) {
        Parameter data{
            .name = "--data", .placeholder = "DIR", .meaning = "the installation's folder; default: RINGFENCE_DATA"};
        data.required = command.needs_installation;
        command.parameters.push_back(std::move(data));
        command.parameters.push_back(
            {.name = "--json", .shape = Shape::flag, .meaning = "answer in JSON, one object a line"});
    }
    return all;
}

}  // namespace ringfence::app

int main(int count, char** words) { return ringfence::app::run(count, words); }
