// A phone's effective settings as the configuration of baresip 1.0, the telephone program of Debian 12. Pure: values
// in, file texts out. Thread-safe.
//
// What baresip does differently from a set, and what is done about it:
//   * It verifies no SIP server, whatever sip_cafile says. OpenSSL is told to by its own configuration file, which
//     start() names to it. That checks the chain and not the name, so the roots are to be limited to `servers`
//     (crypto/limited_anchors.h).
//   * A value that could leave its line or its field is refused, and with it the account. Nothing is escaped, since
//     baresip knows no escape. A transport is never weaker than the settings ask for: TLS, when it is listed.
//   * What has no counterpart is listed by name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/limited_anchors.h"
#include "family/family.h"
#include "phone/settings_store.h"

namespace ringfence::phone {

struct BaresipSurroundings {
    std::string folder;                                      // absolute; where the files will stand
    std::string module_folder = "/usr/lib/baresip/modules";  // absolute
    std::string audio = "alsa,default";                      // DRIVER,DEVICE
    std::optional<std::uint16_t> sip_port;                   // in place of SIP_UDP_PORT; TLS is one above
    std::string interface;                                   // its name or address; empty: that of the default route
    std::vector<std::string> dns_servers;                    // ADDRESS:PORT; empty: the system's
    bool has_roots = false;
    bool has_identity = false;  // a device certificate with its key
};

// Names in the folder.
inline constexpr std::string_view baresip_roots_name = "roots.pem";
inline constexpr std::string_view baresip_identity_name = "identity.pem";
inline constexpr std::string_view baresip_openssl_name = "openssl.cnf";

struct BaresipConfiguration {
    std::string config;
    Secret accounts;  // one line an account, with its password
    std::string contacts;
    std::string openssl;             // the configuration of OpenSSL
    std::string start;               // shell script that runs baresip with both
    crypto::PermittedHosts servers;  // that TLS accounts may be led to; empty: no account uses TLS
    std::size_t account_count = 0;
    std::vector<std::string> refused;       // one sentence each
    std::vector<std::string> remarks;       // what is translated, but not quite
    std::vector<std::string> untranslated;  // names of effective settings without a counterpart
    std::size_t unknown_settings = 0;       // effective settings that the family does not know
};

// malformed when the surroundings cannot stand in a configuration line.
Result<BaresipConfiguration> translate_baresip(const EffectiveSettings& settings, const family::Family& family,
                                               const BaresipSurroundings& surroundings);

}  // namespace ringfence::phone
