// NetworkLookup: all that the network door asks of the registry for one RADIUS request, and nothing more.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "registry/lookup.h"
#include "registry/network.h"

namespace ringfence::registry {

// As Lookup: one thread at a time, what was committed before the call is seen. Faults: unavailable, corrupt.
class NetworkLookup : public Snapshots {
public:
    virtual Result<std::shared_ptr<const Catalogue>> catalogue() = 0;
    virtual Result<std::optional<Device>> find_device(const MacAddress& mac) = 0;
    virtual Result<bool> may_enter_window(std::int64_t window, const WindowVisitor& visitor) = 0;
    virtual Status note_state(const MacAddress& mac, DeviceState state) = 0;

    virtual Result<std::optional<NetworkLogin>> find_network_login(std::string_view identity) = 0;
    virtual Result<std::optional<NetworkLogin>> find_network_login_of(const MacAddress& mac) = 0;
    // Neither revoked nor over.
    virtual Result<std::vector<CertificateRecord>> valid_certificates_of(const MacAddress& mac, WallTime now) = 0;

    virtual Result<std::vector<DevicePort>> ports_of(const MacAddress& mac) = 0;  // newest first, at most max_ports
    // A device was let in there. Cheap while nothing about it changed within port_note_interval; else it does not wait
    // for other writers: then it is noted the next time.
    virtual Result<NotedPort> note_port(DevicePort port, WallTime now) = 0;

    // Whether note_port() would find nothing to write.
    virtual Result<bool> is_noted(DevicePort port, WallTime now) = 0;

    // In order, above `after`; limit at most max_journal_page.
    virtual Result<JournalPage> read_journal(std::int64_t after, std::size_t limit) = 0;
    // In order of MAC, above `after`.
    virtual Result<std::vector<MacAddress>> devices_let_in_since(WallTime since, const std::optional<MacAddress>& after,
                                                                 std::size_t limit) = 0;
};

// Places remembered per device; older ones are forgotten.
inline constexpr std::size_t max_ports = 4;

}  // namespace ringfence::registry
