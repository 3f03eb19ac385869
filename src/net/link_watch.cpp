#include "net/link_watch.h"

#include <fmt/format.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

// Behind net/if.h, so that they leave out what that has.
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "base/text.h"

namespace ringfence::net {

namespace {

constexpr std::size_t message_limit = std::size_t{64} * 1024;  // the kernel sends no larger ones
constexpr int answer_wait_ms = 2000;                           // the kernel answers at once

struct LinkRequest {
    nlmsghdr header;
    ifinfomsg info;
};

bool is_interface_name(const std::string& name) {
    return !name.empty() && name.size() < IFNAMSIZ &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f && c != '/'; });
}

auto unavailable(std::string_view what) {
    return fail(FaultCode::unavailable, fmt::format("{}: {}", what, std::strerror(errno)));
}

Link read_link(const nlmsghdr& message) {
    const auto* info = static_cast<const ifinfomsg*>(NLMSG_DATA(&message));
    constexpr unsigned up = unsigned{IFF_UP} | unsigned{IFF_LOWER_UP};
    Link link{static_cast<unsigned>(info->ifi_index), (info->ifi_flags & up) == up, 0};
    auto left = static_cast<int>(IFLA_PAYLOAD(&message));
    for (const auto* one = IFLA_RTA(info); RTA_OK(one, left); one = RTA_NEXT(one, left))
        if (one->rta_type == IFLA_CARRIER_DOWN_COUNT && RTA_PAYLOAD(one) >= sizeof link.losses)
            std::memcpy(&link.losses, RTA_DATA(one), sizeof link.losses);
    return link;
}

}  // namespace

Result<LinkWatch> LinkWatch::open(const std::string& interface) {
    if (!is_interface_name(interface))
        return fail(FaultCode::malformed, fmt::format("'{}' is no interface's name", printable(interface, IFNAMSIZ)));
    LinkWatch watch(interface,
                    Descriptor(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK;
    if (!watch.socket_.valid() ||
        ::bind(watch.socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return unavailable("the kernel does not tell of links");
    // Only from here on is every change told.
    watch.link_.index = ::if_nametoindex(interface.c_str());
    if (watch.link_.index == 0) return fail(FaultCode::not_found, fmt::format("there is no interface {}", interface));
    if (auto asked = watch.ask(); !asked) return fail(std::move(asked.error()));
    pollfd answer{watch.socket_.get(), POLLIN, 0};
    while (!watch.is_known_ && ::poll(&answer, 1, answer_wait_ms) > 0) watch.read();
    if (!watch.is_known_) return fail(FaultCode::unavailable, fmt::format("the kernel does not tell of {}", interface));
    return watch;
}

Status LinkWatch::ask() const {
    LinkRequest request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = RTM_GETLINK;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.info.ifi_index = static_cast<int>(link_.index);
    if (::send(socket_.get(), &request, sizeof request, 0) < 0) return unavailable("the kernel cannot be asked");
    return {};
}

bool LinkWatch::read() {
    const Link before = link_;
    alignas(nlmsghdr) std::array<char, message_limit> bytes;
    bool has_lost = false;
    while (true) {
        const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
        if (got > 0)
            take(bytes.data(), static_cast<std::size_t>(got));
        else if (got < 0 && errno == ENOBUFS)
            has_lost = true;
        else if (got == 0 || errno != EINTR)
            break;
    }
    // More was told than the socket holds: how the link stands now is asked for, and comes as another message.
    if (has_lost) static_cast<void>(ask());
    return link_ != before;
}

void LinkWatch::take(const char* bytes, std::size_t size) {
    auto left = static_cast<unsigned>(size);
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(bytes); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
        const bool is_link = message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK;
        if (!is_link || message->nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg))) continue;
        const Link told = read_link(*message);
        if (told.index != link_.index) continue;
        link_ = told;
        if (message->nlmsg_type == RTM_DELLINK) link_.has_carrier = false;
        is_known_ = true;
    }
}

}  // namespace ringfence::net
