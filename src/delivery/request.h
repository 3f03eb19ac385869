// The neutral form between doors and the pipeline. A door turns bytes into a Request and an Answer back into bytes; it
// decides nothing about who may read what.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ip_address.h"
#include "delivery/installation.h"
#include "protocol/http_auth.h"
#include "registry/lookup.h"
#include "trust/access.h"

namespace ringfence::delivery {

struct Request {
    trust::Wire wire = trust::Wire::tftp;
    std::string path;  // as asked, percent-decoded by HTTP doors, one leading '/' removed; not yet judged
    IpAddress source;
    std::string user_agent;                                // raw bytes, HTTP only
    std::string method = "GET";                            // what Digest hashes
    std::optional<protocol::Authorization> authorization;  // HTTP header as shown; looked at on HTTPS only
    std::string certificate_fingerprint;  // of the client certificate that the handshake verified; empty: none shown
    bool only_asks = false;               // the content will not be sent: HTTP HEAD, FTP SIZE and MDTM
    const LanePolicy* lane = nullptr;     // the listener's; null: it serves everyone. Outlives the call
};

enum class Outcome {
    content,      // body is set
    needs_proof,  // 401 with the listener's challenge
    not_found,    // the one answer for absent and forbidden
    unavailable,  // the registry or disk failed; the phone may try again
};

// What confirm() and record() need later; opaque to doors.
struct Ticket {
    registry::Event event;
    // Whose budget of recorded refusals, or of recorded deliveries, it is counted against; empty: always recorded.
    std::string asker;
    std::optional<registry::WindowVisitor> visitor;  // whom confirm() counts into `window`; empty: nobody
    std::int64_t window = 0;
    std::string one_time_file{};          // path of a file that is fetched once, when that is what goes out
    std::optional<IpAddress> claimant{};  // for whom confirm() claims it; empty: it is claimed
    registry::Body root_file{};           // that goes out
    IpAddress source{};
    std::optional<MacAddress> proved{};      // who asked, by its own proof
    std::optional<MacAddress> first_seen{};  // a device of the inventory that nobody had asked for before
};

struct Answer {
    Outcome outcome = Outcome::not_found;
    registry::Body body;
    std::string etag;  // quoted, strong
    WallTime modified{};
    bool stale_nonce = false;  // the Digest was right but its nonce is used up: challenge with stale=true
    Ticket ticket;
};

// How the delivery ended, as the door saw it.
struct Delivered {
    std::uint64_t bytes = 0;
    bool complete = false;      // the last byte was handed to the peer, even if it reset the connection after that
    bool not_modified = false;  // HTTP 304
    bool only_asked = false;    // the content was not to be sent: FTP SIZE and MDTM
};

}  // namespace ringfence::delivery
