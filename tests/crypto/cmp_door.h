// For the tests of crypto: CMP over HTTP (RFC 9811) on a free loopback port, one request per connection.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace ringfence::test {

// Loopback, any port; listens already.
inline int listen_somewhere() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener, 16), 0);
    return listener;
}

inline int port_of(int socket) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
}

// A whole HTTP message: its head, and as many bytes as Content-Length says.
inline std::string read_http(int socket) {
    std::string bytes;
    std::size_t wanted = std::string::npos;
    char buffer[4096];
    while (bytes.size() < wanted) {
        const auto got = ::recv(socket, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        bytes.append(buffer, static_cast<std::size_t>(got));
        const auto head = bytes.find("\r\n\r\n");
        const auto length = bytes.find("Content-Length: ");
        if (wanted == std::string::npos && head != std::string::npos && length < head)
            wanted = head + 4 + std::strtoul(bytes.c_str() + length + 16, nullptr, 10);
    }
    return bytes;
}

inline std::string body_of(const std::string& http) {
    const auto head = http.find("\r\n\r\n");
    return head != std::string::npos ? http.substr(head + 4) : std::string();
}

class CmpDoor {
public:
    // `answer`: called on the door's thread.
    explicit CmpDoor(std::function<std::string(std::string_view)> answer)
        : answer_(std::move(answer)), listener_(listen_somewhere()), thread_([this] { serve_all(); }) {}
    CmpDoor(const CmpDoor&) = delete;
    CmpDoor& operator=(const CmpDoor&) = delete;
    ~CmpDoor() {
        is_stopping_ = true;
        thread_.join();
        ::close(listener_);
    }

    int port() const { return port_of(listener_); }

private:
    void serve_all() {
        while (!is_stopping_) {
            pollfd waiting{listener_, POLLIN, 0};
            if (::poll(&waiting, 1, 20) != 1) continue;
            const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            const std::string body = answer_(body_of(read_http(socket)));
            const std::string reply =
                "HTTP/1.1 200 OK\r\nContent-Type: application/pkixcmp\r\nConnection: close\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body;
            EXPECT_EQ(::send(socket, reply.data(), reply.size(), MSG_NOSIGNAL), static_cast<ssize_t>(reply.size()));
            ::close(socket);
        }
    }

    const std::function<std::string(std::string_view)> answer_;
    std::atomic<bool> is_stopping_{false};
    const int listener_;
    std::thread thread_;
};

}  // namespace ringfence::test
