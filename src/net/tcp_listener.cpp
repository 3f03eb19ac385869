#include "net/tcp_listener.h"

#include "base/log.h"

namespace ringfence::net {

TcpListener::TcpListener(EventLoop& loop, Descriptor listening, std::function<void(Accepted)> accept)
    : loop_(loop),
      accept_(std::move(accept)),
      retry_(loop.deadlines(), [this] { resume(); }),
      watch_(loop, std::move(listening), {[this] { on_readable(); }, {}}) {
    watch_.await_readable();
}

void TcpListener::resume() {
    paused_ = false;
    watch_.await_readable();
}

void TcpListener::on_readable() {
    const std::weak_ptr<bool> life = life_;
    const auto accept = accept_;  // the call may destroy the listener, and with it the function
    for (int i = 0; i < batch && !paused_; ++i) {
        tl::expected<Accepted, AcceptStop> accepted = accept_tcp(watch_.descriptor());
        if (!accepted && accepted.error() == AcceptStop::out_of_descriptors) {
            log::warning("no file descriptor is left for another connection; raise the limit (LimitNOFILE)");
            paused_ = true;
            retry_.set(loop_.now() + pause_without_descriptors);
            return;
        }
        if (!accepted) break;
        accept(std::move(*accepted));
        if (life.expired()) return;
    }
    if (!paused_) watch_.await_readable();
}

}  // namespace ringfence::net
