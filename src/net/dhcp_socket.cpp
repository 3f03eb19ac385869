#include "net/dhcp_socket.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <ifaddrs.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/text.h"

namespace ringfence::net {

namespace {

constexpr std::size_t ethernet_payload = 1500;
constexpr std::uint16_t dhcp_client_port = 68;

// Lets the kernel drop all but whole UDP datagrams to the client's port; data begins at the IP header.
bool hear_dhcp_only(int descriptor) {
    std::array<sock_filter, 9> program = {{
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1FFF, 4, 0),
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, dhcp_client_port, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, ethernet_payload),
        BPF_STMT(BPF_RET | BPF_K, 0),
    }};
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    return ::setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0;
}

sockaddr_ll everybody_on(int interface) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_IP);
    address.sll_ifindex = interface;
    address.sll_halen = ETH_ALEN;
    std::memset(address.sll_addr, 0xFF, ETH_ALEN);
    return address;
}

Fault refused(std::string_view interface, int error) {
    if (error == EPERM || error == EACCES) return {FaultCode::unavailable, "asking DHCP needs root, or CAP_NET_RAW"};
    return {FaultCode::unavailable, fmt::format("asking DHCP on {}: {}", printable(interface), std::strerror(error))};
}

MacAddress hardware_of(const sockaddr_ll& address) {
    std::array<std::uint8_t, ETH_ALEN> octets{};
    std::memcpy(octets.data(), address.sll_addr, octets.size());
    return MacAddress::from_octets(octets);
}

}  // namespace

Result<std::vector<std::string>> list_wired_interfaces() {
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) != 0)
        return fail(FaultCode::unavailable, fmt::format("listing the interfaces: {}", std::strerror(errno)));
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(first, &::freeifaddrs);
    std::vector<std::string> names;
    for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
        if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_PACKET) continue;
        const auto& link = *reinterpret_cast<const sockaddr_ll*>(entry->ifa_addr);
        if (link.sll_hatype == ARPHRD_ETHER && (entry->ifa_flags & IFF_UP) != 0) names.emplace_back(entry->ifa_name);
    }
    return names;
}

Result<DhcpSocket> DhcpSocket::open(const std::string& interface) {
    const unsigned index = ::if_nametoindex(interface.c_str());
    if (index == 0) return fail(FaultCode::not_found, fmt::format("there is no interface {}", printable(interface)));
    // Without a protocol it hears nothing before bind() has narrowed it to its interface.
    Descriptor socket(::socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_ll address = everybody_on(static_cast<int>(index));
    if (!socket.valid() || !hear_dhcp_only(socket.get()) ||
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return fail(refused(interface, errno));
    socklen_t size = sizeof address;
    if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
        return fail(refused(interface, errno));
    if (address.sll_hatype != ARPHRD_ETHER)
        return fail(FaultCode::not_found, fmt::format("{} is no interface of Ethernet", printable(interface)));
    return DhcpSocket(std::move(socket), static_cast<int>(index), hardware_of(address));
}

Status DhcpSocket::broadcast(std::string_view packet) const {
    const sockaddr_ll address = everybody_on(interface_);
    const auto sent = ::sendto(descriptor_.get(), packet.data(), packet.size(), 0,
                               reinterpret_cast<const sockaddr*>(&address), sizeof address);
    if (sent >= 0) return {};
    return fail(FaultCode::unavailable, fmt::format("asking DHCP: {}", std::strerror(errno)));
}

std::optional<std::string> DhcpSocket::receive(const Clock& clock, SteadyTime until) const {
    std::array<char, ethernet_payload> buffer{};
    for (;;) {
        const ssize_t count = ::recv(descriptor_.get(), buffer.data(), buffer.size(), 0);
        if (count > 0) return std::string(buffer.data(), static_cast<std::size_t>(count));
        const Duration wait = until - clock.steady_now();
        if (wait <= Duration::zero()) return std::nullopt;
        pollfd waiting{descriptor_.get(), POLLIN, 0};
        if (::poll(&waiting, 1, static_cast<int>(wait.count())) < 0 && errno != EINTR) return std::nullopt;
    }
}

}  // namespace ringfence::net
