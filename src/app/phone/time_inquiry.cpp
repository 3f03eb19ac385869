#include "app/phone/time_inquiry.h"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/text.h"
#include "net/descriptor.h"
#include "phone/phone_clock.h"
#include "protocol/sntp_packet.h"

namespace ringfence::app {

namespace {

constexpr std::size_t addresses_of_one_server = 2;

struct SocketName {
    int family = 0;
    sockaddr_storage address{};
    socklen_t size = 0;
};
using SocketNames = std::vector<SocketName>;

struct Inquiry {
    SystemClock clock;
    SteadyTime end;
    const std::atomic<bool>* stop;

    bool is_over() const { return clock.steady_now() >= end || (stop != nullptr && stop->load()); }
    Duration left() const { return std::max(Duration(0), end - clock.steady_now()); }
};

SocketNames look_up(const std::string& host, int flags) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_DGRAM;
    wanted.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    SocketNames names;
    if (::getaddrinfo(host.c_str(), std::to_string(protocol::sntp_port).c_str(), &wanted, &found) != 0) return names;
    for (const auto* one = found; one != nullptr && names.size() < addresses_of_one_server; one = one->ai_next) {
        SocketName name{one->ai_family, {}, one->ai_addrlen};
        std::memcpy(&name.address, one->ai_addr, one->ai_addrlen);
        names.push_back(name);
    }
    ::freeaddrinfo(found);
    return names;
}

// getaddrinfo() waits as long as it likes: a thread of its own waits with it, and is left behind when it is too late.
SocketNames look_up_in_time(const std::string& host, const Inquiry& inquiry) {
    if (auto literal = look_up(host, AI_NUMERICHOST); !literal.empty()) return literal;
    auto promise = std::make_shared<std::promise<SocketNames>>();
    auto names = promise->get_future();
    std::thread([promise, host] { promise->set_value(look_up(host, 0)); }).detach();
    constexpr auto step = std::chrono::milliseconds(100);
    while (!inquiry.is_over())
        if (names.wait_for(std::min<Duration>(step, inquiry.left())) == std::future_status::ready) return names.get();
    return {};
}

protocol::SntpTimestamp new_question() {
    SystemRandom random;
    protocol::SntpTimestamp question = 0;
    const std::string bytes = random.bytes(sizeof question);
    std::memcpy(&question, bytes.data(), sizeof question);
    return question;
}

// Whether there is something to read before `until`.
bool wait_readable(int descriptor, SteadyTime until, const Inquiry& inquiry) {
    pollfd waiting{descriptor, POLLIN, 0};
    while (!inquiry.is_over()) {
        const auto left = std::min(until, inquiry.end) - inquiry.clock.steady_now();
        if (left <= Duration(0)) return false;
        const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
        if (ready > 0) return true;
    }
    return false;
}

// Empty when nothing came.
std::optional<Result<WallTime>> wait_for_answer(int descriptor, protocol::SntpTimestamp question,
                                                const Inquiry& inquiry) {
    const SteadyTime until = inquiry.clock.steady_now() + answer_patience;
    std::array<char, protocol::max_sntp_datagram + 1> buffer{};
    while (wait_readable(descriptor, until, inquiry)) {
        const ssize_t size = ::recv(descriptor, buffer.data(), buffer.size(), 0);
        if (size < 0 && errno == EAGAIN) continue;
        if (size < 0) return fail(FaultCode::unavailable, std::strerror(errno));
        const auto packet = protocol::parse_sntp({buffer.data(), static_cast<std::size_t>(size)});
        if (!packet) continue;
        auto time = protocol::read_sntp_answer(*packet, question);
        if (time || time.error().code != FaultCode::untrusted) return time;
    }
    return std::nullopt;
}

// Connected, so that the kernel passes on what comes from that address and port only.
Result<WallTime> ask_address(const SocketName& name, const Inquiry& inquiry) {
    const net::Descriptor socket(::socket(name.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name.address), name.size) != 0)
        return fail(FaultCode::unavailable, std::strerror(errno));
    for (unsigned i = 0; i < tries_of_one_server && !inquiry.is_over(); ++i) {
        protocol::SntpPacket request;
        request.transmit = new_question();
        const std::string bytes = protocol::format_sntp(request);
        if (::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0)
            return fail(FaultCode::unavailable, std::strerror(errno));
        if (auto answer = wait_for_answer(socket.get(), request.transmit, inquiry)) return std::move(*answer);
    }
    return fail(FaultCode::unavailable, "it does not answer");
}

Result<WallTime> ask_server(const std::string& host, const Inquiry& inquiry) {
    Result<WallTime> time = fail(FaultCode::unavailable, "its name leads to no address");
    for (const auto& name : look_up_in_time(host, inquiry)) {
        time = ask_address(name, inquiry);
        if (time) return time;
    }
    return time;
}

}  // namespace

phone::TimeOutcome ask_time(const phone::TimeOrder& order, const std::atomic<bool>* stop) {
    Inquiry inquiry{{}, SystemClock().steady_now() + inquiry_patience, stop};
    std::string complaints;
    for (const auto& server : order.servers) {
        if (inquiry.is_over()) break;
        auto time = ask_server(server, inquiry);
        if (time) return {*time, server};
        complaints += fmt::format("{}{}: {}", complaints.empty() ? "" : "; ", printable(server), time.error().message);
    }
    return {fail(FaultCode::unavailable, complaints), {}};
}

crypto::JudgingTime time_for_one_try(const phone::FlashState& state, const std::atomic<bool>* stop) {
    const SystemClock system;
    phone::PhoneClock clock(system, state.proved_time);
    if (clock.own_time().is_floor || !clock.wants_to_hear()) return clock.own_time();
    const auto servers = phone::time_servers({state.parameters, state.settings, {}});
    if (servers.empty()) return clock.own_time();
    const auto outcome = ask_time({servers}, stop);
    if (!outcome.time || !clock.hear(*outcome.time)) return clock.own_time();
    return {clock.judging_time().at, true};
}

}  // namespace ringfence::app
