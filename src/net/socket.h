// Plain sockets: addresses as the system has them, and how ours are opened. All are non-blocking and close on exec.
// IPv6 sockets are IPv6 only, so that [::] and 0.0.0.0 can be listened on side by side.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string_view>

#include "base/ip_address.h"
#include "base/result.h"
#include "net/descriptor.h"

namespace ringfence::net {

// As the system has it, with the zone of a link-local IPv6 address, which an Endpoint cannot say.
class SocketAddress {
public:
    SocketAddress() = default;
    explicit SocketAddress(const Endpoint& endpoint);

    Endpoint endpoint() const;
    bool is_wildcard() const;  // 0.0.0.0 or [::]
    void set_port(std::uint16_t port);

    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage_); }
    socklen_t size() const { return size_; }
    // For the system to write into; set_size() must follow.
    static constexpr socklen_t capacity = sizeof(sockaddr_storage);
    void set_size(socklen_t size) { size_ = size; }

    friend bool operator==(const SocketAddress& a, const SocketAddress& b);

private:
    sockaddr_storage storage_{};
    socklen_t size_ = 0;
};

enum class Sharing {
    alone,   // refused while another socket has this address and port
    shared,  // one socket a loop, the kernel spreads peers over them (SO_REUSEPORT)
};

// Faults: unavailable with the system's reason and what to do about a port in use or a missing privilege.
// Accepted sockets inherit TCP_NODELAY.
Result<Descriptor> listen_tcp(const SocketAddress& address, Sharing sharing);
// On a wildcard address, datagrams tell which address was asked.
Result<Descriptor> bind_udp(const SocketAddress& address, Sharing sharing);
// A socket of its own for one transfer: `local`'s address and zone, any free port.
Result<Descriptor> bind_udp_answering(SocketAddress local);

// Begins to connect from `local`'s address and zone; await writable, then is_connected() says how it went.
Result<Descriptor> connect_tcp(SocketAddress local, const Endpoint& peer);
bool is_connected(int descriptor);

// The local end of a bound or connected socket.
Result<SocketAddress> local_address(int descriptor);

struct Accepted {
    Descriptor socket;
    SocketAddress peer;
};
enum class AcceptStop { none_waiting, out_of_descriptors };
tl::expected<Accepted, AcceptStop> accept_tcp(int listening);

struct Datagram {
    std::string_view bytes;  // in the buffer that was given
    SocketAddress peer;
    SocketAddress asked;  // the address it was sent to, if the socket tells; port 0
};
// Empty when none is waiting.
std::optional<Datagram> receive_datagram(int descriptor, char* buffer, std::size_t size);
// The same without the address asked, and cheaper.
std::optional<Datagram> receive_datagram_plain(int descriptor, char* buffer, std::size_t size);
// False when the system refused it; datagrams may be lost anyway.
bool send_datagram(int descriptor, std::string_view bytes, const SocketAddress& peer);

}  // namespace ringfence::net
