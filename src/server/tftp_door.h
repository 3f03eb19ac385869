// The TFTP door: requests on its own port, each transfer on a port of its own, answered from the address that was asked
// (RFC 1350 section 4).
#pragma once

#include <map>
#include <memory>

#include "protocol/tftp_packet.h"
#include "server/door.h"

namespace ringfence::server {

class TftpDoor final : public Door {
public:
    TftpDoor(LoopParts& parts, net::Descriptor socket, std::shared_ptr<const DoorSettings> settings);
    ~TftpDoor() override;

    void change(std::shared_ptr<const DoorSettings> settings) override { settings_ = std::move(settings); }
    void drain() override;
    bool is_idle() const override { return transfers_.empty(); }

private:
    class Transfer;
    using Transfers = std::map<Endpoint, std::shared_ptr<Transfer>>;  // by the phone's address and port

    void on_requests();
    void on_request(const net::Datagram& datagram);
    void begin(const protocol::TftpReadRequest& request, const net::Datagram& datagram);
    void refuse(std::string_view error, const net::Datagram& datagram) const;
    net::SocketAddress answering_address(const net::Datagram& datagram) const;
    // The oldest transfer whose phone never acknowledged anything, or the end.
    Transfers::const_iterator find_unheard() const;
    // Gives up a transfer that nobody acknowledges, else the slowest of those that are too slow; false when there is
    // none of either.
    bool make_room();
    void end(const Endpoint& peer);

    LoopParts& parts_;
    std::shared_ptr<const DoorSettings> settings_;
    net::SocketAddress local_;
    Transfers transfers_;
    bool draining_ = false;
    std::unique_ptr<net::Watch> watch_;
};

}  // namespace ringfence::server
