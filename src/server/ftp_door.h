// The FTP door: control connections and their data connections, passive ones on the address that the phone reached us
// at. One transfer at a time per control connection.
#pragma once

#include <memory>
#include <set>

#include "net/tcp_listener.h"
#include "server/door.h"

namespace ringfence::server {

class FtpDoor final : public Door {
public:
    FtpDoor(LoopParts& parts, net::Descriptor socket, std::shared_ptr<const DoorSettings> settings);
    ~FtpDoor() override;

    void change(std::shared_ptr<const DoorSettings> settings) override { settings_ = std::move(settings); }
    void drain() override;
    bool is_idle() const override { return connections_.empty(); }

private:
    class Connection;

    void accept(net::Accepted accepted);
    // While full, lets go of whoever is dispensable, or else takes in nobody for a moment.
    void make_room();
    void end(Connection& connection);

    LoopParts& parts_;
    std::shared_ptr<const DoorSettings> settings_;
    std::set<std::shared_ptr<Connection>> connections_;
    unsigned next_passive_ = 0;  // place in the range of passive ports
    net::Deadline look_again_;
    std::unique_ptr<net::TcpListener> listener_;
};

}  // namespace ringfence::server
