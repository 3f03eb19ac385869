#include <fmt/format.h>

#include <utility>
#include <variant>

#include "app/phone/commands.h"
#include "app/phone/first_line.h"
#include "app/phone/output.h"
#include "app/phone/port_plan.h"
#include "app/phone/report.h"
#include "app/phone/state_folder.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/text.h"
#include "phone/discovery.h"
#include "phone/flash.h"
#include "phone/parameters.h"
#include "phone/port_settings.h"
#include "phone/port_store.h"

namespace ringfence::app {

namespace {

auto misused(std::string sentence) { return fail(FaultCode::malformed, std::move(sentence)); }

// What can be typed: a parameter, or a field of the 802.1X settings.
using Name = std::variant<phone::Parameter, phone::PortField>;

Result<Name> find_name(std::string_view name) {
    if (const auto parameter = phone::parse_parameter(name)) return *parameter;
    if (const auto field = phone::parse_port_field(name)) return *field;
    std::string known;
    for (const auto parameter : phone::all_parameters())
        known.append(known.empty() ? "" : ", ").append(to_string(parameter));
    for (const auto field : phone::all_port_fields()) known.append(", ").append(to_string(field));
    return misused(fmt::format("'{}' is no parameter; there are {}", printable(name, 40), known));
}

// An entry by hand; an empty value forgets the one there was.
struct Entry {
    Name name;
    Secret value;
};

bool is_secret(const Name& name, const std::string& text) {
    if (const auto* field = std::get_if<phone::PortField>(&name)) return *field == phone::PortField::password;
    return phone::holds_secret(std::get<phone::Parameter>(name), Secret(text));
}

Result<Entry> check_entry(const Name& name, std::string_view text) {
    if (const auto* parameter = std::get_if<phone::Parameter>(&name)) {
        auto value = phone::check_parameter(*parameter, text);
        if (!value) return fail(std::move(value.error()));
        return Entry{name, std::move(*value)};
    }
    phone::PortSettings tried;
    if (auto set = phone::set_port_field(tried, std::get<phone::PortField>(name), text); !set)
        return fail(std::move(set.error()));
    return Entry{name, Secret(std::string(text))};
}

Result<Entry> read_clear(const std::string& option) {
    const auto name = find_name(option);
    if (!name) return fail(name.error());
    return Entry{*name, Secret()};
}

Result<Entry> read_set(const std::string& option) {
    const auto equals = option.find('=');
    if (equals == std::string::npos) return misused("--set takes NAME=VALUE");
    const auto name = find_name(option.substr(0, equals));
    if (!name) return fail(name.error());
    const std::string text = option.substr(equals + 1);
    if (is_secret(*name, text))
        return misused("a password on the command line can be read in the list of processes; give it with --set-from");
    return check_entry(*name, text);
}

Result<Entry> read_set_from(const std::string& option) {
    const auto equals = option.find('=');
    if (equals == std::string::npos) return misused("--set-from takes NAME=FILE");
    const auto name = find_name(option.substr(0, equals));
    if (!name) return fail(name.error());
    const auto line = read_first_line(option.substr(equals + 1));
    if (!line) return fail(line.error());
    return check_entry(*name, line->reveal());
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
    for (const auto& [name, value] : entries) {
        const auto* parameter = std::get_if<phone::Parameter>(&name);
        if (parameter == nullptr) continue;
        memory.manual.erase(*parameter);
        if (!value.empty()) memory.manual.emplace(*parameter, value);
    }
}

// The mode first: choosing Disabled erases the rest, and what is typed with it would be lost unseen.
Result<phone::PortSettings> enter(const std::vector<Entry>& entries, phone::PortSettings port) {
    for (const bool is_mode_wanted : {true, false})
        for (const auto& [name, value] : entries) {
            const auto* field = std::get_if<phone::PortField>(&name);
            if (field == nullptr || (*field == phone::PortField::mode) != is_mode_wanted) continue;
            if (auto set = phone::set_port_field(port, *field, value.reveal()); !set)
                return fail(std::move(set.error()));
        }
    if (port.mode == phone::PortMode::disabled && port != phone::PortSettings())
        return fail(FaultCode::malformed, "with eap-mode disabled nothing else of 802.1X is kept");
    return port;
}

// A new login follows, also of a `run`, at its next boot or SIGHUP.
Status store_port(phone::Flash& flash, Disk& disk, const std::string& folder, const phone::PortSettings& port) {
    if (port == flash.state().port) return {};
    const auto material = port_material(flash);
    if (!material) return fail(material.error());
    if (auto ready = phone::check_port_material(port, *material); !ready) return ready;
    if (auto forgotten = phone::PortStore(disk, folder).forget_note(); !forgotten) return forgotten;
    return flash.store_port(port);
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
    const auto port = enter(*entries, flash.state().port);
    if (!port) return complain(port.error().message, exit_code_for(port.error()));
    if (auto stored = store_port(flash, disk, options.state, *port); !stored)
        return complain(stored.error().message, exit_failed);
    auto memory = flash.state().parameters;
    enter(*entries, memory);
    if (auto stored = flash.remember(memory); !stored) return complain(stored.error().message, exit_failed);

    const auto values = phone::discover(memory, flash.state().settings, {}).values;
    print(options.json ? configured_json(values, *port) + "\n" : parameters_text(values) + port_text(*port));
    return finish_output(exit_done);
}

}  // namespace ringfence::app
