#include <fmt/format.h>

#include "app/phone/commands.h"
#include "app/phone/first_line.h"
#include "app/phone/output.h"
#include "app/phone/report.h"
#include "app/phone/state_folder.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/text.h"
#include "phone/discovery.h"
#include "phone/flash.h"
#include "phone/parameters.h"

namespace ringfence::app {

namespace {

auto misused(std::string sentence) { return fail(FaultCode::malformed, std::move(sentence)); }

Result<phone::Parameter> find_parameter(std::string_view name) {
    if (const auto parameter = phone::parse_parameter(name)) return *parameter;
    std::string known;
    for (const auto parameter : phone::all_parameters())
        known.append(known.empty() ? "" : ", ").append(to_string(parameter));
    return misused(fmt::format("'{}' is no parameter; there are {}", printable(name, 40), known));
}

// An entry by hand; an empty value forgets the one there was.
struct Entry {
    phone::Parameter parameter = phone::Parameter::provisioning_server;
    Secret value;
};

Result<Entry> check_entry(phone::Parameter parameter, std::string_view text) {
    auto value = phone::check_parameter(parameter, text);
    if (!value) return fail(std::move(value.error()));
    return Entry{parameter, std::move(*value)};
}

Result<Entry> read_clear(const std::string& name) {
    const auto parameter = find_parameter(name);
    if (!parameter) return fail(parameter.error());
    return Entry{*parameter, Secret()};
}

Result<Entry> read_set(const std::string& option) {
    const auto equals = option.find('=');
    if (equals == std::string::npos) return misused("--set takes NAME=VALUE");
    const auto parameter = find_parameter(option.substr(0, equals));
    if (!parameter) return fail(parameter.error());
    const std::string text = option.substr(equals + 1);
    if (phone::holds_secret(*parameter, Secret(text)))
        return misused("a password on the command line can be read in the list of processes; give it with --set-from");
    return check_entry(*parameter, text);
}

Result<Entry> read_set_from(const std::string& option) {
    const auto equals = option.find('=');
    if (equals == std::string::npos) return misused("--set-from takes NAME=FILE");
    const auto parameter = find_parameter(option.substr(0, equals));
    if (!parameter) return fail(parameter.error());
    const auto line = read_first_line(option.substr(equals + 1));
    if (!line) return fail(line.error());
    return check_entry(*parameter, line->reveal());
}

// All of them, before anything is touched.
Result<std::vector<Entry>> read_entries(const ConfigureOptions& options) {
    using Reader = Result<Entry> (*)(const std::string&);
    const std::pair<const std::vector<std::string>&, Reader> readers[] = {
        {options.clear, read_clear}, {options.set, read_set}, {options.set_from, read_set_from}};
    std::vector<Entry> entries;
    for (const auto& [given, read] : readers)
        for (const auto& option : given) {
            auto entry = read(option);
            if (!entry) return fail(std::move(entry.error()));
            entries.push_back(std::move(*entry));
        }
    return entries;
}

void enter(const std::vector<Entry>& entries, phone::ParameterMemory& memory) {
    for (const auto& [parameter, value] : entries) {
        memory.manual.erase(parameter);
        if (!value.empty()) memory.manual.emplace(parameter, value);
    }
}

int exit_code_for(const Fault& fault) {
    const bool is_misuse = fault.code == FaultCode::malformed || fault.code == FaultCode::too_large;
    return is_misuse ? exit_misused : exit_failed;
}

}  // namespace

int configure(const ConfigureOptions& options) {
    auto entries = read_entries(options);
    if (!entries) return complain(entries.error().message, exit_code_for(entries.error()));

    SystemDisk disk;
    const SystemClock clock;
    auto held = hold_recovered_flash(disk, options.state, clock);
    if (!held) return complain(held.error().message, exit_failed);
    phone::Flash& flash = held->flash;
    auto memory = flash.state().parameters;
    enter(*entries, memory);
    if (auto stored = flash.remember(memory); !stored) return complain(stored.error().message, exit_failed);

    const auto values = phone::discover(memory, flash.state().settings, {}).values;
    print(options.json ? parameters_json(values) + "\n" : parameters_text(values));
    return finish_output(exit_done);
}

}  // namespace ringfence::app
