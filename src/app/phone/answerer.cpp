#include "app/phone/answerer.h"

#include <fmt/format.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>

#include "app/phone/output.h"
#include "base/text.h"

namespace ringfence::app {

namespace {

using phone::Answer;
using phone::Question;

// As long as the set waits (reference 5.3).
constexpr std::chrono::seconds answer_time{30};
constexpr std::size_t answer_limit = 256;  // a SHA-256 in pairs has 95 characters

// What is typed does not show while this lives.
class HiddenTyping {
public:
    HiddenTyping() {
        if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
        termios hidden = before_;
        hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        is_hidden_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0;
    }
    ~HiddenTyping() {
        if (!is_hidden_) return;
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
        print_error("\n");
    }
    HiddenTyping(const HiddenTyping&) = delete;
    HiddenTyping& operator=(const HiddenTyping&) = delete;

private:
    termios before_{};
    bool is_hidden_ = false;
};

std::optional<std::string> read_line_in_time() {
    const auto end = std::chrono::steady_clock::now() + answer_time;
    std::string line;
    while (line.size() < answer_limit) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0) return std::nullopt;
        pollfd waiting{STDIN_FILENO, POLLIN, 0};
        const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return std::nullopt;
        char c = 0;
        if (::read(STDIN_FILENO, &c, 1) != 1) return std::nullopt;
        if (c == '\n') return line;
        line += c;
    }
    return line;
}

std::string_view what_it_is(const Question& question) {
    if (question.section == "SEC_POLICY") return "a security policy that nothing signed";
    return question.section == "CMP" ? "a root certificate that this phone does not have"
                                     : "this phone's first root certificate";
}

void show(const Question& question) {
    const std::string file = fmt::format("[{}] {}", question.section, printable(question.file));
    if (question.kind == Question::Kind::consent)
        return print_error(fmt::format("The manifest asks before it lets {} be fetched. Fetch it? (yes/no, {} s) ",
                                       file, answer_time.count()));
    if (question.kind == Question::Kind::password)
        return print_error(fmt::format("{} is a device certificate. Its password ({} s): ", file, answer_time.count()));
    print_error(fmt::format(
        "{} is {}. Its fingerprints:\n  SHA-1    {}\n  SHA-256  {}\n"
        "Compare all digits with what the administrator shows. Type {}the expected fingerprint ({} "
        "s): ",
        file, what_it_is(question), phone::in_pairs(question.fingerprints.sha1),
        phone::in_pairs(question.fingerprints.sha256), question.must_be_typed ? "" : "yes, or ", answer_time.count()));
}

std::optional<std::string> read_answer(const Question& question) {
    if (question.kind != Question::Kind::password) return read_line_in_time();
    const HiddenTyping hidden;
    return read_line_in_time();
}

Answer read_typed(const Question& question, std::string line) {
    if (question.kind == Question::Kind::password) return {true, "typed at the prompt", false, Secret(std::move(line))};
    const auto typed = trim(line);
    if (equals_ignoring_case(typed, "yes") || equals_ignoring_case(typed, "y"))
        return {true, "yes at the prompt", false, {}};
    if (question.kind == Question::Kind::fingerprint) {
        const auto expected = phone::ExpectedFingerprint::parse(typed);
        const bool matches = expected && expected->matches(question.fingerprints);
        if (expected) return {matches, "typed at the prompt", matches, {}};
    }
    return {false, "no at the prompt", false, {}};
}

Answer ask_person(const Question& question) {
    show(question);
    auto line = read_answer(question);
    if (line) return read_typed(question, std::move(*line));
    print_error("\n");
    return {false, fmt::format("no answer within {} seconds", answer_time.count()), false, {}};
}

}  // namespace

std::optional<Answer> Answerer::find_given(const Question& question) const {
    switch (question.kind) {
        case Question::Kind::fingerprint: {
            if (given_.fingerprints.empty()) return std::nullopt;
            const bool matches =
                std::any_of(given_.fingerprints.begin(), given_.fingerprints.end(),
                            [&](const auto& expected) { return expected.matches(question.fingerprints); });
            return Answer{matches, matches ? "it is the one given" : "it is not the one given", matches, {}};
        }
        case Question::Kind::consent:
            if (!given_.consent) return std::nullopt;
            return Answer{*given_.consent, "given on the command line", false, {}};
        case Question::Kind::password:
            if (!given_.certificate_password) return std::nullopt;
            return Answer{true, "given in a file", false, *given_.certificate_password};
    }
    return std::nullopt;
}

Answer Answerer::answer(const Question& question) const {
    if (auto given = find_given(question)) return std::move(*given);
    if (may_ask_person_) return ask_person(question);
    return {false, "nobody was there to answer", false, {}};
}

}  // namespace ringfence::app
