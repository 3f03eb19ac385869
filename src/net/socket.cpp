#include "net/socket.h"

#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace ringfence::net {

namespace {

// As many as the kernel lets wait: a branch's phones come all at once after a power cut.
constexpr int listen_backlog = 4096;
// Requests of a whole branch arriving while one loop is busy; the kernel cuts it to its own limit.
constexpr int request_queue_bytes = 1 << 20;

const sockaddr_in& as_v4(const sockaddr* address) { return *reinterpret_cast<const sockaddr_in*>(address); }
const sockaddr_in6& as_v6(const sockaddr* address) { return *reinterpret_cast<const sockaddr_in6*>(address); }

bool set_option(int descriptor, int level, int name, int value = 1) {
    return ::setsockopt(descriptor, level, name, &value, sizeof value) == 0;
}

Fault refused(const SocketAddress& address, int error) {
    const Endpoint endpoint = address.endpoint();
    if (error == EADDRINUSE) {
        return {FaultCode::unavailable, fmt::format("another program already uses {}", endpoint.to_string())};
    }
    if (error == EACCES) {
        return {FaultCode::unavailable,
                fmt::format("this user may not listen on port {}; ports below 1024 need CAP_NET_BIND_SERVICE",
                            endpoint.port)};
    }
    if (error == EADDRNOTAVAIL) {
        return {FaultCode::unavailable, fmt::format("this machine has no address {}", endpoint.address.to_string())};
    }
    return {FaultCode::unavailable, fmt::format("listening on {}: {}", endpoint.to_string(), std::strerror(error))};
}

Result<Descriptor> open_bound(const SocketAddress& address, int type, Sharing sharing) {
    Descriptor socket(::socket(address.get()->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail(refused(address, errno));
    bool is_set = true;
    if (address.get()->sa_family == AF_INET6) is_set = set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY);
    if (type == SOCK_STREAM) is_set = is_set && set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR);
    if (sharing == Sharing::shared) is_set = is_set && set_option(socket.get(), SOL_SOCKET, SO_REUSEPORT);
    if (!is_set || ::bind(socket.get(), address.get(), address.size()) != 0) return fail(refused(address, errno));
    return socket;
}

// The address that a datagram was sent to, from the control messages of recvmsg.
SocketAddress asked_address(msghdr& message) {
    for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
        SocketAddress asked;
        if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
            in_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(control), sizeof info);
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_addr = info.ipi_spec_dst;
            std::memcpy(asked.get(), &address, sizeof address);
            asked.set_size(sizeof address);
            return asked;
        }
        if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(control), sizeof info);
            sockaddr_in6 address{};
            address.sin6_family = AF_INET6;
            address.sin6_addr = info.ipi6_addr;
            if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) address.sin6_scope_id = info.ipi6_ifindex;
            std::memcpy(asked.get(), &address, sizeof address);
            asked.set_size(sizeof address);
            return asked;
        }
    }
    return {};
}

}  // namespace

SocketAddress::SocketAddress(const Endpoint& endpoint) {
    const std::string octets = endpoint.address.bytes();
    if (endpoint.address.is_v4()) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(endpoint.port);
        std::memcpy(&address.sin_addr, octets.data(), octets.size());
        std::memcpy(&storage_, &address, sizeof address);
        size_ = sizeof address;
        return;
    }
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    std::memcpy(&address.sin6_addr, octets.data(), octets.size());
    std::memcpy(&storage_, &address, sizeof address);
    size_ = sizeof address;
}

Endpoint SocketAddress::endpoint() const {
    if (get()->sa_family == AF_INET) {
        std::array<std::uint8_t, 4> octets{};
        std::memcpy(octets.data(), &as_v4(get()).sin_addr, octets.size());
        return {IpAddress::from_v4(octets), ntohs(as_v4(get()).sin_port)};
    }
    if (get()->sa_family == AF_INET6) {
        std::array<std::uint8_t, 16> octets{};
        std::memcpy(octets.data(), &as_v6(get()).sin6_addr, octets.size());
        return {IpAddress::from_v6(octets), ntohs(as_v6(get()).sin6_port)};
    }
    return {};
}

bool SocketAddress::is_wildcard() const {
    if (get()->sa_family == AF_INET6) return IN6_IS_ADDR_UNSPECIFIED(&as_v6(get()).sin6_addr);
    return as_v4(get()).sin_addr.s_addr == INADDR_ANY;
}

void SocketAddress::set_port(std::uint16_t port) {
    // The port stands at the same place in both families.
    static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
    reinterpret_cast<sockaddr_in*>(get())->sin_port = htons(port);
}

bool operator==(const SocketAddress& a, const SocketAddress& b) {
    if (a.get()->sa_family != b.get()->sa_family) return false;
    if (a.get()->sa_family == AF_INET) {
        const sockaddr_in& left = as_v4(a.get());
        const sockaddr_in& right = as_v4(b.get());
        return left.sin_port == right.sin_port && left.sin_addr.s_addr == right.sin_addr.s_addr;
    }
    if (a.get()->sa_family != AF_INET6) return true;
    const sockaddr_in6& left = as_v6(a.get());
    const sockaddr_in6& right = as_v6(b.get());
    return left.sin6_port == right.sin6_port && left.sin6_scope_id == right.sin6_scope_id &&
           IN6_ARE_ADDR_EQUAL(&left.sin6_addr, &right.sin6_addr);
}

