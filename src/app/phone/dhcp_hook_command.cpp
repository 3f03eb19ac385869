#include <fmt/format.h>
#include <unistd.h>

#include "app/phone/address_setup.h"
#include "app/phone/commands.h"
#include "app/phone/lease_file.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "net/dhcp_socket.h"
#include "phone/dhcp_environment.h"
#include "protocol/dhcp_inquiry.h"

namespace ringfence::app {

namespace {

using protocol::DhcpLease;

// The server has just answered this phone; one lost datagram is borne.
constexpr protocol::DhcpPatience patience{std::chrono::seconds(5), Duration::zero()};

std::string own_environment() {
    std::string out;
    for (char** variable = environ; *variable != nullptr; ++variable) out.append(*variable).push_back('\0');
    return out;
}

// What the client withheld, asked for again (RFC 2131 section 4.4.3).
Result<protocol::DhcpOptions> ask_again(const std::string& interface, const DhcpLease& lease) {
    const auto socket = net::DhcpSocket::open(interface);
    if (!socket) return fail(socket.error());
    SystemClock clock;
    SystemRandom random;
    const auto& mac = socket->hardware();
    auto inquiry = protocol::DhcpInquiry::inform(protocol::request_dhcp(mac), mac, lease,
                                                 static_cast<std::uint32_t>(random.below(std::uint64_t{1} << 32)));
    inquiry.start(clock.steady_now(), patience);
    if (auto asked = net::converse(*socket, clock, inquiry); !asked) return fail(asked.error());
    if (inquiry.answers().empty())
        return fail(FaultCode::unavailable, "the DHCP server did not answer when it was asked for option 66 again");
    return inquiry.answers().front().options;
}

// The lease stands without the server's name, and a boot says that it was withheld.
std::string complete(std::string environment, const std::string& interface, const DhcpLease& lease) {
    if (!phone::is_server_withheld(lease) || !lease.address) return environment;
    const auto options = ask_again(interface, lease);
    if (!options) {
        complain(options.error().message, exit_failed);
        return environment;
    }
    return phone::add_withheld_options(environment, *options);
}

int take_lease(const DhcpHookOptions& options, const std::string& interface) {
    std::string environment = phone::keep_dhcp_variables(own_environment());
    const auto lease = phone::parse_dhcp_environment(environment);
    if (!lease) return complain(lease.error().message, exit_failed);
    if (options.configures)
        if (auto set = configure_address(interface, *lease); !set) return complain(set.error().message, exit_failed);
    environment = complete(std::move(environment), interface, *lease);
    SystemDisk disk;
    if (auto saved = save_lease(disk, options.state, environment); !saved)
        return complain(saved.error().message, exit_failed);
    return exit_done;
}

int lose_lease(const DhcpHookOptions& options, const std::string& interface) {
    SystemDisk disk;
    if (auto forgotten = forget_lease(disk, options.state); !forgotten)
        return complain(forgotten.error().message, exit_failed);
    if (!options.configures) return exit_done;
    if (auto cleared = clear_addresses(interface); !cleared) return complain(cleared.error().message, exit_failed);
    return exit_done;
}

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : value;
}

}  // namespace

int dhcp_hook(const DhcpHookOptions& options) {
    // udhcpc says what happened in its argument, dhclient in a variable.
    const std::string event = options.event.empty() ? variable("reason") : options.event;
    const std::string interface = variable("interface");
    if (event.empty() || interface.empty())
        return complain("dhcp-hook is run by udhcpc or dhclient, which say what happened and where", exit_misused);
    switch (phone::read_dhcp_event(event)) {
        case phone::DhcpEvent::leased: return take_lease(options, interface);
        case phone::DhcpEvent::lost: return lose_lease(options, interface);
        case phone::DhcpEvent::other: break;
    }
    return exit_done;
}

}  // namespace ringfence::app
