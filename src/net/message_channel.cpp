#include "net/message_channel.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace ringfence::net {

namespace {

constexpr std::size_t length_size = 4;

tl::unexpected<Fault> broken(std::string_view what) {
    return fail(FaultCode::unavailable, fmt::format("{}: {}", what, std::strerror(errno)));
}

// The kernel waits in its own time, so a clock that a test moves would not do.
class Patience {
public:
    explicit Patience(std::optional<Duration> within) {
        if (within) end_ = std::chrono::steady_clock::now() + *within;
    }

    // As poll() takes it: milliseconds, or -1 for ever.
    int left() const {
        if (!end_) return -1;
        const auto left = std::chrono::ceil<Duration>(*end_ - std::chrono::steady_clock::now());
        return static_cast<int>(std::clamp<Duration::rep>(left.count(), 0, longest_poll));
    }
    bool is_over() const { return left() == 0; }

private:
    static constexpr Duration::rep longest_poll = 3'600'000;
    std::optional<std::chrono::steady_clock::time_point> end_;
};

Status wait_for(int socket, short events, const Patience& patience) {
    pollfd watched{socket, events, 0};
    const int ready = ::poll(&watched, 1, patience.left());
    if (ready > 0 || (ready < 0 && errno == EINTR)) return {};
    if (ready < 0) return broken("waiting for another process");
    if (patience.is_over()) return fail(FaultCode::unavailable, "another process took too long");
    return {};
}

bool is_worth_waiting(int error) { return error == EAGAIN || error == EINTR; }

Status send_all(int socket, std::string_view bytes, const Patience& patience) {
    while (!bytes.empty()) {
        const ssize_t count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(count));
            continue;
        }
        if (!is_worth_waiting(errno)) return broken("talking to another process");
        if (auto waited = wait_for(socket, POLLOUT, patience); !waited) return waited;
    }
    return {};
}

Status receive_all(int socket, char* into, std::size_t size, const Patience& patience) {
    while (size > 0) {
        const ssize_t count = ::recv(socket, into, size, MSG_DONTWAIT);
        if (count == 0) return fail(FaultCode::unavailable, "another process has ended the conversation");
        if (count > 0) {
            into += count;
            size -= static_cast<std::size_t>(count);
            continue;
        }
        if (!is_worth_waiting(errno)) return broken("listening to another process");
        if (auto waited = wait_for(socket, POLLIN, patience); !waited) return waited;
    }
    return {};
}

}  // namespace

Result<SocketPair> make_socket_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return broken("making a socket pair");
    return SocketPair{Descriptor(ends[0]), Descriptor(ends[1])};
}

Status MessageChannel::send(std::string_view message, std::optional<Duration> within) {
    if (message.size() > max_message) {
        return fail(FaultCode::too_large, "a message between our processes is too long");
    }
    // Not joined, lest a copy of a secret stay behind.
    std::array<char, length_size> length{};
    for (std::size_t i = 0; i < length_size; ++i) {
        length[i] = static_cast<char>((message.size() >> (8 * (length_size - 1 - i))) & 0xff);
    }
    const Patience patience(within);
    auto sent = send_all(socket_.get(), std::string_view(length.data(), length.size()), patience);
    return sent ? send_all(socket_.get(), message, patience) : sent;
}

Result<std::string> MessageChannel::receive(std::optional<Duration> within) {
    const Patience patience(within);
    std::array<char, length_size> length{};
    auto received = receive_all(socket_.get(), length.data(), length.size(), patience);
    if (!received) return fail(std::move(received).error());
    std::size_t size = 0;
    for (const char byte : length) size = (size << 8) | static_cast<unsigned char>(byte);
    if (size > max_message) return fail(FaultCode::too_large, "a message between our processes is too long");
    std::string message(size, '\0');
    received = receive_all(socket_.get(), message.data(), message.size(), patience);
    if (!received) return fail(std::move(received).error());
    return message;
}

bool MessageChannel::is_closed() const {
    char byte = 0;
    const ssize_t count = ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count == 0 || (count < 0 && !is_worth_waiting(errno));
}

void MessageChannel::shut_down() { ::shutdown(socket_.get(), SHUT_RDWR); }

}  // namespace ringfence::net
