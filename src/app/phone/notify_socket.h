// The UDP socket on which a phone hears NOTIFY.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip_address.h"
#include "base/result.h"

namespace ringfence::app {

struct Datagram {
    Endpoint sender;
    std::string bytes;
};

class NotifySocket {
public:
    // unavailable with the system's words.
    static Result<NotifySocket> open(const Endpoint& endpoint);
    NotifySocket(NotifySocket&& other) noexcept;
    NotifySocket& operator=(NotifySocket&&) = delete;
    ~NotifySocket();

    int descriptor() const { return descriptor_; }  // to wait on
    // Without waiting; empty: nothing is there. Cut at `limit` bytes and one.
    std::optional<Datagram> receive(std::size_t limit) const;
    void send(const Endpoint& to, std::string_view bytes) const;  // lost answers are asked for again

private:
    explicit NotifySocket(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

}  // namespace ringfence::app
