// What a command of `ringfence` is called, takes and does, as data: parsing, the checks of single values and --help
// follow from the table (commands.h). Everything here lives for one run of the program, on its one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/mac_address.h"
#include "base/result.h"

namespace ringfence::app {

enum class ExitCode { done = 0, failed = 1, misused = 2 };

// Why a command ended early: one plain sentence and the code that follows from it. A Fault means `failed`.
struct Stop {
    Stop(Fault fault) : sentence(std::move(fault.message)) {}  // NOLINT: converts, so that fail() serves here too
    Stop(ExitCode exit_code, std::string why) : code(exit_code), sentence(std::move(why)) {}

    ExitCode code = ExitCode::failed;
    std::string sentence;
};

template <typename T>
using Checked = tl::expected<T, Stop>;
using Done = Checked<void>;

tl::unexpected<Stop> misuse(std::string sentence);

enum class Shape { flag, text, mac, address, network, number, choice };

// An argument by place ("MAC") or by name ("--model").
struct Parameter {
    std::string name{};
    Shape shape = Shape::text;
    std::string placeholder{};  // of an option's value, as --help shows it
    std::string meaning{};      // for --help: a phrase without a full stop
    bool required = false;
    bool repeated = false;
    std::vector<std::string> choices{};  // Shape::choice
    std::uint64_t min = 0;               // Shape::number
    std::uint64_t max = std::numeric_limits<std::uint64_t>::max();

    bool is_option() const { return name.starts_with("--"); }
};

// Values by parameter name, each already of its Shape; asking for a parameter that the command lacks is a bug.
class Arguments {
public:
    using Values = std::map<std::string, std::vector<std::string>, std::less<>>;
    Arguments() = default;
    explicit Arguments(Values values) : values_(std::move(values)) {}

    bool has(std::string_view name) const { return !all(name).empty(); }
    const std::vector<std::string>& all(std::string_view name) const;
    const std::string& text(std::string_view name) const;  // the parameter must have been given
    std::string text_or_empty(std::string_view name) const;
    std::optional<std::string> find_text(std::string_view name) const;
    MacAddress mac(std::string_view name) const;  // must have been given
    std::optional<MacAddress> find_mac(std::string_view name) const;
    std::vector<MacAddress> macs(std::string_view name) const;
    std::vector<Network> networks(std::string_view name) const;
    std::uint64_t number(std::string_view name, std::uint64_t otherwise) const;

private:
    Values values_;
};

class Context;

struct Command {
    std::vector<std::string> words{};  // {"device", "add"}
    std::string purpose{};             // one sentence
    std::vector<Parameter> parameters{};
    std::string notes{};             // for --help, below the parameters; may hold several lines
    bool is_hidden = false;          // stands in no overview: no person runs it
    bool needs_installation = true;  // false: --data may be left out
    // What single values cannot tell: a sentence when the arguments do not fit each other.
    std::function<std::optional<std::string>(const Arguments&)> find_misuse{};
    std::function<Done(const Arguments&, Context&)> run{};

    std::string title() const;  // "device add"
};

// Refuses a value that is not of the parameter's shape; the sentence names the parameter.
Checked<void> check_shape(const Parameter& parameter, std::string_view value);

std::string format_help(const Command& command);
std::string format_overview(const std::vector<Command>& commands);
// The commands that begin with these words.
std::string format_overview(const std::vector<Command>& commands, std::string_view beginning);

}  // namespace ringfence::app
