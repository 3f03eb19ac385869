#include "app/server/command_line.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <map>
#include <memory>

#include "base/text.h"

namespace ringfence::app {

namespace {

constexpr std::string_view version_text = "ringfence " RINGFENCE_VERSION "\n";

struct Parser {
    CLI::App* app = nullptr;
    std::vector<CLI::Option*> options;  // in the order of the command's parameters
};

using Nouns = std::map<std::string, CLI::App*>;  // by all words up to there: "ca rollover"

CLI::App& find_or_add(CLI::App& parent, const std::string& beginning, const std::string& overview, Nouns& nouns) {
    CLI::App*& known = nouns[beginning];
    if (known != nullptr) return *known;
    known = parent.add_subcommand(beginning.substr(beginning.rfind(' ') + 1));
    known->set_help_flag("--help,-h");
    known->formatter_fn([overview](const CLI::App*, std::string, CLI::AppFormatMode) { return overview; });
    known->require_subcommand(1);
    return *known;
}

CLI::Option* add_parameter(CLI::App& app, const Parameter& parameter) {
    if (parameter.shape == Shape::flag) return app.add_flag(parameter.name);
    CLI::Option* option = app.add_option(parameter.name);
    option->required(parameter.required);
    option->allow_extra_args(false);
    // A repeated option takes one value each time; repeated or not, which of several counts is never guessed.
    option->multi_option_policy(parameter.repeated ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::Throw);
    if (parameter.name == "--data") option->envname("RINGFENCE_DATA");
    return option;
}

Parser add_command(CLI::App& root, const Command& command, const std::vector<Command>& commands, Nouns& nouns) {
    CLI::App* parent = &root;
    std::string beginning;
    for (std::size_t i = 0; i + 1 < command.words.size(); ++i) {
        beginning += (i == 0 ? "" : " ") + command.words[i];
        parent = &find_or_add(*parent, beginning, format_overview(commands, beginning), nouns);
    }
    Parser parser;
    parser.app = parent->add_subcommand(command.words.back());
    parser.app->set_help_flag("--help,-h");
    parser.app->formatter_fn(
        [text = format_help(command)](const CLI::App*, std::string, CLI::AppFormatMode) { return text; });
    for (const auto& parameter : command.parameters) parser.options.push_back(add_parameter(*parser.app, parameter));
    return parser;
}

Checked<Arguments> read_arguments(const Command& command, const Parser& parser) {
    Arguments::Values values;
    for (std::size_t i = 0; i < command.parameters.size(); ++i) {
        const Parameter& parameter = command.parameters[i];
        auto& own = values[parameter.name];
        if (parser.options[i]->count() == 0) continue;
        own = parser.options[i]->results();
        for (const auto& value : own) {
            const auto fits = check_shape(parameter, value);
            if (!fits) return tl::unexpected<Stop>(fits.error());
        }
    }
    return Arguments(std::move(values));
}

bool is_information(const CLI::ParseError& error) {
    return error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);
}

// The library's sentence ends with full stops and line ends now and then.
std::string tidy(std::string_view sentence) {
    while (!sentence.empty() && (sentence.back() == '.' || is_ascii_space(sentence.back()))) sentence.remove_suffix(1);
    return std::string(sentence);
}

std::string explain(const CLI::ParseError& error, const CLI::App& root) {
    const CLI::App* app = &root;
    std::string words = "ringfence";
    while (!app->get_subcommands().empty()) {
        app = app->get_subcommands().front();
        words += " " + app->get_name();
    }
    const auto unknown = app->remaining();
    const bool lacks_command = app->get_require_subcommand_min() > 0;
    const std::string what =
        lacks_command && !unknown.empty() ? "there is no command '" + unknown.front() + "' here" : tidy(error.what());
    return fmt::format("{}; see {} --help", printable(what), words);
}

}  // namespace

Checked<std::variant<Invocation, Information>> parse_command_line(int count, const char* const* words,
                                                                  const std::vector<Command>& commands) {
    CLI::App root;
    root.set_help_flag("--help,-h");
    root.formatter_fn(
        [text = format_overview(commands)](const CLI::App*, std::string, CLI::AppFormatMode) { return text; });
    root.set_version_flag("--version", std::string(version_text));
    root.require_subcommand(1);
    Nouns nouns;
    std::vector<Parser> parsers;
    for (const auto& command : commands) parsers.push_back(add_command(root, command, commands, nouns));

    try {
        root.parse(count, words);
    } catch (const CLI::CallForVersion&) {
        return Information{std::string(version_text)};
    } catch (const CLI::ParseError& error) {
        if (is_information(error)) return Information{root.help()};
        return misuse(explain(error, root));
    }

    for (std::size_t i = 0; i < commands.size(); ++i) {
        if (!parsers[i].app->parsed()) continue;
        auto arguments = read_arguments(commands[i], parsers[i]);
        if (!arguments) return tl::unexpected<Stop>(arguments.error());
        if (commands[i].find_misuse) {
            if (const auto sentence = commands[i].find_misuse(*arguments))
                return misuse(fmt::format("{}; see ringfence {} --help", *sentence, commands[i].title()));
        }
        return Invocation{&commands[i], std::move(*arguments)};
    }
    return misuse("no command was given; see ringfence --help");
}

}  // namespace ringfence::app
