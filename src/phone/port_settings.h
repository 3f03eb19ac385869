// The 802.1X settings as they are typed at the set (reference 6). Pure and thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace ringfence::phone {

enum class PortMode {
    disabled,  // the port is not guarded as far as the phone knows: requests for an identity are ignored
    md5,
    peap,
    tls,
};
std::string_view to_string(PortMode mode);  // "disabled", "md5" ...

// What is spoken within PEAP's tunnel. A set knows EAP-MD5.
enum class TunnelMethod { md5, mschapv2 };
std::string_view to_string(TunnelMethod method);  // "md5", "mschapv2"

struct PortSettings {
    PortMode mode = PortMode::disabled;
    std::string id1;  // PEAP shows it to whoever listens
    std::string id2;  // PEAP: inside the tunnel; empty: ID1
    Secret password;
    TunnelMethod tunnel = TunnelMethod::md5;
    std::string server_name;  // that the RADIUS server's certificate must carry; empty: any below a root, as on a set

    const std::string& tunnel_identity() const { return id2.empty() ? id1 : id2; }

    friend bool operator==(const PortSettings&, const PortSettings&) = default;
};

enum class PortField { mode, id1, id2, password, tunnel, server_name };
std::string_view to_string(PortField field);  // "eap-mode", "eap-id1" ..., as the command line names it
std::optional<PortField> parse_port_field(std::string_view name);
std::vector<PortField> all_port_fields();

// RADIUS carries no longer ones (RFC 2865 sections 5.1 and 5.2).
inline constexpr std::size_t max_identity_size = 253;
inline constexpr std::size_t max_port_password_size = 128;

// Types one field in; empty text is as from the factory. Choosing Disabled erases everything else (reference 6).
// malformed or too_large where the field does not take it; the message never holds the text.
Status set_port_field(PortSettings& settings, PortField field, std::string_view text);

// What is installed on the phone.
struct PortMaterial {
    bool has_root = false;
    bool has_device_certificate = false;
};

// Whether the mode may be switched on: conflict names what must be typed or installed before (reference 6).
Status check_port_material(const PortSettings& settings, const PortMaterial& material);

}  // namespace ringfence::phone
