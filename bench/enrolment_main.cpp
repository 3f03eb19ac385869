// ringfence-enrol: makes devices and tokens by the hundred, enrols with them, and measures what the keys alone take.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <fstream>
#include <thread>

#include "base/disk.h"
#include "base/random.h"
#include "enrolment_load.h"
#include "registry/registry.h"

namespace {

using namespace ringfence;
using namespace ringfence::bench;

constexpr auto token_life = std::chrono::hours(24);

// Devices `first` and those that follow, with a token each; the tokens, one a line.
Result<std::string> make_tokens(registry::Registry& registry, std::uint64_t first, std::uint64_t count) {
    SystemRandom random;
    std::string lines;
    const auto made = registry.together([&]() -> Status {
        for (std::uint64_t i = first; i < first + count; ++i) {
            const auto mac = MacAddress::parse(fmt::format("00247F{:06X}", i));
            if (!mac) return fail(mac.error());
            if (auto added = registry.add_device({.mac = *mac, .model = "1230"}); !added) return added;
            const TokenText text = make_token(random);
            registry::EnrolmentToken token{.device = *mac};
            token.reference = text.reference;
            token.secret = text.secret;
            token.created = SystemClock().wall_now();
            token.expires = token.created + token_life;
            if (auto added = registry.add_token(token); !added) return added;
            lines += fmt::format("{}\n", format_token_text(text).reveal());
        }
        return {};
    });
    if (!made) return fail(made.error());
    return lines;
}

Status stock(const std::string& directory, std::uint64_t first, std::uint64_t count) {
    const SystemClock clock;
    SystemDisk disk;
    const auto registry = registry::Registry::open(directory, clock, disk);
    if (!registry) return fail(registry.error());
    const auto lines = make_tokens(**registry, first, count);
    if (!lines) return fail(lines.error());
    std::fputs(lines->c_str(), stdout);
    return {};
}

// The tokens of a file, dealt out to so many threads.
std::vector<std::vector<TokenText>> read_tokens(const std::string& path, unsigned threads) {
    std::vector<std::vector<TokenText>> out(threads);
    std::ifstream file(path);
    std::string line;
    for (std::size_t i = 0; std::getline(file, line); ++i) {
        auto token = parse_token_text(line);
        if (!token) throw LoadFailed(token.error().message);
        out[i % threads].push_back(std::move(*token));
    }
    return out;
}

std::string enrol(const EnrolmentLoad& load, const std::vector<std::vector<TokenText>>& shares) {
    std::vector<std::string> faults(shares.size());
    std::vector<std::thread> running;
    for (std::size_t i = 0; i < shares.size(); ++i)
        running.emplace_back([&load, &share = shares[i], &fault = faults[i]] {
            try {
                run_enrolments(load, share);
            } catch (const LoadFailed& failed) {
                fault = failed.what();
            }
        });
    for (auto& thread : running) thread.join();
    for (const auto& fault : faults)
        if (!fault.empty()) return fault;
    return {};
}

int complain(const std::string& what) {
    fmt::print(stderr, "ringfence-enrol: {}\n", what);
    return 1;
}

}  // namespace

int main(int count, char** words) {
    CLI::App app("Enrolments at one server on loopback");
    app.require_subcommand(1);
    std::string directory, way_name, tokens_file, root_file;
    std::uint64_t first = 0, operations = 0;
    std::uint16_t port = 0;
    unsigned threads = 1;
    auto* stock_command = app.add_subcommand("stock", "Adds devices with a token each; prints the tokens");
    stock_command->add_option("--data", directory)->required();
    stock_command->add_option("--first", first)->required();
    stock_command->add_option("--operations", operations)->required();
    auto* enrol_command = app.add_subcommand("enrol", "Enrols with each token once");
    enrol_command->add_option("--port", port)->required();
    enrol_command->add_option("--tokens", tokens_file)->required();
    enrol_command->add_option("--threads", threads)->check(CLI::Range(1, 64));
    enrol_command->add_option("--root", root_file);
    auto* keys_command = app.add_subcommand("keys", "CPU microseconds of the operations with keys alone");
    keys_command->add_option("--operations", operations)->required();
    for (auto* command : {enrol_command, keys_command})
        command->add_option("--way", way_name)->required()->check(CLI::IsMember({"scep", "est", "cmp"}));
    CLI11_PARSE(app, count, words);

    try {
        if (stock_command->parsed()) {
            const auto done = stock(directory, first, operations);
            return done ? 0 : complain(done.error().message);
        }
        const EnrolmentWay way = parse_enrolment_way(way_name).value();
        if (keys_command->parsed()) {
            fmt::print("{:.3f}\n", measure_key_work(way, operations));
            return 0;
        }
        const auto fault = enrol({way, port, root_file, make_key_for(way)}, read_tokens(tokens_file, threads));
        return fault.empty() ? 0 : complain(fault);
    } catch (const LoadFailed& failed) {
        return complain(failed.what());
    }
}
