// ringfence-eap: makes devices with network logins by the thousand, and logs them in by EAP-MD5.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "base/disk.h"
#include "base/random.h"
#include "base/text.h"
#include "eap_load.h"
#include "registry/registry.h"

namespace {

using namespace ringfence;
using namespace ringfence::bench;

constexpr std::size_t password_bytes = 16;

// Devices that proved themselves once, so that a password lets them into production. "identity password hardware" each.
Result<std::string> make_users(registry::Registry& registry, std::uint64_t count, WallTime now) {
    SystemRandom random;
    std::string lines;
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto mac = MacAddress::parse(fmt::format("00247F{:06X}", i));
        if (!mac) return fail(mac.error());
        if (auto added = registry.add_device({.mac = *mac, .model = "1230"}); !added) return fail(added.error());
        registry::NetworkLogin login{.identity = mac->bare_lower(), .device = *mac};
        login.password = Secret(to_hex(random.bytes(password_bytes)));
        if (auto stored = registry.store_network_login(login); !stored) return fail(stored.error());
        if (auto noted = registry.note_proved(*mac, trust::Wire::https, now); !noted) return fail(noted.error());
        lines += fmt::format("{} {} {}\n", login.identity, login.password.reveal(), mac->colons());
    }
    return lines;
}

Status stock(const std::string& directory, std::uint64_t count) {
    const SystemClock clock;
    SystemDisk disk;
    const auto registry = registry::Registry::open(directory, clock, disk);
    if (!registry) return fail(registry.error());
    const auto lines = make_users(**registry, count, clock.wall_now());
    if (!lines) return fail(lines.error());
    std::fputs(lines->c_str(), stdout);
    return {};
}

std::vector<EapUser> read_users(const std::string& path) {
    std::vector<EapUser> out;
    std::ifstream file(path);
    EapUser user;
    while (file >> user.identity >> user.password >> user.hardware) {
        ++user.port;
        out.push_back(user);
    }
    return out;
}

Secret read_secret(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return Secret(std::move(line));
}

int complain(const std::string& what) {
    fmt::print(stderr, "ringfence-eap: {}\n", what);
    return 1;
}

}  // namespace

int main(int count, char** words) {
    CLI::App app("EAP-MD5 logins at one RADIUS server on loopback");
    app.require_subcommand(1);
    std::string directory, users_file, secret_file;
    std::uint64_t devices = 0;
    EapLoad load;
    auto* stock_command = app.add_subcommand("stock", "Adds devices with a network login each; prints these");
    stock_command->add_option("--data", directory)->required();
    stock_command->add_option("--devices", devices)->required();
    auto* load_command = app.add_subcommand("load", "Logs in; prints figures as JSON");
    load_command->add_option("--port", load.port)->required();
    load_command->add_option("--users", users_file)->required();
    load_command->add_option("--secret-file", secret_file)->required();
    load_command->add_option("--outstanding", load.outstanding)->required()->check(CLI::Range(1, 256));
    load_command->add_option("--operations", load.operations)->required()->check(CLI::PositiveNumber);
    CLI11_PARSE(app, count, words);

    if (stock_command->parsed()) {
        const auto done = stock(directory, devices);
        return done ? 0 : complain(done.error().message);
    }
    try {
        const auto users = read_users(users_file);
        if (users.size() <= load.outstanding) return complain("there must be more users than logins at once");
        load.secret = read_secret(secret_file);
        const EapFigures figures = run_eap(load, users);
        fmt::print("{{\"seconds\": {:.6f}, \"p50_ms\": {:.3f}, \"p99_ms\": {:.3f}, \"repeated\": {}}}\n",
                   figures.seconds, figures.p50_ms, figures.p99_ms, figures.repeated);
        return 0;
    } catch (const LoadFailed& failed) {
        return complain(failed.what());
    }
}
