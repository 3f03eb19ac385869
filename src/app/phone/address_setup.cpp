#include "app/phone/address_setup.h"

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <optional>
#include <system_error>
#include <vector>

#include "base/spawn.h"

namespace ringfence::app {

namespace {

std::optional<int> prefix_of(const IpAddress& mask) {
    std::uint32_t bits = 0;
    for (const char byte : mask.bytes()) bits = bits << 8 | static_cast<std::uint8_t>(byte);
    const int ones = std::countl_one(bits);
    return std::popcount(bits) == ones ? std::optional(ones) : std::nullopt;
}

Status run_ip(std::vector<std::string> words) {
    std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    std::string program = "ip";
    std::vector<char*> arguments{program.data()};
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    char* environment[] = {path.data(), nullptr};
    SpawnActions actions;
    pid_t child = 0;
    const int error = posix_spawnp(&child, "ip", &actions.files, &actions.attributes, arguments.data(), environment);
    if (error != 0)
        return fail(FaultCode::unavailable, fmt::format("running ip: {}", std::generic_category().message(error)));
    if (const int status = collect_child(child); status != 0)
        return fail(FaultCode::unavailable, fmt::format("ip {} {}", words.front(), describe_ending(status)));
    return {};
}

}  // namespace

Status configure_address(const std::string& interface, const protocol::DhcpLease& lease) {
    if (!lease.address || !lease.subnet_mask)
        return fail(FaultCode::malformed, "the lease holds no address with its mask");
    const auto prefix = prefix_of(*lease.subnet_mask);
    if (!prefix) return fail(FaultCode::malformed, "the lease holds a mask that is none");
    std::vector<std::string> words = {"address", "replace", fmt::format("{}/{}", lease.address->to_string(), *prefix),
                                      "dev", interface};
    if (lease.broadcast) words.insert(words.end(), {"broadcast", lease.broadcast->to_string()});
    if (auto set = run_ip(std::move(words)); !set) return set;
    if (!lease.router) return {};
    return run_ip({"route", "replace", "default", "via", lease.router->to_string(), "dev", interface});
}

Status clear_addresses(const std::string& interface) {
    if (auto flushed = run_ip({"-4", "address", "flush", "dev", interface}); !flushed) return flushed;
    return run_ip({"link", "set", "dev", interface, "up"});
}

}  // namespace ringfence::app
