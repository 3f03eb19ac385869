// For the tests of crypto: a small HTTPS server on a free loopback port, one connection at a time, over TlsConnection.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "crypto/tls_server.h"

namespace ringfence::test {

// What became of one connection.
struct Served {
    bool handshake_done = false;
    std::string failure;
    FaultCode code = FaultCode::internal;
    std::string fingerprint;
    std::string version;
    std::string cipher;
    std::string server_name;
    bool resumed = false;
};

class TlsDoor {
public:
    TlsDoor(std::shared_ptr<crypto::TlsServerContext> context, crypto::ClientJudge judge)
        : context_(std::move(context)), judge_(std::move(judge)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        EXPECT_EQ(::listen(listener_, 16), 0);
        socklen_t size = sizeof address;
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve_all(); });
    }
    TlsDoor(const TlsDoor&) = delete;
    TlsDoor& operator=(const TlsDoor&) = delete;
    ~TlsDoor() {
        stopping_ = true;
        thread_.join();
        ::close(listener_);
    }

    std::string port() const { return std::to_string(port_); }

    // All connections so far, after the one now being served.
    std::vector<Served> served() {
        for (int waited = 0; busy_ && waited < 500; ++waited) ::usleep(10'000);
        const std::lock_guard lock(mutex_);
        return served_;
    }
    Served last() {
        const auto all = served();
        return all.empty() ? Served{} : all.back();
    }

private:
    void serve_all() {
        while (!stopping_) {
            pollfd waiting{listener_, POLLIN, 0};
            if (::poll(&waiting, 1, 20) <= 0) continue;
            busy_ = true;
            const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd >= 0) {
                const Served one = serve(fd);
                ::close(fd);
                const std::lock_guard lock(mutex_);
                served_.push_back(one);
            }
            busy_ = false;
        }
    }

    // False: nothing came for too long.
    static bool wait(int fd, crypto::TlsStep step) {
        pollfd waiting{fd, static_cast<short>(step == crypto::TlsStep::want_write ? POLLOUT : POLLIN), 0};
        return ::poll(&waiting, 1, 5'000) > 0;
    }
    static bool wants(crypto::TlsStep step) {
        return step == crypto::TlsStep::want_read || step == crypto::TlsStep::want_write;
    }

    Served serve(int fd) {
        Served result;
        auto accepted = context_->accept(fd, judge_);
        if (!accepted) return result;
        crypto::TlsConnection connection = std::move(*accepted);
        crypto::TlsStep step = connection.handshake();
        while (wants(step) && wait(fd, step)) step = connection.handshake();
        if (step != crypto::TlsStep::done) {
            result.failure = connection.failure().message;
            result.code = connection.failure().code;
            return result;
        }
        result.handshake_done = true;
        result.fingerprint = connection.peer_fingerprint();
        result.version = connection.protocol_version();
        result.cipher = connection.cipher();
        result.server_name = connection.server_name();
        result.resumed = connection.resumed();
        answer(connection, fd);
        return result;
    }

    static void answer(crypto::TlsConnection& connection, int fd) {
        std::string request;
        char buffer[1024];
        while (request.find("\r\n\r\n") == std::string::npos) {
            const auto got = connection.read(buffer, sizeof buffer);
            if (wants(got.step) && wait(fd, got.step)) continue;
            if (got.step != crypto::TlsStep::done) return;
            request.append(buffer, got.bytes);
        }
        const std::string body(body_size, 'b');
        const std::string response =
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
            body;
        std::string_view left = response;
        while (!left.empty()) {
            const auto put = connection.write(left);
            if (wants(put.step) && wait(fd, put.step)) continue;
            if (put.step != crypto::TlsStep::done) return;
            left.remove_prefix(put.bytes);
        }
        connection.shutdown();
    }

public:
    static constexpr std::size_t body_size = 300'000;  // more than a socket takes at once

private:
    std::shared_ptr<crypto::TlsServerContext> context_;
    crypto::ClientJudge judge_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::thread thread_;
    std::atomic<bool> stopping_{false};
    std::atomic<bool> busy_{false};
    std::mutex mutex_;
    std::vector<Served> served_;
};

}  // namespace ringfence::test
