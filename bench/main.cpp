// ringfence-load: asks one server on loopback for one file, many times, from a few threads, and says how long it took.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <thread>
#include <vector>

#include "load.h"

namespace {

using ringfence::bench::HttpLoad;
using ringfence::bench::LoadFailed;
using ringfence::bench::TftpLoad;

// Runs `work` on each thread with its share of the operations; the first failure is the answer.
std::string run_on_threads(unsigned threads, std::uint64_t operations, const std::function<void(std::uint64_t)>& work) {
    std::vector<std::string> faults(threads);
    std::vector<std::thread> running;
    for (unsigned i = 0; i < threads; ++i) {
        const auto share = operations / threads + (i < operations % threads ? 1 : 0);
        running.emplace_back([&fault = faults[i], &work, share] {
            try {
                work(share);
            } catch (const LoadFailed& failed) {
                fault = failed.what();
            }
        });
    }
    for (auto& thread : running) thread.join();
    for (const auto& fault : faults)
        if (!fault.empty()) return fault;
    return {};
}

std::string read_line(const std::string& path) {
    std::string line;
    std::ifstream file(path);
    std::getline(file, line);
    return line;
}

}  // namespace

int main(int count, char** words) {
    CLI::App app("Load on one server on loopback");
    HttpLoad http;
    auto& target = http.target;
    std::uint64_t operations = 0;
    unsigned threads = 1;
    std::string login_file;
    app.require_subcommand(1);
    auto* http_command = app.add_subcommand("http", "HTTP, or HTTPS when --root is given");
    auto* tftp_command = app.add_subcommand("tftp", "TFTP in lock-step");
    for (auto* command : {http_command, tftp_command}) {
        command->add_option("--port", target.port)->required();
        command->add_option("--path", target.path)->required();
        command->add_option("--bytes", target.bytes, "length of the file")->required();
        command->add_option("--operations", operations)->required();
        command->add_option("--threads", threads)->check(CLI::Range(1, 64));
    }
    http_command->add_flag("--keep-alive", http.keep_alive);
    http_command->add_option("--root", http.tls.root_file);
    http_command->add_option("--tls", http.tls.version)->check(CLI::IsMember({"1.2", "1.3"}));
    http_command->add_option("--signature", http.tls.signature);
    http_command->add_option("--certificate", http.tls.certificate_file);
    http_command->add_option("--key", http.tls.key_file);
    http_command->add_option("--login-file", login_file, "base64 of user:password");
    CLI11_PARSE(app, count, words);
    if (!login_file.empty()) http.login = read_line(login_file);

    const auto started = std::chrono::steady_clock::now();
    const auto fault = run_on_threads(threads, operations, [&](std::uint64_t share) {
        if (http_command->parsed())
            run_http(http, share);
        else
            run_tftp(TftpLoad{target}, share);
    });
    if (!fault.empty()) {
        fmt::print(stderr, "ringfence-load: {}\n", fault);
        return 1;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    fmt::print("{:.6f}\n", took.count());
    return 0;
}
