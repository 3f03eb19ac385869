#include "app/phone/fingerprint_answer.h"

#include <fmt/format.h>
#include <poll.h>
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

void show(const Question& question) {
    if (question.kind == Question::Kind::consent) {
        print_error(fmt::format("The manifest asks before it lets [{}] {} be fetched. Fetch it? (yes/no, {} s) ",
                                question.section, printable(question.file), answer_time.count()));
        return;
    }
    print_error(fmt::format(
        "[{}] {} is this phone's first root certificate. Its fingerprints:\n  SHA-1    {}\n  SHA-256  {}\n"
        "Compare all digits with what the administrator shows. Type yes, or the expected fingerprint ({} s): ",
        question.section, printable(question.file), phone::in_pairs(question.fingerprints.sha1),
        phone::in_pairs(question.fingerprints.sha256), answer_time.count()));
}

Answer ask_person(const Question& question) {
    show(question);
    const auto line = read_line_in_time();
    if (!line) {
        print_error("\n");
        return {false, "no answer at the prompt"};
    }
    const auto typed = trim(*line);
    if (equals_ignoring_case(typed, "yes") || equals_ignoring_case(typed, "y")) return {true, "yes at the prompt"};
    if (question.kind == Question::Kind::fingerprint) {
        const auto expected = phone::ExpectedFingerprint::parse(typed);
        if (expected) return {expected->matches(question.fingerprints), "typed at the prompt"};
    }
    return {false, "no at the prompt"};
}

}  // namespace

Answer Answerer::answer(const Question& question) const {
    if (question.kind == Question::Kind::fingerprint && !expected_.empty()) {
        const bool matches = std::any_of(expected_.begin(), expected_.end(),
                                         [&](const auto& expected) { return expected.matches(question.fingerprints); });
        return {matches, matches ? "it is the one given" : "it is not the one given"};
    }
    if (may_ask_person_) return ask_person(question);
    return {false, "nobody was there to answer"};
}

}  // namespace ringfence::app
