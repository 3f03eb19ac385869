// The settings file DIR/ringfence.toml: what the server is called, where it listens and how much it bears. Every key is
// explained in the text that format_default_settings() writes; a key that is not known is refused by its name, so that
// a misspelt one never goes unseen. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "crypto/tls_server.h"
#include "delivery/installation.h"
#include "network/dhcp_plan.h"
#include "network/query_codec.h"
#include "protocol/http_auth.h"
#include "trust/access.h"

namespace ringfence::server {

struct ListenerSettings {
    trust::Wire wire = trust::Wire::tftp;
    Endpoint endpoint;  // 0.0.0.0 and [::] listen on all addresses of their family; port 0: any free one
    // HTTPS only.
    crypto::ClientCertificates client_certificates = crypto::ClientCertificates::off;
    protocol::ChallengeKind challenge = protocol::ChallengeKind::basic;
    friend bool operator==(const ListenerSettings&, const ListenerSettings&) = default;
};

// Where RADIUS servers ask: radius, radius-tls.
bool is_lookup_wire(trust::Wire wire);
bool is_loopback(const IpAddress& address);

// tftp 69, ftp 21, http 80, https and https-legacy 443: what phones use when they are not told another. radius 18120
// and radius-tls 18122: what `radius config` writes.
std::uint16_t standard_port(trust::Wire wire);

struct PortRange {
    std::uint16_t first = 0;
    std::uint16_t last = 0;  // included
};

// Per door and loop. A storm of 3,000 phones on two loops fits; more wait in the kernel's queue.
struct DoorLimits {
    std::size_t transfers = 2048;    // TFTP, about 2 kB each
    std::size_t connections = 2048;  // FTP, HTTP and HTTPS; one under TLS takes about 40 kB
};

// How devices may get certificates, and how the state of these is asked for. For each protocol whether its paths are
// there at all.
struct EnrolmentSettings {
    bool scep = true;
    bool est = true;
    bool cmp = true;
    bool ocsp = true;
    bool login = true;  // agents are handed their logins
    // Until when old phones may use SCEP with SHA-1 and 3DES on the http door; empty: they may not.
    std::optional<WallTime> scep_legacy_closes{};
    unsigned workers = 0;  // threads, each with a registrar process; 0: one for each loop
};

// What RADIUS servers are told (server/lookup_door.h).
struct RadiusSettings {
    network::AdmissionTerms terms{};
    bool has_legacy_eap = false;  // EAP under old TLS for those that [legacy] names, until it closes
};

struct ServerSettings {
    // Its legacy lane is set when manifests lead phones there: a legacy door listens and [legacy] names its server.
    delivery::Installation installation;
    std::string families;  // folder of the phone families; empty: where Ringfence was installed
    unsigned loops = 0;    // threads that serve; 0: one for each core
    std::vector<ListenerSettings> listeners;
    std::optional<delivery::LanePolicy> legacy;  // set whenever a legacy door listens
    std::optional<PortRange> passive_ports;      // of FTP; empty: any free one
    DoorLimits limits;
    EnrolmentSettings enrolment;
    network::DhcpPlan dhcp;  // checked if the file has [dhcp]; its server is else the address of the installation
    RadiusSettings radius;
    Duration drain_time = std::chrono::seconds(30);  // how long running transfers may take at SIGTERM
};

inline constexpr std::string_view settings_file_name = "ringfence.toml";
inline constexpr std::size_t max_settings_size = 64 * 1024;  // a person wrote it

// Faults: malformed with the line or key that is wrong, too_large.
Result<ServerSettings> parse_settings(std::string_view toml);

// The file that `init` writes: listening on all IPv4 addresses of the machine with everything but the legacy lane,
// which is prepared for all of `legacy_models` and closes three years after `now`.
std::string format_default_settings(std::string_view host, std::string_view address,
                                    const std::vector<std::string>& legacy_models, WallTime now);

// Only these doors, each written "https=192.0.2.10:443" or "tftp=[::1]:69"; without a port, the standard one. What the
// file says of a door of that kind besides its address holds for it too. Fault malformed.
Status replace_listeners(ServerSettings& settings, const std::vector<std::string>& listens);

}  // namespace ringfence::server
