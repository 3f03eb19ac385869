#include "net/stream.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/secret.h"

namespace ringfence::net {

using crypto::TlsStep;

namespace {

// What one TLS record holds: the head and the beginning of the body leave in one.
constexpr std::size_t record_size = 16384;
// Written in one go before other connections get their turn.
constexpr std::size_t turn_size = 256 * 1024;

TlsStep step_of(int error, TlsStep wanted) { return error == EAGAIN || error == EINTR ? wanted : TlsStep::closed; }

}  // namespace

Stream::Stream(EventLoop& loop, Descriptor socket, StreamOwner& owner, std::optional<crypto::TlsConnection> tls)
    : loop_(loop),
      owner_(owner),
      watch_(loop, std::move(socket), {[this] { drive(); }, [this] { drive(); }}),
      tls_(std::move(tls)),
      deadline_(loop.deadlines(),
                [this] { end(phase_ == Phase::lingering ? Ended::Why::closed : Ended::Why::timed_out); }),
      phase_(tls_ ? Phase::securing : Phase::open) {}

Stream::~Stream() { wipe(head_); }

void Stream::start() { drive(); }

void Stream::resume_reading() {
    reading_ = true;
    drive();
}

void Stream::send(std::string head, BodyPart body) {
    RINGFENCE_ASSERT(!sending_ && !finishing_);
    RINGFENCE_ASSERT(body.length == 0 || body.offset + body.length <= body.bytes->size());
    head_ = std::move(head);
    head_sent_ = 0;
    body_ = std::move(body);
    if (tls_ && body_.length > 0 && head_.size() < record_size) {
        const std::size_t count = std::min(body_.length, record_size - head_.size());
        head_.append(*body_.bytes, body_.offset, count);
        body_.offset += count;
        body_.length -= count;
    }
    sending_ = true;
    drive();
}

std::size_t Stream::unacknowledged() const {
    int queued = 0;
    if (::ioctl(watch_.descriptor(), SIOCOUTQ, &queued) != 0) queued = 0;
    return unsent() + static_cast<std::size_t>(queued);
}

void Stream::finish(Rest rest) {
    finishing_ = rest;
    drive();
}

// The owner is called from here only, so that what it does in a call is carried on with here instead of ever deeper.
void Stream::drive() {
    if (driving_) return;
    driving_ = true;
    const std::weak_ptr<bool> life = life_;
    while (advance()) {
        if (life.expired()) return;
    }
    if (!life.expired()) driving_ = false;
}

bool Stream::advance() {
    switch (phase_) {
        case Phase::securing: return secure();
        case Phase::lingering: return discard();
        case Phase::ended: return false;
        case Phase::open: break;
    }
    if (sending_) return flush();
    if (finishing_) return close_sending();
    return reading_ && receive();
}

bool Stream::wait_for(TlsStep step) {
    if (step == TlsStep::want_write) {
        watch_.await_writable();
    } else {
        watch_.await_readable();
    }
    return false;
}

bool Stream::secure() {
    const TlsStep step = tls_->handshake();
    switch (step) {
        case TlsStep::want_read:
        case TlsStep::want_write: return wait_for(step);
        case TlsStep::closed:
        case TlsStep::failed: return refuse();
        case TlsStep::done: break;
    }
    phase_ = Phase::open;
    owner_.on_secured();
    return true;
}

// Under TLS 1.3 a client has asked its first question before it learns that its certificate is refused. A close with
// that unread is a reset, which overtakes the alert that says why.
bool Stream::refuse() {
    const std::string reason = tls_->failure().message;
    linger();
    owner_.on_not_secured(reason);
    return true;
}

bool Stream::flush() {
    const Moved moved = write_some();
    if (moved.step == TlsStep::want_read || moved.step == TlsStep::want_write) return wait_for(moved.step);
    if (moved.step != TlsStep::done) return end(Ended::Why::broken);
    const std::size_t from_head = std::min(moved.bytes, head_.size() - head_sent_);
    head_sent_ += from_head;
    body_.offset += moved.bytes - from_head;
    body_.length -= moved.bytes - from_head;
    if (head_sent_ < head_.size() || body_.length > 0) {
        if (moved.bytes < turn_size) return true;
        return wait_for(TlsStep::want_write);
    }
    sending_ = false;
    wipe(head_);  // a part of the body was put to it, which may be a secret
    body_ = {};
    owner_.on_sent();
    return true;
}

Stream::Moved Stream::write_some() {
    const std::string_view head = std::string_view(head_).substr(head_sent_);
    const std::string_view body =
        body_.length == 0 ? std::string_view()
                          : std::string_view(*body_.bytes).substr(body_.offset, std::min(body_.length, turn_size));
    if (tls_) {
        const crypto::TlsTransfer written = tls_->write(head.empty() ? body : head);
        return {written.step, written.bytes};
    }
    std::array<iovec, 2> parts{iovec{const_cast<char*>(head.data()), head.size()},
                               iovec{const_cast<char*>(body.data()), body.size()}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t count = ::sendmsg(watch_.descriptor(), &message, MSG_NOSIGNAL);
    if (count < 0) return {step_of(errno, TlsStep::want_write), 0};
    return {TlsStep::done, static_cast<std::size_t>(count)};
}

bool Stream::receive() {
    if (std::exchange(is_drained_, false)) return wait_for(TlsStep::want_read);
    const Moved moved = read_some();
    switch (moved.step) {
        case TlsStep::want_read:
        case TlsStep::want_write: return wait_for(moved.step);
        case TlsStep::closed: return end(Ended::Why::closed);
        case TlsStep::failed: return end(Ended::Why::broken);
        case TlsStep::done: break;
    }
    owner_.on_bytes(std::string_view(loop_.scratch()).substr(0, moved.bytes));
    return true;
}

Stream::Moved Stream::read_some() {
    std::string& buffer = loop_.scratch();
    if (tls_) {
        const crypto::TlsTransfer read = tls_->read(buffer.data(), buffer.size());
        return {read.step, read.bytes};
    }
    const ssize_t count = ::recv(watch_.descriptor(), buffer.data(), buffer.size(), 0);
    if (count < 0) return {step_of(errno, TlsStep::want_read), 0};
    if (count == 0) return {TlsStep::closed, 0};
    is_drained_ = static_cast<std::size_t>(count) < buffer.size();
    return {TlsStep::done, static_cast<std::size_t>(count)};
}

bool Stream::close_sending() {
    if (tls_) tls_->shutdown();
    if (*finishing_ == Rest::none) return end(Ended::Why::closed);
    return linger();
}

bool Stream::linger() {
    ::shutdown(watch_.descriptor(), SHUT_WR);
    phase_ = Phase::lingering;
    deadline_.set(loop_.now() + linger_time);
    return true;
}

bool Stream::discard() {
    std::string& buffer = loop_.scratch();
    const ssize_t count = ::recv(watch_.descriptor(), buffer.data(), buffer.size(), 0);
    if (count < 0 && step_of(errno, TlsStep::want_read) == TlsStep::want_read) return wait_for(TlsStep::want_read);
    lingered_ += count > 0 ? static_cast<std::size_t>(count) : 0;
    if (count <= 0 || lingered_ > linger_bytes) return end(Ended::Why::closed);
    return true;
}

bool Stream::end(Ended::Why why) {
    if (phase_ == Phase::ended) return false;
    phase_ = Phase::ended;
    deadline_.clear();
    owner_.on_ended({why});
    return false;
}

}  // namespace ringfence::net
