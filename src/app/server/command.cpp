#include "app/server/command.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ringfence::app {

namespace {

constexpr std::size_t widest_name = 26;  // longer names get a line of their own
constexpr std::size_t text_width = 100;  // of --help
constexpr std::size_t meaning_column = 2 + widest_name + 2;

std::string join(const std::vector<std::string>& words, std::string_view separator) {
    return fmt::format("{}", fmt::join(words, separator));
}

std::string show_name(const Parameter& parameter) {
    if (!parameter.is_option()) return parameter.name;
    if (parameter.shape == Shape::flag) return parameter.name;
    if (parameter.shape == Shape::choice && parameter.placeholder.empty())
        return parameter.name + " " + join(parameter.choices, "|");
    return parameter.name + " " + parameter.placeholder;
}

std::string show_in_usage(const Parameter& parameter) {
    std::string shown = show_name(parameter);
    if (parameter.repeated) shown += " ...";
    return parameter.required ? shown : "[" + shown + "]";
}

// Puts the pieces in lines, so that lines below the first begin at `column`.
std::string wrap_pieces(const std::vector<std::string>& pieces, std::size_t column) {
    std::string out;
    std::size_t used = column;
    for (const auto& piece : pieces) {
        if (used > column && used + 1 + piece.size() > text_width) {
            out += "\n" + std::string(column, ' ');
            used = column;
        } else if (used > column) {
            out += ' ';
            ++used;
        }
        out += piece;
        used += piece.size();
    }
    return out;
}

std::string wrap(std::string_view text, std::size_t column) {
    const auto words = split(text, ' ');
    return wrap_pieces({words.begin(), words.end()}, column);
}

std::string show_parameter(const Parameter& parameter) {
    const std::string name = show_name(parameter);
    const std::string meaning = wrap(parameter.meaning, meaning_column);
    if (name.size() <= widest_name) return fmt::format("  {:<{}}  {}\n", name, widest_name, meaning);
    return fmt::format("  {}\n{}{}\n", name, std::string(meaning_column, ' '), meaning);
}

std::string show_overview_line(const Command& command) {
    return fmt::format("  {:<16}  {}\n", command.title(), wrap(command.purpose, 20));
}

std::string explain(const Parameter& parameter, std::string_view value, std::string_view reason) {
    return fmt::format("{} cannot be '{}': {}", parameter.name, printable(value), reason);
}

}  // namespace

tl::unexpected<Stop> misuse(std::string sentence) {
    return tl::unexpected<Stop>(Stop(ExitCode::misused, std::move(sentence)));
}

const std::vector<std::string>& Arguments::all(std::string_view name) const {
    const auto found = values_.find(name);
    RINGFENCE_ASSERT(found != values_.end());
    return found->second;
}

const std::string& Arguments::text(std::string_view name) const {
    const auto& values = all(name);
    RINGFENCE_ASSERT(!values.empty());
    return values.front();
}

std::string Arguments::text_or_empty(std::string_view name) const { return find_text(name).value_or(std::string()); }

std::optional<std::string> Arguments::find_text(std::string_view name) const {
    const auto& values = all(name);
    if (values.empty()) return std::nullopt;
    return values.front();
}

MacAddress Arguments::mac(std::string_view name) const {
    const auto mac = MacAddress::parse(text(name));
    RINGFENCE_ASSERT(mac.has_value());
    return *mac;
}

std::optional<MacAddress> Arguments::find_mac(std::string_view name) const {
    if (!has(name)) return std::nullopt;
    return mac(name);
}

std::vector<MacAddress> Arguments::macs(std::string_view name) const {
    std::vector<MacAddress> out;
    for (const auto& value : all(name)) {
        const auto mac = MacAddress::parse(value);
        RINGFENCE_ASSERT(mac.has_value());
        out.push_back(*mac);
    }
    return out;
}

std::vector<Network> Arguments::networks(std::string_view name) const {
    std::vector<Network> out;
    for (const auto& value : all(name)) {
        const auto network = Network::parse(value);
        RINGFENCE_ASSERT(network.has_value());
        out.push_back(*network);
    }
    return out;
}

std::uint64_t Arguments::number(std::string_view name, std::uint64_t otherwise) const {
    if (!has(name)) return otherwise;
    const auto number = parse_number(text(name));
    RINGFENCE_ASSERT(number.has_value());
    return *number;
}

std::string Command::title() const { return join(words, " "); }

Checked<void> check_shape(const Parameter& parameter, std::string_view value) {
    const auto refuse = [&](std::string_view reason) { return misuse(explain(parameter, value, reason)); };
    switch (parameter.shape) {
        case Shape::flag: return {};
        case Shape::text: {
            if (value.empty() && parameter.name != "VALUE") return refuse("it is empty");
            if (value.find('\0') != std::string_view::npos) return refuse("it holds a NUL byte");
            return {};
        }
        case Shape::mac: {
            const auto mac = MacAddress::parse(value);
            if (!mac) return refuse(mac.error().message);
            return {};
        }
        case Shape::address: {
            const auto address = IpAddress::parse(value);
            if (!address) return refuse(address.error().message);
            return {};
        }
        case Shape::network: {
            const auto network = Network::parse(value);
            if (!network) return refuse(network.error().message);
            return {};
        }
        case Shape::number: {
            const auto number = parse_number(value);
            if (!number) return refuse("it is not a number");
            if (*number < parameter.min || *number > parameter.max)
                return refuse(fmt::format("it must be from {} to {}", parameter.min, parameter.max));
            return {};
        }
        case Shape::choice: {
            if (std::find(parameter.choices.begin(), parameter.choices.end(), value) != parameter.choices.end())
                return {};
            return refuse("it is one of " + join(parameter.choices, ", "));
        }
    }
    return {};
}

std::string format_help(const Command& command) {
    const std::string beginning = "Usage: ringfence " + command.title() + " ";
    std::vector<std::string> pieces;
    for (const auto& parameter : command.parameters) pieces.push_back(show_in_usage(parameter));
    std::string out = beginning + wrap_pieces(pieces, beginning.size()) + "\n\n" + wrap(command.purpose, 0) + "\n\n";
    for (const auto& parameter : command.parameters) out += show_parameter(parameter);
    out += show_parameter({.name = "--help", .shape = Shape::flag, .meaning = "this text"});
    if (command.notes.empty()) return out;
    out += '\n';
    for (const std::string_view paragraph : split(command.notes, '\n')) out += wrap(paragraph, 0) + "\n";
    return out;
}

std::string format_overview(const std::vector<Command>& commands) {
    std::string out = "Usage: ringfence COMMAND ... --data DIR\n\nProvisions SIP desk phones securely.\n\n";
    for (const auto& command : commands)
        if (!command.is_hidden) out += show_overview_line(command);
    out +=
        "\nringfence COMMAND --help explains one. RINGFENCE_DATA can stand for --data.\n"
        "Exit codes: 0 done, 1 refused or failed, 2 misused.\n";
    return out;
}

std::string format_overview(const std::vector<Command>& commands, std::string_view beginning) {
    std::string out = fmt::format("Usage: ringfence {} COMMAND ... --data DIR\n\n", beginning);
    for (const auto& command : commands)
        if (command.title().starts_with(fmt::format("{} ", beginning))) out += show_overview_line(command);
    out += fmt::format("\nringfence {} COMMAND --help explains one.\n", beginning);
    return out;
}

}  // namespace ringfence::app
