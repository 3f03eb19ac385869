#include "server/door.h"

#include "server/ftp_door.h"
#include "server/http_door.h"
#include "server/tftp_door.h"

namespace ringfence::server {

namespace {

// For connecting, round trips and a phone that writes to flash before it reads on.
constexpr Duration delivery_grace = std::chrono::seconds(30);

}  // namespace

Duration longest_delivery(std::uint64_t bytes) {
    return delivery_grace + std::chrono::seconds(bytes / least_bytes_per_second);
}

std::unique_ptr<Door> make_door(LoopParts& parts, net::Descriptor socket,
                                std::shared_ptr<const DoorSettings> settings) {
    switch (settings->listener.wire) {
        case trust::Wire::tftp: return std::make_unique<TftpDoor>(parts, std::move(socket), std::move(settings));
        case trust::Wire::ftp: return std::make_unique<FtpDoor>(parts, std::move(socket), std::move(settings));
        case trust::Wire::http:
        case trust::Wire::https:
        case trust::Wire::https_legacy: break;
    }
    return std::make_unique<HttpDoor>(parts, std::move(socket), std::move(settings));
}

}  // namespace ringfence::server
