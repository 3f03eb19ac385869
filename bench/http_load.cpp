#include <fmt/format.h>

#include <memory>

#include "connection.h"

namespace ringfence::bench {

namespace {

std::string make_request(const HttpLoad& load) {
    std::string request = fmt::format("GET /{} HTTP/1.1\r\nHost: 127.0.0.1\r\n", load.target.path);
    if (!load.login.empty()) request += fmt::format("Authorization: Basic {}\r\n", load.login);
    return request + (load.keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
}

}  // namespace

void run_http(const HttpLoad& load, std::uint64_t operations) {
    const auto context = make_context(load.tls);
    const auto request = make_request(load);
    std::unique_ptr<Connection> kept;
    for (std::uint64_t i = 0; i < operations; ++i) {
        const bool is_fresh = !kept;
        if (is_fresh) kept = std::make_unique<Connection>(load.target.port, context.get());
        const auto body = exchange(*kept, request);
        require(!body || body->size() == load.target.bytes, "an answer of another length");
        if (!body) {
            // Servers close a kept connection after so many requests: not an operation.
            require(!is_fresh, "no answer");
            kept.reset();
            --i;
        }
        if (!load.keep_alive) kept.reset();
    }
}

}  // namespace ringfence::bench