Result<Descriptor> listen_tcp(const SocketAddress& address, Sharing sharing) {
    Result<Descriptor> socket = open_bound(address, SOCK_STREAM, sharing);
    if (!socket) return socket;
    // Linux hands TCP_NODELAY on to accepted sockets, which saves a call for each.
    set_option(socket->get(), IPPROTO_TCP, TCP_NODELAY);
    if (::listen(socket->get(), listen_backlog) != 0) return fail(refused(address, errno));
    return socket;
}

Result<Descriptor> bind_udp(const SocketAddress& address, Sharing sharing) {
    Result<Descriptor> socket = open_bound(address, SOCK_DGRAM, sharing);
    if (!socket) return socket;
    set_option(socket->get(), SOL_SOCKET, SO_RCVBUF, request_queue_bytes);
    if (!address.is_wildcard()) return socket;
    const bool is_v4 = address.get()->sa_family == AF_INET;
    if (!set_option(socket->get(), is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_PKTINFO : IPV6_RECVPKTINFO)) {
        return fail(refused(address, errno));
    }
    return socket;
}

Result<Descriptor> bind_udp_answering(SocketAddress local) {
    local.set_port(0);
    Descriptor socket(::socket(local.get()->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.valid() || ::bind(socket.get(), local.get(), local.size()) != 0) {
        return fail(refused(local, errno));
    }
    return socket;
}

Result<Descriptor> connect_tcp(SocketAddress local, const Endpoint& peer) {
    local.set_port(0);
    const SocketAddress remote(peer);
    Descriptor socket(::socket(local.get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.valid() || ::bind(socket.get(), local.get(), local.size()) != 0 ||
        (::connect(socket.get(), remote.get(), remote.size()) != 0 && errno != EINPROGRESS)) {
        return fail(FaultCode::unavailable,
                    fmt::format("connecting to {}: {}", peer.to_string(), std::strerror(errno)));
    }
    return socket;
}

bool is_connected(int descriptor) {
    int error = 0;
    socklen_t size = sizeof error;
    return ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

Result<SocketAddress> local_address(int descriptor) {
    SocketAddress address;
    socklen_t size = SocketAddress::capacity;
    if (::getsockname(descriptor, address.get(), &size) != 0) {
        return fail(FaultCode::unavailable, fmt::format("asking for a socket's address: {}", std::strerror(errno)));
    }
    address.set_size(size);
    return address;
}

tl::expected<Accepted, AcceptStop> accept_tcp(int listening) {
    for (;;) {
        Accepted accepted;
        socklen_t size = SocketAddress::capacity;
        const int socket = ::accept4(listening, accepted.peer.get(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket >= 0) {
            accepted.socket = Descriptor(socket);
            accepted.peer.set_size(size);
            return accepted;
        }
        switch (errno) {
            case EAGAIN: return tl::unexpected(AcceptStop::none_waiting);
            case EMFILE:
            case ENFILE:
            case ENOBUFS:
            case ENOMEM: return tl::unexpected(AcceptStop::out_of_descriptors);
            case EBADF:
            case EINVAL:
            case ENOTSOCK: return tl::unexpected(AcceptStop::none_waiting);
            default: break;  // this one connection went wrong before we saw it; the next may be well
        }
    }
}

std::optional<Datagram> receive_datagram(int descriptor, char* buffer, std::size_t size) {
    Datagram datagram;
    alignas(cmsghdr) std::array<char, 128> control{};
    iovec part{buffer, size};
    msghdr message{};
    message.msg_name = datagram.peer.get();
    message.msg_namelen = SocketAddress::capacity;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t count = ::recvmsg(descriptor, &message, 0);
    if (count < 0) return std::nullopt;
    datagram.peer.set_size(message.msg_namelen);
    datagram.bytes = std::string_view(buffer, static_cast<std::size_t>(count));
    datagram.asked = asked_address(message);
    return datagram;
}

std::optional<Datagram> receive_datagram_plain(int descriptor, char* buffer, std::size_t size) {
    Datagram datagram;
    socklen_t peer_size = SocketAddress::capacity;
    const ssize_t count = ::recvfrom(descriptor, buffer, size, 0, datagram.peer.get(), &peer_size);
    if (count < 0) return std::nullopt;
    datagram.peer.set_size(peer_size);
    datagram.bytes = std::string_view(buffer, static_cast<std::size_t>(count));
    return datagram;
}

bool send_datagram(int descriptor, std::string_view bytes, const SocketAddress& peer) {
    return ::sendto(descriptor, bytes.data(), bytes.size(), 0, peer.get(), peer.size()) >= 0;
}

}  // namespace ringfence::net
