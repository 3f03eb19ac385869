// The HTTP door, bare or under TLS (both HTTPS lanes). It frames and delivers; what anybody may read is the pipeline's
// matter. On plain HTTP there is never a challenge.
#pragma once

#include <memory>
#include <set>

#include "net/tcp_listener.h"
#include "server/door.h"
#include "server/handshake_events.h"

namespace ringfence::server {

class HttpDoor final : public Door {
public:
    HttpDoor(LoopParts& parts, net::Descriptor socket, std::shared_ptr<const DoorSettings> settings);
    ~HttpDoor() override;

    void change(std::shared_ptr<const DoorSettings> settings) override { settings_ = std::move(settings); }
    void drain() override;
    bool is_idle() const override { return connections_.empty(); }

private:
    class Connection;

    void accept(net::Accepted accepted);
    bool is_closed_lane() const;
    Status judge(std::string_view fingerprint);
    void record_failed_handshake(const IpAddress& source, const std::string& reason);
    void end(Connection& connection);
    // While full, lets go of whoever is dispensable, or else takes in nobody for a moment.
    void make_room();
    // Many connections: whoever is answered now must come again for the next file.
    bool is_crowded() const { return connections_.size() > settings_->limits.connections / 2; }

    LoopParts& parts_;
    std::shared_ptr<const DoorSettings> settings_;
    HandshakeEvents handshake_events_;
    crypto::ClientJudge judge_;
    std::optional<MacAddress> refused_device_;  // by the judge, until the event of this handshake is recorded
    std::set<std::shared_ptr<Connection>> connections_;
    bool draining_ = false;
    net::Deadline look_again_;
    std::unique_ptr<net::TcpListener> listener_;
};

}  // namespace ringfence::server
