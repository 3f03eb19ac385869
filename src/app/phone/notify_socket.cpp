#include "app/phone/notify_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace ringfence::app {

namespace {

socklen_t fill_address(const Endpoint& endpoint, sockaddr_storage& storage) {
    const std::string bytes = endpoint.address.bytes();
    if (endpoint.address.is_v4()) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
        v4.sin_family = AF_INET;
        v4.sin_port = htons(endpoint.port);
        std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
        return sizeof v4;
    }
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
    return sizeof v6;
}

Endpoint read_address(const sockaddr_storage& storage) {
    if (storage.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
        std::array<std::uint8_t, 4> octets{};
        std::memcpy(octets.data(), &v4.sin_addr, octets.size());
        return {IpAddress::from_v4(octets), ntohs(v4.sin_port)};
    }
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    std::array<std::uint8_t, 16> octets{};
    std::memcpy(octets.data(), &v6.sin6_addr, octets.size());
    return {IpAddress::from_v6(octets), ntohs(v6.sin6_port)};
}

}  // namespace

Result<NotifySocket> NotifySocket::open(const Endpoint& endpoint) {
    const int family = endpoint.address.is_v4() ? AF_INET : AF_INET6;
    NotifySocket socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_storage storage{};
    const socklen_t size = fill_address(endpoint, storage);
    if (socket.descriptor_ < 0 || ::bind(socket.descriptor_, reinterpret_cast<sockaddr*>(&storage), size) != 0)
        return fail(FaultCode::unavailable,
                    fmt::format("{} cannot be listened on: {}", endpoint.to_string(), std::strerror(errno)));
    return socket;
}

NotifySocket::NotifySocket(NotifySocket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

NotifySocket::~NotifySocket() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<Datagram> NotifySocket::receive(std::size_t limit) const {
    std::string bytes(limit + 1, '\0');
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    const ssize_t got =
        ::recvfrom(descriptor_, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&storage), &size);
    if (got < 0) return std::nullopt;
    bytes.resize(static_cast<std::size_t>(got));
    return Datagram{read_address(storage), std::move(bytes)};
}

void NotifySocket::send(const Endpoint& to, std::string_view bytes) const {
    sockaddr_storage storage{};
    const socklen_t size = fill_address(to, storage);
    ::sendto(descriptor_, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&storage), size);
}

}  // namespace ringfence::app
