// Whether a network interface has a carrier: plugged in, and the other end is on. The kernel tells each change on a
// netlink socket (rtnetlink(7), RTMGRP_LINK). It sees the network namespace of the thread that opens it.
// Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "net/descriptor.h"

namespace ringfence::net {

struct Link {
    unsigned index = 0;        // the system's number; another one: the interface was made anew
    bool has_carrier = false;  // and is switched on
    std::uint32_t losses = 0;  // of carrier, since the interface was made (Linux 4.16 and later, else 0)

    friend bool operator==(const Link&, const Link&) = default;
};

class LinkWatch {
public:
    // malformed for what is no interface's name; not_found; unavailable.
    static Result<LinkWatch> open(const std::string& interface);

    const Link& link() const { return link_; }
    int descriptor() const { return socket_.get(); }  // readable when read() may find news
    // Takes what the kernel told meanwhile, without waiting: whether the link is another than before. An interface
    // that is gone has no carrier.
    bool read();

private:
    LinkWatch(std::string interface, Descriptor socket)
        : interface_(std::move(interface)), socket_(std::move(socket)) {}

    Status ask() const;
    void take(const char* bytes, std::size_t size);

    std::string interface_;
    Descriptor socket_;
    Link link_;
    bool is_known_ = false;
};

}  // namespace ringfence::net
