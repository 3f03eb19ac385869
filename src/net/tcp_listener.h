// Accepts TCP connections on one address. Used on its loop's thread.
#pragma once

#include <functional>
#include <memory>

#include "net/event_loop.h"
#include "net/socket.h"

namespace ringfence::net {

class TcpListener {
public:
    // `accept` is called for each connection.
    TcpListener(EventLoop& loop, Descriptor listening, std::function<void(Accepted)> accept);

    // While paused, connections wait in the kernel's queue. Both may be called from `accept`.
    void pause() { paused_ = true; }
    void resume();

private:
    // Accepted in one go before other sockets get their turn.
    static constexpr int batch = 16;
    // How long to wait when the process has no descriptor left for another connection.
    static constexpr Duration pause_without_descriptors{200};

    void on_readable();

    EventLoop& loop_;
    std::function<void(Accepted)> accept_;
    bool paused_ = false;
    std::shared_ptr<bool> life_ = std::make_shared<bool>(true);  // tells a running call that the listener is gone
    Deadline retry_;
    Watch watch_;
};

}  // namespace ringfence::net
