// A connected TCP socket, bare or under TLS, with one deadline and one answer on its way at a time.
// Used on its loop's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/tls_server.h"
#include "net/event_loop.h"
#include "net/socket.h"

namespace ringfence::net {

struct Ended {
    enum class Why {
        closed,     // the peer closed its side, or the conversation was ended in order
        broken,     // reset or another error of the connection
        timed_out,  // the deadline passed
    };
    Why why = Why::closed;
};

// Who uses a stream. Any call may destroy the stream.
class StreamOwner {
public:
    virtual ~StreamOwner() = default;
    // The TLS handshake is done. Not called on a bare stream.
    virtual void on_secured() {}
    // The TLS handshake failed; the reason is one plain sentence. The peer is given a moment to take the alert, as
    // after finish(Rest::expected), and on_ended() follows.
    virtual void on_not_secured(const std::string& /*reason*/) {}
    // Only while reading; the bytes are gone when the call returns.
    virtual void on_bytes(std::string_view bytes) = 0;
    // All that was given to send() was handed to the kernel. What the peer does after that changes nothing.
    virtual void on_sent() = 0;
    // The last call, once, unless the stream is destroyed before.
    virtual void on_ended(const Ended& ended) = 0;
};

// A part of shared bytes; no copy is made.
struct BodyPart {
    std::shared_ptr<const std::string> bytes;
    std::size_t offset = 0;
    std::size_t length = 0;
};

class Stream {
public:
    // With `tls` (made on the same descriptor) the handshake begins in start(). `owner` must outlive the stream.
    Stream(EventLoop& loop, Descriptor socket, StreamOwner& owner,
           std::optional<crypto::TlsConnection> tls = std::nullopt);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    // Handshakes first, then reads. Call once, last in the owner's set-up: it may call the owner.
    void start();

    // While paused nothing is read, so a peer that sends on is held back by TCP.
    void pause_reading() { reading_ = false; }
    void resume_reading();

    // `head` goes out before the body, in one packet where they fit. on_sent() follows, perhaps before this returns;
    // until then nothing else may be sent.
    void send(std::string head, BodyPart body = {});
    bool is_sending() const { return sending_; }
    // Of what was given to send(), head and body: how much the kernel has not taken yet.
    std::size_t unsent() const { return head_.size() - head_sent_ + body_.length; }
    // The same, and of all that the kernel took, what the peer's system has not acknowledged. Asks the kernel.
    std::size_t unacknowledged() const;

    enum class Rest {
        none,     // the peer has nothing more to say
        expected  // it may be talking still: take that for a moment, lest a reset overtake the answer
    };
    // Ends an orderly conversation when all is sent; on_ended(closed) follows.
    void finish(Rest rest);

    // on_ended(timed_out) follows if it passes. Moving it is cheap.
    void set_deadline(SteadyTime at) { deadline_.set(at); }
    void clear_deadline() { deadline_.clear(); }

    int descriptor() const { return watch_.descriptor(); }
    // Null on a bare stream.
    const crypto::TlsConnection* tls() const { return tls_ ? &*tls_ : nullptr; }

    // How long and how much the peer may still talk after finish() or a failed handshake.
    static constexpr Duration linger_time{1000};
    static constexpr std::size_t linger_bytes = 65536;

private:
    enum class Phase { securing, open, lingering, ended };

    void drive();
    bool advance();  // false: nothing to do before the next call of the loop
    bool secure();
    bool refuse();
    bool flush();
    bool receive();
    bool close_sending();
    bool linger();
    bool discard();
    bool end(Ended::Why why);

    struct Moved {
        crypto::TlsStep step = crypto::TlsStep::done;
        std::size_t bytes = 0;
    };
    Moved write_some();
    Moved read_some();
    bool wait_for(crypto::TlsStep step);

    EventLoop& loop_;
    StreamOwner& owner_;
    Watch watch_;
    std::optional<crypto::TlsConnection> tls_;  // after watch_: it must go before the descriptor is closed
    Deadline deadline_;
    Phase phase_;
    bool driving_ = false;
    bool reading_ = true;
    bool is_drained_ = false;  // the last read took all there was: asking again would cost a call for nothing
    bool sending_ = false;
    std::optional<Rest> finishing_;
    std::string head_;
    std::size_t head_sent_ = 0;
    BodyPart body_;
    std::size_t lingered_ = 0;
    std::shared_ptr<bool> life_ = std::make_shared<bool>(true);  // tells a running call that the stream is gone
};

}  // namespace ringfence::net
