// What the phone keeps of its 802.1X port beside the flash's index, in files of mode 0600 whose names begin with
// port_file_prefix: how the port stands, and what wpa_supplicant reads at every login. They go with a factory reset.
// Each is replaced whole. Not thread-safe; one program at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/disk.h"
#include "base/result.h"
#include "crypto/certificate.h"
#include "crypto/tls_client.h"
#include "phone/port_login.h"

namespace ringfence::phone {

inline constexpr std::string_view port_file_prefix = "port-";

// One stretch of time in which the cable was plugged in: equal marks are the same stretch.
struct LinkMark {
    std::string boot_id;  // of the running system
    std::string interface;
    unsigned index = 0;        // the system's number of the interface
    std::uint32_t losses = 0;  // how often the carrier was lost

    friend bool operator==(const LinkMark&, const LinkMark&) = default;
};

struct PortNote {
    PortState state = PortState::no_link;
    std::string reason;
    LinkMark link;

    friend bool operator==(const PortNote&, const PortNote&) = default;
};

// parse_port_note(format_port_note(v)) == v. Fault corrupt.
std::string format_port_note(const PortNote& note);
Result<PortNote> parse_port_note(std::string_view text);

class PortStore {
public:
    // `disk` outlives this object; the folder exists.
    PortStore(Disk& disk, std::string folder) : disk_(&disk), folder_(std::move(folder)) {}

    Result<std::optional<PortNote>> load_note() const;  // empty: nothing was noted; corrupt
    Status save_note(const PortNote& note);
    Status forget_note();  // so that the next login is a new one

    // Paths; the files are there after save_*().
    std::string roots_path() const { return path("roots.pem"); }
    std::string identity_path() const { return path("identity.pem"); }
    Status save_roots(const std::vector<crypto::Certificate>& roots);
    Status save_identity(const crypto::ClientIdentity& identity);
    Status remove_roots();
    Status remove_identity();

private:
    std::string path(std::string_view name) const;

    Disk* disk_;
    std::string folder_;
};

}  // namespace ringfence::phone
