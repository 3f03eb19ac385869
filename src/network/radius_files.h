// The files that FreeRADIUS 3.2 needs to ask us who may use the network: a whole configuration of its own, which runs
// as it is (freeradius -d DIR). network/query_codec.h is the other half of what its rest modules say. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "base/result.h"
#include "base/secret.h"
#include "registry/network.h"

namespace ringfence::network {

// What EAP under TLS shows and believes, PEM.
struct RadiusTls {
    std::string chain{};        // its certificate, then the CAs between it and the root
    Secret key{};               // of that certificate
    std::string authorities{};  // that device certificates chain to, roots included
};

struct RadiusPlan {
    std::string folder;                  // where the files will lie, absolute
    std::string logs;                    // FreeRADIUS's folder for its log, absolute
    std::optional<IpAddress> address{};  // where switches ask it; empty: every IPv4 address of its machine
    std::uint16_t port = 1812;
    std::string server;  // where it asks us: "http://127.0.0.1:18120", or an https URL; without a '/' at the end
    std::string cache;   // the same of the cache beside it, which is asked while we are silent
    Secret password{};   // that it shows to both of them on its own machine
    RadiusTls tls{};
    std::optional<RadiusTls> legacy_tls{};  // set: the lane of old TLS is open
    std::vector<registry::Switch> switches{};
};

struct RadiusFile {
    std::string name;
    Secret content;
};

inline constexpr std::string_view radius_key_file = "eap.key";
inline constexpr std::string_view radius_chain_file = "eap.pem";
inline constexpr std::string_view radius_legacy_key_file = "eap-legacy.key";
inline constexpr std::string_view radius_legacy_chain_file = "eap-legacy.pem";
inline constexpr std::string_view radius_authorities_file = "authorities.pem";
inline constexpr std::string_view radius_password_file = "ringfence.password";  // the plan's password alone
inline constexpr std::string_view radius_main_file = "radiusd.conf";            // begins with radius_mark
inline constexpr std::string_view radius_mark = "# Written by ringfence radius config";

// Whether FreeRADIUS takes the text between quotes as it stands: printable ASCII without blanks, quotes, '\\', '$',
// '%'.
bool is_plain_radius_text(std::string_view text);

// malformed when a path, a switch's name or its secret is not plain.
Result<std::vector<RadiusFile>> format_radius_files(const RadiusPlan& plan);

}  // namespace ringfence::network
