// Device certificate profiles (reference 5.4): each is a slot for one certificate and key, filled by PKCS#12 from
// [DEV_CERT], by SCEP, or by EST or CMP, which no set speaks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "crypto/tls_client.h"

namespace ringfence::phone {

// The 1100 sets know one; no manual says how many the 1200 sets do.
inline constexpr unsigned profile_limit = 8;
inline constexpr std::int32_t all_purposes = -1;
inline constexpr std::string_view default_ca_name = "AdminCA1";  // reference 5.4

enum class ProfileSource { scep, pkcs12, est, cmp };
std::string_view to_string(ProfileSource source);  // "scep", "pkcs12" ...
std::optional<ProfileSource> parse_profile_source(std::string_view name);

struct DeviceProfile {
    ProfileSource source = ProfileSource::pkcs12;
    bool is_active = true;
    std::int32_t purpose = all_purposes;                        // bit mask; whatever its bits mean, 0 serves nothing
    std::string ca_server_name = std::string(default_ca_name);  // SCEP
    std::string host_name;                                      // SCEP; empty: NTIPP and six digits of the MAC
    std::string identity;  // hash of key and certificates in the flash, lower-case hex; empty: none is installed
    std::string server;    // URL, without login, where it was enrolled and is renewed; empty: nowhere

    friend bool operator==(const DeviceProfile&, const DeviceProfile&) = default;
};

// As from the factory: profile 1 is SCEP's and off, the others are PKCS#12's and on.
DeviceProfile factory_profile(unsigned index);

// The key in PEM, then the certificate and its chain.
Secret format_identity(const crypto::ClientIdentity& identity);
// Faults: malformed; conflict (the key is another's).
Result<crypto::ClientIdentity> parse_identity(std::string_view text);

}  // namespace ringfence::phone
