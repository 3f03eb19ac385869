// Whole messages over a connected Unix stream socket, for two processes of ours that wait for each other: 4 bytes of
// length, most significant first, then the message. Blocking, for threads and processes of their own, never for an
// event loop. After a Fault the two sides may have lost each other's place: close the channel.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "net/descriptor.h"

namespace ringfence::net {

struct SocketPair {
    Descriptor ours;
    Descriptor theirs;
};
// Both close on exec. Faults: unavailable.
Result<SocketPair> make_socket_pair();

// One thread at a time, but for shut_down().
class MessageChannel {
public:
    // A message of 64 kB with a chain of certificates fits several times; a peer gone mad cannot make us take more.
    static constexpr std::size_t max_message = std::size_t{256} * 1024;

    explicit MessageChannel(Descriptor socket) : socket_(std::move(socket)) {}

    // `within` bounds the whole call, in the kernel's own time; none: as long as it takes. Faults: unavailable (the
    // other side is gone, or too slow), too_large.
    Status send(std::string_view message, std::optional<Duration> within);
    Result<std::string> receive(std::optional<Duration> within);

    // Whether the other side has closed and nothing that it sent is left.
    bool is_closed() const;
    // From any thread, while the channel lives: what waits here ends with a Fault, and so does all that follows.
    void shut_down();

private:
    Descriptor socket_;
};

}  // namespace ringfence::net
