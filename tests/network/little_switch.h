// A switch on loopback that answers Disconnect and CoA as it is told, to a wire that is driven on the same thread.
#pragma once

#include <poll.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "crypto/hash.h"
#include "net/socket.h"
#include "protocol/radius_packet.h"

namespace ringfence::network {

class LittleSwitch {
public:
    explicit LittleSwitch(Secret secret)
        : secret_(std::move(secret)),
          socket_(net::bind_udp(net::SocketAddress(Endpoint{address(), 0}), net::Sharing::alone).value()) {}

    static IpAddress address() { return IpAddress::parse("127.0.0.1").value(); }
    std::uint16_t port() const { return net::local_address(socket_.get()).value().endpoint().port; }

    // Whether a request waits, or comes within that time.
    bool has_request(Duration longest) const {
        pollfd waiting{socket_.get(), POLLIN, 0};
        return ::poll(&waiting, 1, static_cast<int>(longest.count())) == 1;
    }

    // What waits there; empty: nothing.
    std::optional<protocol::RadiusPacket> take() {
        std::array<char, protocol::max_radius_packet> buffer{};
        const auto datagram = net::receive_datagram_plain(socket_.get(), buffer.data(), buffer.size());
        if (!datagram) return std::nullopt;
        peer_ = datagram->peer;
        request_ = datagram->bytes;
        return protocol::parse_radius(request_).value();
    }

    const std::string& bytes() const { return request_; }

    // To the request that was taken last.
    void answer(protocol::RadiusCode code, std::optional<std::uint32_t> cause = std::nullopt) {
        answer_with(secret_, code, cause);
    }
    void answer_with(const Secret& secret, protocol::RadiusCode code, std::optional<std::uint32_t> cause = {}) {
        protocol::RadiusPacket packet{.code = code, .identifier = static_cast<std::uint8_t>(request_[1])};
        if (cause) packet.add(protocol::RadiusAttribute::error_cause, *cause);
        packet.authenticator = request_.substr(4, protocol::radius_authenticator_size);
        packet.authenticator = crypto::md5(protocol::format_radius(packet) + std::string(secret.reveal()));
        net::send_datagram(socket_.get(), protocol::format_radius(packet), peer_);
    }

private:
    Secret secret_;
    net::Descriptor socket_;
    net::SocketAddress peer_;
    std::string request_;
};

}  // namespace ringfence::network
