#include "server/door.h"

#include <algorithm>

#include "server/ftp_door.h"
#include "server/http_door.h"
#include "server/lookup_door.h"
#include "server/tftp_door.h"

namespace ringfence::server {

namespace {

// For connecting, round trips and a phone that writes to flash before it reads on.
constexpr Duration delivery_grace = std::chrono::seconds(30);

}  // namespace

Duration longest_delivery(std::uint64_t bytes) {
    return delivery_grace + std::chrono::seconds(bytes / least_bytes_per_second);
}

std::optional<std::uint64_t> Pace::find_too_slow(SteadyTime now, std::uint64_t left) {
    if (!from_) from_ = Mark{now, left};
    const Duration span = now - from_->at;
    if (span < pace_patience) return std::nullopt;
    const std::uint64_t moved = from_->left - std::min(left, from_->left);
    const std::uint64_t rate = moved * static_cast<std::uint64_t>(Duration(std::chrono::seconds(1)) / Duration(1)) /
                               static_cast<std::uint64_t>(span.count());
    if (rate < least_bytes_per_second) return rate;
    from_ = Mark{now, left};
    return std::nullopt;
}

std::unique_ptr<Door> make_door(LoopParts& parts, net::Descriptor socket,
                                std::shared_ptr<const DoorSettings> settings) {
    switch (settings->listener.wire) {
        case trust::Wire::tftp: return std::make_unique<TftpDoor>(parts, std::move(socket), std::move(settings));
        case trust::Wire::ftp: return std::make_unique<FtpDoor>(parts, std::move(socket), std::move(settings));
        case trust::Wire::http:
        case trust::Wire::https:
        case trust::Wire::https_legacy: break;
        case trust::Wire::radius:
        case trust::Wire::radius_tls: return make_registry_door(parts, std::move(socket), std::move(settings));
    }
    return std::make_unique<HttpDoor>(parts, std::move(socket), std::move(settings));
}

}  // namespace ringfence::server
